import { z } from 'zod'
import { isoTime, listOf, maybe, pageQuery, queryTime, severity } from './common.ts'
import { overviewItem, processMetrics, statusCounts } from './processes.ts'

export const verdict = z
  .enum(['real', 'noise', 'expected'])
  .describe('`real`: trouble; `noise`: nothing happened; `expected`: something happened that was meant to')

/** `Anomaly` of the client, with where it stands and what was expected. */
export const anomaly = z
  .object({
    id: z.string(),
    processId: z.string(),
    type: z.string().describe('Such as `performance_degradation`'),
    severity,
    description: z.string(),
    timestamp: isoTime.describe('When the excursion began'),
    endedAt: isoTime.nullable().describe('Null while it lasts'),
    metric: z.string().nullable().describe('KPI such as `cpu`, or a metric; null when it is about the whole process'),
    attributes: z.record(z.string(), z.string()),
    unit: z.string().describe('UCUM'),
    value: maybe.describe('At its last record'),
    worstValue: maybe,
    expected: z.object({ low: maybe, high: maybe, centre: maybe }),
    score: z.number().describe('How far: robust standard deviations, or the score of its detector; 0 for rules'),
    exhaustedAt: isoTime.nullable().describe('When the limit is reached at the present trend'),
    contributions: z.array(z.object({ metric: z.string(), share: z.number() })),
    metrics: processMetrics.nullable().describe('KPIs at its last record'),
    record: z
      .union([z.record(z.string(), z.unknown()), z.string()])
      .nullable()
      .describe('The business record, or the line, that it is about; null when it is about numbers over time'),
    verdict: verdict.nullable(),
    alertId: z.string().nullable(),
  })
  .meta({ id: 'Anomaly' })
export type AnomalyItem = z.infer<typeof anomaly>

export const verdictBody = z.object({ verdict }).strict().meta({ id: 'VerdictBody' })

export const delivery = z
  .object({
    id: z.string(),
    channel: z.string(),
    event: z.string().describe('`opened`, `worsened`, `acknowledged` or `resolved`'),
    state: z.enum(['pending', 'delivered', 'failed', 'withdrawn']),
    attempts: z.number().int(),
    createdAt: isoTime,
    deliveredAt: isoTime.nullable(),
    nextAttemptAt: isoTime.nullable(),
    lastError: z.string().nullable(),
  })
  .meta({ id: 'Delivery' })

/** `Alert` of the client, with where it stands. */
export const alert = z
  .object({
    id: z.string(),
    anomalyId: z.string().describe('The anomaly that opened it'),
    anomalyIds: z.array(z.string()),
    processId: z.string(),
    rule: z.string(),
    type: z.string(),
    severity,
    message: z.string(),
    recipients: z.array(z.string()),
    timestamp: isoTime.describe('When it was opened'),
    status: z.enum(['open', 'acknowledged', 'resolved']),
    acknowledgedAt: isoTime.nullable(),
    acknowledgedBy: z.string().nullable().describe('Name of the user or key'),
    resolvedAt: isoTime.nullable(),
    resolvedBy: z.string().nullable().describe('Name of the user or key; `system` when its anomalies are over'),
  })
  .meta({ id: 'Alert' })
export type AlertItem = z.infer<typeof alert>

export const alertDetail = alert.extend({ deliveries: z.array(delivery) }).meta({ id: 'AlertDetail' })

export const anomalyList = listOf(anomaly).meta({ id: 'AnomalyList' })
export const alertList = listOf(alert).meta({ id: 'AlertList' })

const timeRange = { from: queryTime.optional(), to: queryTime.optional() }

export const anomalyFilter = pageQuery.extend({
  severity: severity.optional(),
  type: z.string().max(100).optional(),
  state: z.enum(['open', 'closed']).optional(),
  verdict: z.enum(['real', 'noise', 'expected', 'none']).optional(),
  ...timeRange,
})
export const estateAnomalyFilter = anomalyFilter.extend({
  process: z.string().max(1024).optional(),
  q: z.string().max(200).optional().describe('Words that all must occur in process id or description'),
})
export const alertFilter = pageQuery.extend({
  severity: severity.optional(),
  status: z.enum(['open', 'acknowledged', 'resolved']).optional(),
  process: z.string().max(1024).optional(),
  ...timeRange,
})

const findingId = z.string().min(1).max(512)
export const anomalyIdParam = z.object({ id: findingId.describe('Id of an anomaly') })
export const alertIdParam = z.object({ id: findingId.describe('Id of an alert') })

export const qualityQuery = z.object({
  from: queryTime.optional().describe('Anomalies that began from then on; 30 days before `to` when missing'),
  to: queryTime.optional().describe('ISO 8601 or milliseconds; now when missing'),
})

/** How the verdicts of people stand, per type of anomaly. */
export const detectionQuality = z
  .object({
    types: z.array(
      z.object({
        type: z.string(),
        found: z.number().int().describe('Anomalies in the range'),
        real: z.number().int(),
        noise: z.number().int(),
        expected: z.number().int(),
        precision: maybe.describe('real / (real + noise); null without either'),
      }),
    ),
    from: isoTime,
    to: isoTime,
  })
  .meta({ id: 'DetectionQuality' })

/** What normal was, minute by minute. */
export const baselineQuery = z.object({
  metric: z.string().min(1).max(255).describe('KPI such as `cpu`, or a metric'),
  attributes: z.string().max(4096).optional().describe('Canonical JSON; left out for a KPI'),
  ...timeRange,
})
export const baselineAnswer = z
  .object({
    processId: z.string(),
    metric: z.string(),
    unit: z.string(),
    from: isoTime,
    to: isoTime,
    step: z.number().describe('Seconds: 60, or more for long ranges'),
    points: z.array(z.object({ time: isoTime, value: maybe, centre: maybe, spread: maybe, deviation: maybe })),
  })
  .meta({ id: 'BaselineAnswer' })

/** The drift of many processes at once, for lists that show a past hour. */
export const driftQuery = z.object({
  ...timeRange,
  process: z.array(z.string().max(1024)).max(500).or(z.string().max(1024)).optional().describe('Repeat for several'),
})
export const driftAnswer = z
  .object({
    from: isoTime,
    to: isoTime,
    step: z.number().describe('Seconds'),
    processes: z.array(z.object({ processId: z.string(), deviations: z.array(maybe) })),
  })
  .meta({ id: 'DriftAnswer' })

/** `OperationalDashboard` of the client. */
export const operationalDashboard = z
  .object({
    processes: z.array(overviewItem),
    counts: statusCounts.describe('Active processes by status'),
    alerts: z.array(alert).describe('Open alerts'),
    estateDrift: z
      .array(z.object({ time: isoTime, up: z.number(), down: z.number() }))
      .describe('Drift of the whole estate over 24 h; empty without baselines'),
    generatedAt: isoTime,
  })
  .meta({ id: 'OperationalDashboard' })
export type OperationalDashboard = z.infer<typeof operationalDashboard>
