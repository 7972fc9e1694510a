import type { Role } from '@driftline/ingest/definitions/mqtt'
import type { MetricKind } from '@driftline/proto'

/**
 * A series as messages name it. The same object comes back with each message of a topic, so that whoever takes the
 * samples keeps its own mark of the series in it, and looks nothing up by text on the hot path.
 */
export interface SeriesKey {
  readonly process: string
  readonly metric: string
  readonly attributes: Readonly<Record<string, string>>
  /** UCUM. */
  readonly unit: string
  readonly kind: MetricKind
  readonly role: Role
  /** Where its value stands in the payload: `$.vib.rms`, a column, the name of a Sparkplug metric; for previews. */
  readonly path: string
  /** The taker's own: a handle of the series book and the generation of it; -1 until set. */
  handle: number
  generation: number
}

/** Why one value, or one row, was left out while the rest was kept. */
export interface ValueRefusal {
  readonly reason: ValueReason
  /** Path of the value. */
  readonly at: string
  readonly detail: string
}

/** Every reason for which a value or row is refused: metric labels. */
export type ValueReason =
  | 'value_not_a_number'
  | 'value_not_finite'
  | 'value_out_of_range'
  | 'values_too_many'
  | 'nested_too_deep'
  | 'time_unreadable'
  | 'time_too_old'
  | 'time_in_future'
  | 'sparkplug_metric_unnamed'
  | 'sparkplug_metrics_too_many'
  | 'sparkplug_alias_ambiguous'

/**
 * What one message said. One object is used for all messages: take what is needed before the next is read. Of the
 * arrays, the first `count`, `rowCount` and all of `refusals` count.
 */
export interface Reading {
  /** `skip`: nothing to take, on purpose; `dead-letter`: refused as a whole. Refusals may stand beside `emit`. */
  verdict: 'emit' | 'skip' | 'dead-letter'
  /** Of a skip or dead letter; empty for `emit`. */
  reason: string
  detail: string
  /** Number of the mapping; -1 for none, and for Sparkplug without one. */
  mapping: number
  /** Whose events are counted; empty where the process is not known. */
  process: string
  /** Samples. */
  count: number
  /** Series that a retained message makes known: the first of `keys`, whether samples or not; 0 for other messages. */
  knownCount: number
  readonly keys: SeriesKey[]
  readonly values: number[]
  /** Event times, milliseconds since the Unix epoch: the payload's own, else the time of arrival. */
  readonly timesMs: number[]
  /** Rows as they were decoded, for rules on records. */
  rowCount: number
  readonly rows: unknown[]
  readonly rowTimesMs: number[]
  /** What to add to `process.events` and, as a part of them, to `process.events.failed`. */
  events: number
  failed: number
  readonly refusals: ValueRefusal[]
  /** The newest event time of the message; that of its arrival when it says none. */
  timeMs: number
}

/** An empty reading, to be used again and again. */
export const createReading = (): Reading => ({
  verdict: 'skip',
  reason: '',
  detail: '',
  mapping: -1,
  process: '',
  count: 0,
  knownCount: 0,
  keys: [],
  values: [],
  timesMs: [],
  rowCount: 0,
  rows: [],
  rowTimesMs: [],
  events: 0,
  failed: 0,
  refusals: [],
  timeMs: 0,
})

/** Readies a reading for the next message. */
export function clearReading(reading: Reading, nowMs: number): void {
  reading.verdict = 'emit'
  reading.reason = ''
  reading.detail = ''
  reading.mapping = -1
  reading.process = ''
  reading.count = 0
  reading.knownCount = 0
  reading.rowCount = 0
  reading.events = 0
  reading.failed = 0
  if (reading.refusals.length > 0) reading.refusals.length = 0
  reading.timeMs = nowMs
}

export function addSample(reading: Reading, key: SeriesKey, value: number, timeMs: number): void {
  const at = reading.count
  reading.keys[at] = key
  reading.values[at] = value
  reading.timesMs[at] = timeMs
  reading.count = at + 1
}

/** Bounds what one message can say was wrong with it. */
const REFUSALS_MAX = 64

export function addRefusal(reading: Reading, reason: ValueReason, at: string, detail: string): void {
  if (reading.refusals.length < REFUSALS_MAX) reading.refusals.push({ reason, at, detail })
}

/** Turns a reading into nothing taken, on purpose. */
export function skipReading(reading: Reading, reason: string): Reading {
  reading.verdict = 'skip'
  reading.reason = reason
  return reading
}

/** Turns a reading into a message refused as a whole: a failed event of its process, where that is known. */
export function refuseReading(reading: Reading, reason: string, detail: string): Reading {
  reading.verdict = 'dead-letter'
  reading.reason = reason
  reading.detail = detail
  reading.count = 0
  reading.rowCount = 0
  reading.events = reading.process === '' ? 0 : 1
  reading.failed = reading.events
  return reading
}
