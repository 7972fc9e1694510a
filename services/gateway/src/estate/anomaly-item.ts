import { type Anomaly, Severity } from '@driftline/proto'
import type { AnomalyItem } from '../schemas/anomalies.ts'
import type { Finding } from './findings.ts'
import { type KpiValues, kpiColumns, tidyNumber, toProcessMetrics } from './kpi-columns.ts'

export const severityNames = {
  [Severity.UNSPECIFIED]: 'info',
  [Severity.INFO]: 'info',
  [Severity.WARNING]: 'warning',
  [Severity.CRITICAL]: 'critical',
} as const satisfies Record<Severity, AnomalyItem['severity']>

/** An anomaly in plain values, from the bus or out of the store. Times are milliseconds; null where unknown. */
export interface AnomalyRecord {
  readonly id: string
  readonly process: string
  readonly type: string
  readonly severity: AnomalyItem['severity']
  readonly startMs: number
  readonly endMs: number | null
  readonly timeMs: number
  readonly description: string
  readonly metric: string
  readonly attributes: string
  readonly unit: string
  readonly value: number | null
  readonly worstValue: number | null
  readonly low: number | null
  readonly high: number | null
  readonly centre: number | null
  readonly score: number | null
  readonly exhaustedMs: number | null
  readonly contributions: readonly { readonly metric: string; readonly share: number }[]
  readonly kpis: KpiValues
  readonly revision: number
  /** A JSON object, or a text; empty for none. */
  readonly record: string
}

const iso = (timeMs: number): string => new Date(timeMs).toISOString()
const isoOrNull = (timeMs: number | null): string | null => (timeMs === null ? null : iso(timeMs))

export function toFinding(record: AnomalyRecord): Finding {
  const item: AnomalyItem = {
    id: record.id,
    processId: record.process,
    type: record.type,
    severity: record.severity,
    description: record.description,
    timestamp: iso(record.startMs),
    endedAt: isoOrNull(record.endMs),
    metric: record.metric === '' ? null : record.metric,
    attributes: readAttributes(record.attributes),
    unit: record.unit,
    value: tidyNumber(record.value),
    worstValue: tidyNumber(record.worstValue),
    expected: { low: tidyNumber(record.low), high: tidyNumber(record.high), centre: tidyNumber(record.centre) },
    score: tidyNumber(record.score) ?? 0,
    exhaustedAt: isoOrNull(record.exhaustedMs),
    contributions: record.contributions.map(({ metric, share }) => ({ metric, share: tidyNumber(share) ?? 0 })),
    metrics: record.kpis.some((value) => value !== null)
      ? toProcessMetrics(record.process, record.timeMs, record.kpis)
      : null,
    record: readRecord(record.record),
    verdict: null,
    alertId: null,
  }
  return { item, startMs: record.startMs, revision: record.revision }
}

export function findingOfMessage(message: Anomaly): Finding {
  const ended = Number(message.endTimeMs)
  const exhausted = Number(message.exhaustedAtMs)
  return toFinding({
    id: message.id,
    process: message.process,
    type: message.type,
    severity: severityNames[message.severity] ?? 'info',
    startMs: Number(message.startTimeMs),
    endMs: ended === 0 ? null : ended,
    timeMs: Number(message.timeMs),
    description: message.description,
    metric: message.metric,
    attributes: message.attributes,
    unit: message.unit,
    value: message.value,
    worstValue: message.worstValue,
    low: message.expectedLow,
    high: message.expectedHigh,
    centre: message.expectedCentre,
    score: message.score,
    exhaustedMs: exhausted === 0 ? null : exhausted,
    contributions: message.contributions,
    kpis: kpiColumns.map(({ field }) => tidyNumber(message.metrics?.[field])),
    revision: message.revision,
    record: message.record,
  })
}

/** What is no JSON object is a text. */
function readRecord(text: string): AnomalyItem['record'] {
  if (text === '') return null
  if (!text.startsWith('{')) return text
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return text
  }
}

/** Attributes are canonical JSON of texts; a KPI has none, and what is not that is shown as none. */
function readAttributes(text: string): Record<string, string> {
  if (text === '') return {}
  try {
    const parsed: unknown = JSON.parse(text)
    const entries = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : []
    return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]))
  } catch {
    return {}
  }
}
