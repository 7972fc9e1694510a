import { z } from 'zod'
import { TRAIL_POINTS } from '../estate/trail.ts'
import { isoTime, maybe, pageQuery, queryFlag, queryTime, tag } from './common.ts'

export const processKind = z.enum(['host', 'os', 'device', 'log', 'service', 'flow'])
export const processStatus = z
  .enum(['ok', 'warning', 'critical', 'silent', 'learning'])
  .describe(
    '`learning` in the first 30 minutes, `silent` when nothing was heard for 5 intervals, at least 15 s (devices 60 s, logs and services 5 min)',
  )
export type ProcessStatus = z.infer<typeof processStatus>

/** Values as measured, beside the shares of `resourceUtilization`. */
export const processValues = z
  .object({
    cpuCores: maybe.describe('Cores: 1.0 is one CPU busy'),
    memoryBytes: maybe,
    readBytesPerSecond: maybe,
    writeBytesPerSecond: maybe,
    networkReceiveBytesPerSecond: maybe,
    networkTransmitBytesPerSecond: maybe,
    instances: maybe.describe('Instances alive at the end of the bucket'),
    load1: maybe.describe('Load average over 1 min, of hosts that have one'),
  })
  .meta({ id: 'ProcessValues' })

/** `ProcessMetrics` of the client, with the measured values beside the shares. */
export const processMetrics = z
  .object({
    processId: z.string(),
    executionTime: maybe.describe('Milliseconds; what it means depends on the kind'),
    successRate: maybe.describe('Share from 0 to 1'),
    errorRate: maybe.describe('Share from 0 to 1'),
    throughput: maybe.describe('Events per second'),
    resourceUtilization: z
      .object({ cpu: maybe, memory: maybe, io: maybe, network: maybe })
      .describe('Shares from 0 to 1 of the limit: the cgroup where there is one, else the host'),
    timestamp: isoTime.describe('Start of the bucket that the figures are of'),
    values: processValues,
  })
  .meta({ id: 'ProcessMetrics' })
export type ProcessMetrics = z.infer<typeof processMetrics>

/** A process as lists and the overview show it. */
export const processItem = z
  .object({
    processId: z.string(),
    kind: processKind,
    name: z.string().describe('Last name of the id, unescaped'),
    host: z.string().nullable().describe('Host that it runs on, for `host:` and `os:`'),
    status: processStatus,
    drift: maybe.describe(
      'Mean deviation from its own normal over the last 4 min, robust standard deviations, signed; null without one',
    ),
    driftKpi: z.string().nullable().describe('The KPI that is farthest from its normal now'),
    reason: z.string().nullable().describe('Its worst open anomaly in words'),
    category: z.string().nullable(),
    tags: z.array(z.string()),
    description: z.string().nullable(),
    owner: z.string().optional().describe('Of business processes: who looks after it'),
    active: z.boolean().describe('False when switched off, or when all its instances ended an hour ago'),
    metrics: processMetrics.nullable().describe('Newest figures; null before the first'),
    lastSeen: isoTime,
    endedAt: isoTime.nullable().describe('When the last instance of a group ended; null while it has one'),
  })
  .meta({ id: 'ProcessItem' })
export type ProcessItem = z.infer<typeof processItem>

/** The drift line of the last hour: a point per minute. */
export const driftLine = z
  .object({
    endsAt: isoTime.describe('Start of the minute of the last point'),
    deviations: z
      .array(maybe)
      .max(60)
      .describe('Largest deviation of any KPI, signed; oldest first; null: nothing known'),
  })
  .meta({ id: 'DriftLine' })

/** A process as the overview shows it at first; changes do not repeat trail and drift line. */
export const overviewItem = processItem
  .extend({
    driftLine,
    trail: z
      .array(maybe)
      .max(TRAIL_POINTS)
      .describe('CPU in cores, a point each 5 s up to now, oldest first, at most 60; null where nothing was heard'),
  })
  .meta({ id: 'OverviewItem' })
export type OverviewItem = z.infer<typeof overviewItem>

/** What is usual now, by KPI name (`kpis` of proto) in the KPI's unit. */
export const normals = z.record(z.string(), z.object({ centre: maybe, spread: maybe }))

export const processDetail = processItem
  .extend({
    driftLine,
    normal: normals,
    firstSeen: isoTime,
    learningUntil: isoTime.nullable().describe('When `learning` ends; null when it has'),
    intervalSeconds: maybe.describe('Interval of its source'),
    logProcesses: z
      .array(z.string())
      .optional()
      .describe('Processes whose lines of logs belong to it; left out of the live channel'),
  })
  .meta({ id: 'ProcessDetail' })
export type ProcessDetail = z.infer<typeof processDetail>

export const processPatch = z
  .object({
    category: z.string().trim().min(1).max(100).nullable(),
    tags: z.array(tag).max(50),
    description: z.string().max(2000).nullable(),
    active: z.boolean(),
  })
  .partial()
  .strict()
  .refine((patch) => Object.keys(patch).length > 0, { message: 'must change at least one field' })
  .meta({ id: 'ProcessPatch' })
export type ProcessPatch = z.infer<typeof processPatch>

export const processFilter = pageQuery.extend({
  kind: processKind.optional(),
  category: z.string().max(100).optional(),
  status: processStatus.optional(),
  q: z.string().max(200).optional().describe('Words that all must occur in id, name, category, tags or description'),
  tag: z.string().max(64).optional(),
  host: z.string().max(253).optional(),
  active: queryFlag.optional().describe('`true` or `false`; both without it'),
  at: queryTime.optional().describe('A past moment, ISO 8601 or milliseconds: values and statuses as they were'),
})
export type ProcessFilter = z.infer<typeof processFilter>

export const statusCounts = z
  .object({
    total: z.number().int(),
    ok: z.number().int(),
    warning: z.number().int(),
    critical: z.number().int(),
    silent: z.number().int(),
    learning: z.number().int(),
  })
  .meta({ id: 'StatusCounts' })
export type StatusCounts = z.infer<typeof statusCounts>
