import { z } from 'zod'
import { filterDefinition } from './filter.ts'
import { recordRule } from './record-rule.ts'

export const logFormats = [
  'auto',
  'json',
  'logfmt',
  'common',
  'combined',
  'nginx-error',
  'apache-error',
  'rfc3164',
  'rfc5424',
  'pattern',
  'plain',
] as const

const field = z.string().min(1).max(255)

/** A number of each line that becomes a metric. */
export const logMetric = z
  .strictObject({
    field,
    metric: z.string().min(1).max(255),
    unit: z.string().max(63).default(''),
    aggregation: z.enum(['sum', 'count', 'mean', 'min', 'max', 'last', 'quantiles']).default('sum'),
    by: z
      .array(field)
      .max(3)
      .optional()
      .describe('Fields whose values become attributes; the rarest fold into `other`'),
  })
  .meta({ id: 'LogMetric' })

/** How lines are read, whatever they come from. */
export const lineReading = z
  .strictObject({
    format: z.enum(logFormats).default('auto'),
    pattern: z.string().max(2000).optional().describe('Of format `pattern`: RE2 with named groups'),
    time: z
      .strictObject({
        field: field.optional(),
        format: z.enum(['auto', 'iso', 's', 'ms', 'us', 'ns', 'clf']).default('auto'),
      })
      .optional(),
    timeZone: z.string().max(100).default('UTC').describe('Of times that name none; an IANA name'),
    level: field.optional().describe('Field that holds the level; found by itself without it'),
    duration: z
      .strictObject({ field, unit: z.enum(['s', 'ms', 'us', 'ns']).default('s') })
      .optional()
      .describe('How long what the line tells of took; found by itself in known formats'),
    metrics: z.array(logMetric).max(50).default([]),
    patterns: z.boolean().default(true).describe('Group lines into templates'),
    rules: z.array(recordRule).max(20).default([]),
  })
  .meta({ id: 'LineReading' })

const common = {
  process: z.string().max(500).optional().describe('Process id; `log:<name of the source>` without it'),
  relatedProcess: z
    .string()
    .max(500)
    .optional()
    .describe('Process whose page shows these lines, such as `os:web-1:nginx`'),
  reading: lineReading.prefault({}),
  filter: filterDefinition.optional(),
}

/** Files that are followed as they grow. */
export const fileDefinition = z
  .strictObject({
    paths: z.array(z.string().min(1).max(4096)).min(1).max(50).describe('Absolute paths, directories or globs'),
    exclude: z.array(z.string().min(1).max(4096)).max(50).default([]),
    from: z
      .enum(['end', 'beginning'])
      .default('end')
      .describe('Where a file is begun that was there before the source'),
    multiline: z
      .strictObject({
        start: z.string().max(1000).optional().describe('RE2: a line that matches begins a record'),
        indented: z.boolean().default(false).describe('Indented lines belong to the one before'),
        maxLines: z.number().int().min(2).max(1000).default(200),
      })
      .optional(),
    instance: z.string().max(253).optional().describe('Name of the tailer that reads it; all of them without it'),
    ...common,
  })
  .meta({ id: 'FileDefinition' })

/** A port that takes syslog. */
export const syslogDefinition = z
  .strictObject({
    udpPort: z.number().int().min(0).max(65_535).optional(),
    tcpPort: z.number().int().min(0).max(65_535).optional(),
    bind: z.string().max(253).optional().describe('Address to listen on; that of the tailer without it'),
    allow: z.array(z.string().max(64)).max(100).optional().describe('Networks that may send, in CIDR notation'),
    instance: z.string().max(253).optional(),
    byHost: z.boolean().default(false).describe('One process per sending host: `log:<name>:<host>`'),
    ...common,
  })
  .meta({ id: 'SyslogDefinition' })

export type LineReading = z.infer<typeof lineReading>
export type LogMetric = z.infer<typeof logMetric>
export type FileDefinition = z.infer<typeof fileDefinition>
export type SyslogDefinition = z.infer<typeof syslogDefinition>
