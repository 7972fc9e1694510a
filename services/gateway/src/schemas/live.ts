import { z } from 'zod'
import { check, checkChanges } from '../flows/check-schemas.ts'
import { flowsChanges, flowsSnapshot } from '../flows/flow-schemas.ts'
import { alert, anomaly, operationalDashboard } from './anomalies.ts'
import { isoTime, maybe, problem } from './common.ts'
import { hostChanges, hostSnapshot } from './hosts.ts'
import { logLine } from './logs.ts'
import { normals, processDetail, processItem, processMetrics, statusCounts } from './processes.ts'
import { preview, sourceItem } from './sources.ts'

/** What a client sends on `/api/v1/live`. `token` is for clients that can set neither cookie nor header. */
export const liveRequest = z
  .object({
    token: z.string().max(1024).optional(),
    subscribe: z.array(z.string().min(1).max(1100)).max(200).optional(),
    unsubscribe: z.array(z.string().min(1).max(1100)).max(200).optional(),
  })
  .strict()
export type LiveRequest = z.infer<typeof liveRequest>

/** Changes of channel `overview`: once a second, and within a tenth of one when an alert or anomaly changes. */
export const overviewChanges = z.object({
  processes: z.array(processItem).describe('Items that changed, whole'),
  counts: statusCounts,
  drift: z
    .array(z.object({ processId: z.string(), time: isoTime, deviation: maybe }))
    .optional()
    .describe('Newest point of drift lines that changed: `time` is the start of its minute'),
  alerts: z.array(alert).optional().describe('Alerts that were opened or changed, whole'),
  removed: z.array(z.string()).describe('Process ids that left the overview'),
})

/** Changes of channel `process:<id>`: with every bucket, and when its status or what people set changes. */
export const processChanges = processDetail
  .pick({ status: true, active: true, lastSeen: true, category: true, tags: true, description: true })
  .extend({
    metrics: processMetrics.nullable(),
    drift: maybe,
    driftKpi: z.string().nullable(),
    reason: z.string().nullable(),
    driftPoint: z.object({ time: isoTime, deviation: maybe }).optional(),
    normal: normals.optional().describe('When a minute closed: what is usual of each KPI now'),
    anomalies: z.array(anomaly).optional().describe('Opened, changed or closed'),
  })
export type ProcessChanges = z.infer<typeof processChanges>

/** Channel `alerts`: what is open, and the anomalies that last; then what changed, whole. */
export const alertsSnapshot = z.object({ alerts: z.array(alert), anomalies: z.array(anomaly) })
export const alertsChanges = z.object({
  alerts: z.array(alert).describe('Opened, acknowledged or resolved'),
  anomalies: z.array(anomaly).describe('Opened, changed or closed'),
})

/** Channel `sources`: all of them, then those that changed, whole. The snapshot may come before they were looked at. */
export const sourcesSnapshot = z.object({ items: z.array(sourceItem) })
export const sourcesChanges = z.object({
  items: z.array(sourceItem).describe('That are new or changed'),
  removed: z.array(z.string()).describe('Values of `source` that are gone'),
})

/** Channel `logs:<process>`: lines from now on. What is more than a screen can follow is left out and counted. */
export const logTailSnapshot = z.object({
  processes: z.array(z.string()).describe('Whose lines are followed: the process, and the logs that belong to it'),
})
export const logTailChanges = z.object({
  lines: z.array(logLine).describe('Oldest first; the newest 200 of each 250 ms'),
  dropped: z.number().int().describe('Lines that came as well and are not among them; they can be searched'),
})

/** What the server sends: the first answer of a channel has `snapshot`, later ones `changes`; `seq` grows by one. */
const frame = <S extends z.ZodType, C extends z.ZodType>(snapshot: S, changes: C) =>
  z.union([
    z.object({ channel: z.string(), seq: z.number().int(), snapshot }),
    z.object({ channel: z.string(), seq: z.number().int(), changes }),
    z.object({ channel: z.string(), error: problem }),
  ])

export const overviewFrame = frame(operationalDashboard, overviewChanges)
export const hostFrame = frame(hostSnapshot, hostChanges)
export const alertsFrame = frame(alertsSnapshot, alertsChanges)
export const processFrame = frame(processDetail, processChanges)
export const sourcesFrame = frame(sourcesSnapshot, sourcesChanges)
export const logTailFrame = frame(logTailSnapshot, logTailChanges)
/** Channel `preview:<id>`: the preview as it stands, whole each time. */
export const previewFrame = frame(preview, preview)
export const checkFrame = frame(check, checkChanges)
export const flowsFrame = frame(flowsSnapshot, flowsChanges)
