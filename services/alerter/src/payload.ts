import type { Json } from '@driftline/platform/metadata/tables'
import { type Anomaly, Severity } from '@driftline/proto'
import { z } from 'zod'
import type { AlertEvent } from './channels/channel.ts'
import type { Episode } from './episodes/episode.ts'

/** What receivers are told: the body of a webhook, the stuff of a mail. Times are ISO 8601, unknown numbers null. */
export interface AlertPayload {
  readonly type: `alert.${AlertEvent}`
  /** When it happened, by the server. */
  readonly timestamp: string
  readonly data: Json
}

/** The anomaly that a message is about, as `Anomaly` of the API. */
export function anomalyData(anomaly: Anomaly): Json {
  return {
    id: anomaly.id,
    processId: anomaly.process,
    type: anomaly.type,
    severity: severityNames[anomaly.severity] ?? null,
    description: anomaly.description,
    startTime: isoTime(anomaly.startTimeMs),
    endTime: isoTime(anomaly.endTimeMs),
    timestamp: isoTime(anomaly.timeMs),
    metric: anomaly.metric,
    attributes: anomaly.attributes,
    unit: anomaly.unit,
    value: finite(anomaly.value),
    worstValue: finite(anomaly.worstValue),
    expectedLow: finite(anomaly.expectedLow),
    expectedHigh: finite(anomaly.expectedHigh),
    expectedCentre: finite(anomaly.expectedCentre),
    score: finite(anomaly.score),
  }
}

export function alertPayload(
  event: AlertEvent,
  atMs: number,
  episode: Episode,
  { anomaly, publicUrl }: { readonly anomaly: Json; readonly publicUrl: string | null },
): AlertPayload {
  return {
    type: `alert.${event}`,
    timestamp: new Date(atMs).toISOString(),
    data: {
      tenant: episode.tenant,
      id: episode.id,
      anomalyId: episode.anomalyId,
      processId: episode.process,
      type: episode.type,
      rule: episode.rule,
      severity: episode.severity,
      status: episode.status,
      message: episode.message,
      recipients: episode.recipients,
      timestamp: new Date(episode.openedAtMs).toISOString(),
      acknowledgedAt: isoOrNull(episode.acknowledgedAtMs),
      acknowledgedBy: episode.acknowledgedBy,
      resolvedAt: isoOrNull(episode.resolvedAtMs),
      resolvedBy: episode.resolvedBy,
      url: publicUrl === null ? null : `${publicUrl}/alerts/${encodeURIComponent(episode.id)}`,
      anomaly,
    },
  }
}

const text = z.string().catch('')

/** What channels that write for people need of a payload; what is missing is empty. */
export const readablePayload = z.object({
  timestamp: text,
  data: z.object({
    processId: text,
    type: text,
    severity: text,
    message: text,
    timestamp: text,
    acknowledgedBy: z.string().nullable().catch(null),
    resolvedBy: z.string().nullable().catch(null),
    url: z.string().nullable().catch(null),
  }),
})

export const severityNames: Partial<Record<Severity, Episode['severity']>> = {
  [Severity.INFO]: 'info',
  [Severity.WARNING]: 'warning',
  [Severity.CRITICAL]: 'critical',
}

function isoTime(timeMs: bigint): string | null {
  return timeMs === 0n ? null : isoOrNull(Number(timeMs))
}

function isoOrNull(timeMs: number | null): string | null {
  if (timeMs === null) return null
  const time = new Date(timeMs)
  return Number.isNaN(time.getTime()) ? null : time.toISOString()
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
