import { z } from 'zod'
import { isoTime, listOf, pageQuery, severity } from './common.ts'
import { overviewItem, processMetrics, statusCounts } from './processes.ts'

export const anomaly = z
  .object({
    id: z.string(),
    processId: z.string(),
    type: z.string(),
    severity,
    description: z.string(),
    timestamp: isoTime,
    endedAt: isoTime.nullable(),
    metrics: processMetrics,
  })
  .meta({ id: 'Anomaly' })

export const alert = z
  .object({
    id: z.string(),
    anomalyId: z.string(),
    processId: z.string(),
    severity,
    message: z.string(),
    recipients: z.array(z.string()),
    timestamp: isoTime,
    status: z.enum(['open', 'acknowledged', 'resolved']),
  })
  .meta({ id: 'Alert' })

export const anomalyList = listOf(anomaly).meta({ id: 'AnomalyList' })
export const alertList = listOf(alert).meta({ id: 'AlertList' })

export const anomalyFilter = pageQuery.extend({ severity: severity.optional() })
export const alertFilter = pageQuery.extend({
  severity: severity.optional(),
  status: z.enum(['open', 'acknowledged', 'resolved']).optional(),
})

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
