import { z } from 'zod'
import { isoTime, listOf, maybe, queryStep, queryTime } from './common.ts'

/** OpenTelemetry's severity numbers by name: 1 to 4 are `trace`, 5 to 8 `debug`, and so on; `none` where a line says none. */
export const logLevel = z.enum(['none', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'])
export type LogLevel = z.infer<typeof logLevel>

const fieldValue = z.union([z.string(), z.number(), z.boolean(), z.null()])

export const logLine = z
  .object({
    id: z.string().describe('Of this line, for `/logs/{id}/context`'),
    time: isoTime,
    processId: z.string(),
    severity: z.number().int().describe('OpenTelemetry severity number, 0 to 24; 0 where the line says none'),
    level: logLevel,
    body: z.string().describe('The line, or lines of one record; in lists at most 16,384 characters of it'),
    truncated: z.boolean().describe('Whether `body` is not all of it; one line by its id is whole'),
    fields: z
      .record(z.string(), fieldValue)
      .describe('What was read of it, names with dots; nested objects are joined by dots, lists are JSON; at most 200'),
    pattern: z.string().nullable().describe('Template that it follows, 16 hexadecimal digits'),
    origin: z.string().describe('Path of the file, or address of the sender'),
    source: z.string().describe('Id of the source that read it'),
  })
  .meta({ id: 'LogLine' })
export type LogLine = z.infer<typeof logLine>

/**
 * What a search looks for. All conditions must hold. `field.<name>=<condition>` (or `field[<name>]=...`) may be given
 * for several fields and several times for one.
 */
export const logSearch = z.object({
  process: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .describe('Lines of this process, and of the log sources that belong to it; all processes without it'),
  q: z
    .string()
    .max(500)
    .optional()
    .describe(
      'Words and "phrases" that must all occur, in any case; -word and -"phrase" must not; word* is also found inside of longer words',
    ),
  severity: z
    .string()
    .max(100)
    .regex(
      /^(none|trace|debug|info|warn|warning|error|fatal|\d{1,2})\+?(,(none|trace|debug|info|warn|warning|error|fatal|\d{1,2})\+?)*$/,
      'must be levels such as `error,fatal`, numbers from 0 to 24, or a level and all above it such as `warn+`',
    )
    .optional()
    .describe('Levels joined by commas, such as `error,fatal`; `warn+` is that level and all above it'),
  field: z
    .record(z.string().min(1).max(255), z.array(z.string().max(1000)).max(10))
    .optional()
    .describe(
      'Conditions on fields, `field.<name>=<condition>` or `field[<name>]=<condition>`: `500` (equal; a number by its value), `!500`, `>=0.5`, `>`, `<=`, `<` (numbers), `~text` (contains), `*` (there is one)',
    )
    .meta({ param: { style: 'deepObject', explode: true } }),
  pattern: z
    .string()
    .regex(/^[0-9a-f]{16}$/, 'must be 16 hexadecimal digits')
    .optional()
    .describe('Only lines of this template'),
  source: z.string().max(64).optional().describe('Only lines that this source read'),
  origin: z.string().max(4096).optional().describe('Only lines of this file or sender'),
  from: queryTime.optional().describe('First moment; an hour before `to` without it'),
  to: queryTime.optional().describe('Moment after the last; now without it'),
})
export type LogSearch = z.infer<typeof logSearch>

export const logQuery = logSearch.extend({
  limit: z.coerce.number().int().min(1).max(1000).default(100).describe('Lines per page'),
  cursor: z.string().max(512).optional().describe('`nextCursor` of the page before'),
})

export const logList = listOf(logLine)
  .extend({
    from: isoTime,
    to: isoTime,
    processes: z.array(z.string()).nullable().describe('Processes that were searched; null for all'),
  })
  .meta({ id: 'LogList' })

export const logHistogramQuery = logSearch.extend({
  step: queryStep.optional().describe('Width of a bar; made so that there are about 60 without it; at most 500 bars'),
})

export const logHistogram = z
  .object({
    from: isoTime.describe('Start of the first bar'),
    to: isoTime,
    stepSeconds: z.number(),
    total: z.number().int(),
    times: z.array(isoTime).describe('Starts of the bars; bars without lines are among them'),
    levels: z
      .array(z.object({ level: logLevel, total: z.number().int(), counts: z.array(z.number().int()) }))
      .describe('Levels that occur, least severe first; `counts` has one number for each bar'),
  })
  .meta({ id: 'LogHistogram' })

export const logFieldsQuery = logSearch.extend({
  values: z.coerce.number().int().min(1).max(50).default(10).describe('Most frequent values of each field'),
})

export const logFields = z
  .object({
    sampled: z.number().int().describe('Lines that this was made of: the newest that match, at most 2,000'),
    fields: z
      .array(
        z.object({
          name: z.string(),
          type: z.enum(['number', 'text', 'boolean', 'mixed']),
          count: z.number().int().describe('Lines that have it'),
          distinct: z.number().int().describe('Different values among them'),
          min: maybe,
          max: maybe,
          values: z.array(z.object({ value: fieldValue, count: z.number().int() })).describe('Most frequent first'),
        }),
      )
      .describe('Most frequent first, at most 100'),
  })
  .meta({ id: 'LogFields' })

export const logPatternsQuery = z.object({
  process: z.string().min(1).max(1024).describe('Process whose templates are asked for'),
  from: queryTime.optional().describe('First moment; an hour before `to` without it'),
  to: queryTime.optional().describe('Moment after the last; now without it'),
  q: z.string().max(200).optional().describe('Text that the template or its example must have, in any case'),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})

export const logPattern = z
  .object({
    id: z.string().describe('16 hexadecimal digits; `pattern` of a search'),
    processId: z.string(),
    template: z.string().describe('`<*>` stands for what differs'),
    example: z.string(),
    severity: z.number().int(),
    level: logLevel,
    firstSeen: isoTime,
    lastSeen: isoTime.nullable().describe('Within the range; null when it does not occur in it'),
    isNew: z.boolean().describe('First seen within the range, and not while the source was being learnt'),
    count: z.number().int().describe('Lines in the range'),
    before: z.number().int().describe('Lines in the stretch of the same length before it'),
    trend: z.enum(['new', 'rising', 'steady', 'falling', 'gone']),
    share: z.number().describe('Of all lines in the range, 0 to 1'),
    counts: z.array(z.number().int()).describe('Lines in each of 30 equal parts of the range'),
  })
  .meta({ id: 'LogPattern' })

export const logPatterns = z
  .object({
    from: isoTime,
    to: isoTime,
    total: z.number().int().describe('Lines in the range'),
    items: z.array(logPattern).describe('New ones first, then the most frequent'),
  })
  .meta({ id: 'LogPatterns' })

export const logLineParam = z.object({ id: z.string().min(1).max(2048).describe('Id of a line') })

export const logContextQuery = z.object({
  before: z.coerce.number().int().min(0).max(200).default(10).describe('Lines before it'),
  after: z.coerce.number().int().min(0).max(200).default(10).describe('Lines after it'),
})

export const logContext = z
  .object({
    before: z.array(logLine).describe('Of the same origin, oldest first'),
    line: logLine,
    after: z.array(logLine).describe('Of the same origin, oldest first'),
  })
  .meta({ id: 'LogContext' })
