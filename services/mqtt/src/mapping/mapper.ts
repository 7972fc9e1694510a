import type { MqttMapping } from '@driftline/ingest/definitions/mqtt'
import { findTimeKey, isPlausibleTime, parseTime } from '../payload/event-time.ts'
import { select } from '../payload/json-path.ts'
import { Refused } from '../payload/payload-format.ts'
import { parseNumber } from '../payload/plain-number.ts'
import { type MappingPlan, type MappingProblem, planMapping } from './mapping-plan.ts'
import { readEvery, readField } from './read-values.ts'
import { addRefusal, clearReading, createReading, type Reading, refuseReading, skipReading } from './reading.ts'
import { createRecent } from './recent.ts'
import { createTopicMatcher } from './topic-matcher.ts'
import { createTopicSeries, type TopicSeries } from './topic-series.ts'
import { isTopicName } from './topic-template.ts'

/** Bounds on event times, milliseconds; the collector of samples has the same. */
export interface TimeBounds {
  readonly ageMsMax: number
  readonly aheadMsMax: number
}

/** Reads messages by the mappings of a source. */
export interface Mapper {
  /**
   * What a message says. Never throws. The answer is valid until the next call. `isRetained` says that the broker kept
   * the message and sends it because we subscribed: such a value is old by a time that nobody knows.
   */
  map(topic: string, payload: Buffer, nowMs: number, isRetained: boolean): Reading
  /** What to subscribe to, without repeats. */
  readonly filters: readonly string[]
  readonly plans: readonly MappingPlan[]
}

/** Remembered topics and series: some 300 bytes each, at most twice this many. */
const REMEMBERED_MAX = 100_000
/** Longer topics are read, but not remembered. */
const REMEMBERED_TOPIC_CHARS_MAX = 1024
/** A topic whose messages bring ever new series starts anew here; what it may define is for the series book to bound. */
const SERIES_OF_TOPIC_MAX = 4096

/** Checks mappings and makes a mapper of them; `problems` are by place, such as `mappings[2].fields[0].unit`. */
export function createMapper(
  mappings: readonly MqttMapping[],
  bounds: TimeBounds,
): { readonly mapper: Mapper; readonly problems: readonly MappingProblem[] } {
  const problems: MappingProblem[] = []
  const plans: MappingPlan[] = []
  const numbers: number[] = []
  for (const [index, mapping] of mappings.entries()) {
    const planned = planMapping(mapping)
    for (const { at, problem } of planned.problems) problems.push({ at: `mappings[${index}].${at}`, problem })
    if (planned.plan === null) continue
    plans.push(planned.plan)
    numbers.push(index)
  }
  return { mapper: mapperOf(plans, numbers, bounds), problems }
}

function mapperOf(plans: readonly MappingPlan[], numbers: readonly number[], bounds: TimeBounds): Mapper {
  const match = createTopicMatcher(plans.map((plan) => plan.template))
  const topics = createRecent<TopicSeries | null>(REMEMBERED_MAX, (series) => series?.weight ?? 1)
  const reading = createReading()

  const find = (topic: string): TopicSeries | null => {
    if (!isTopicName(topic)) return null
    const found = match(topic)
    const series = found ? createTopicSeries(numbers[found.index]!, plans[found.index]!, found.values) : null
    if (topic.length <= REMEMBERED_TOPIC_CHARS_MAX) topics.set(topic, series)
    return series
  }
  return {
    filters: [...new Set(plans.map((plan) => plan.template.filter))],
    plans,
    map(topic, payload, nowMs, isRetained) {
      clearReading(reading, nowMs)
      let series = topics.get(topic)
      if (series === undefined) series = find(topic)
      if (series === null) {
        skipReading(reading, 'topic_unmapped')
        return reading
      }
      const before = series.weight
      readMessage(reading, series, payload, { nowMs, isRetained, bounds })
      if (series.weight !== before) {
        topics.grow(series.weight - before)
        if (series.weight > SERIES_OF_TOPIC_MAX)
          topics.set(topic, createTopicSeries(series.index, series.plan, series.values))
      }
      return reading
    },
  }
}

interface Arrival {
  readonly nowMs: number
  readonly isRetained: boolean
  readonly bounds: TimeBounds
}

function readMessage(reading: Reading, series: TopicSeries, payload: Buffer, arrival: Arrival): void {
  reading.mapping = series.index
  if (series.process === null) {
    refuseReading(reading, 'process_invalid', 'a name of the process is empty or too long')
    return
  }
  reading.process = series.process
  // An empty message takes a retained one away (MQTT 5.0, 3.3.1.3): it says nothing of the machine.
  if (payload.length === 0) {
    skipReading(reading, 'payload_empty')
    return
  }
  const rows = series.plan.payload.read(payload)
  if (rows instanceof Refused) {
    refuseReading(reading, rows.reason, rows.detail)
  } else {
    for (let i = 0; i < rows.length; i++) readRow(reading, series, rows[i], arrival)
    if (arrival.isRetained) settleRetained(reading)
  }
}

/**
 * A retained message repeats what was told before, so it counts no event and is no record. Values without a time of
 * their own, marked by NaN, make their series known and no more.
 */
function settleRetained(reading: Reading): void {
  reading.events = 0
  reading.failed = 0
  reading.rowCount = 0
  reading.knownCount = reading.count
  let kept = 0
  for (let i = 0; i < reading.count; i++) {
    if (Number.isNaN(reading.timesMs[i])) continue
    const key = reading.keys[i]!
    reading.keys[i] = reading.keys[kept]!
    reading.keys[kept] = key
    reading.values[kept] = reading.values[i]!
    reading.timesMs[kept] = reading.timesMs[i]!
    kept += 1
  }
  reading.count = kept
  if (kept === 0) skipReading(reading, 'retained')
}

function readRow(reading: Reading, series: TopicSeries, row: unknown, arrival: Arrival): void {
  const { plan } = series
  const refusals = reading.refusals.length
  const ownMs = timeOf(reading, series, row)
  const isBounded = ownMs === null || isWithin(reading, series, ownMs, arrival)
  if (!isBounded || Number.isNaN(ownMs)) {
    reading.events += 1
    reading.failed += 1
    return
  }
  const isRepeat = arrival.isRetained && (ownMs === null || ownMs <= series.newestMs)
  const timeMs = isRepeat ? Number.NaN : (ownMs ?? arrival.nowMs)
  if (ownMs !== null && ownMs > series.newestMs) series.newestMs = ownMs
  if (!isRepeat) reading.timeMs = reading.rowCount === 0 ? timeMs : Math.max(reading.timeMs, timeMs)
  reading.rows[reading.rowCount] = row
  reading.rowTimesMs[reading.rowCount] = timeMs
  reading.rowCount += 1
  const events = reading.events
  readValues(reading, series, row, timeMs)
  if (plan.countsEvents && reading.events > events) return
  reading.events += 1
  if (reading.refusals.length > refusals) reading.failed += 1
}

function readValues(reading: Reading, series: TopicSeries, row: unknown, timeMs: number): void {
  const { plan } = series
  if (plan.fields !== null) {
    for (let i = 0; i < plan.fields.length; i++) readField(reading, series, plan.fields[i]!, row, timeMs)
  } else if (typeof row === 'object') {
    readEvery(reading, series, row, timeMs, { timeKey: series.timeKey, textValues: plan.payload.format.textValues })
  } else if (typeof row !== 'string' || (plan.payload.format.name === 'json' && parseNumber(row) !== null)) {
    readField(reading, series, plan.scalar, row, timeMs)
  }
}

/** The row's own time; null when it carries none, NaN when it cannot be read, which is refused. */
function timeOf(reading: Reading, series: TopicSeries, row: unknown): number | null {
  const { path, format } = series.plan.time
  if (row === null || typeof row !== 'object') return null
  if (path === null) return findTime(series, row)
  const value = select(row, path)
  if (value === undefined || value === null) return null
  const ms = parseTime(value, format)
  if (Number.isNaN(ms))
    addRefusal(reading, 'time_unreadable', path.text, 'the value is no time in the format of the mapping')
  return ms
}

/** A time under a name such as `ts` that nobody mapped. Once found, its key is looked at first. */
function findTime(series: TopicSeries, row: object): number | null {
  const { format } = series.plan.time
  const key = series.timeKey
  if (key !== null && Object.hasOwn(row, key)) {
    const value = (row as Record<string, unknown>)[key]
    if (isPlausibleTime(value, format)) return parseTime(value, format)
  }
  series.timeKey = Array.isArray(row) ? null : findTimeKey(row, format)
  return series.timeKey === null ? null : parseTime((row as Record<string, unknown>)[series.timeKey], format)
}

function isWithin(
  reading: Reading,
  series: TopicSeries,
  ownMs: number,
  { nowMs, bounds, isRetained }: Arrival,
): boolean {
  const at = series.plan.time.path?.text ?? (series.timeKey === null ? '$' : `$.${series.timeKey}`)
  const agoMs = nowMs - ownMs
  if (agoMs <= bounds.ageMsMax && -agoMs <= bounds.aheadMsMax) return true
  if (Number.isNaN(agoMs) || isRetained) return false
  if (agoMs > 0) addRefusal(reading, 'time_too_old', at, `${agoMs} ms ago exceeds ${bounds.ageMsMax}`)
  else addRefusal(reading, 'time_in_future', at, `${-agoMs} ms ahead exceeds ${bounds.aheadMsMax}`)
  return false
}
