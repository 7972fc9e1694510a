import { type Batch, type Collector, createCollector, isRefusal, sampleOutcomes } from '@driftline/ingest/collector'
import type { MqttDefinition } from '@driftline/ingest/definitions/mqtt'
import { createFlagLimit, createRecordRules, flaggedRecord, type RecordRules } from '@driftline/ingest/record-rules'
import type { Refused } from '@driftline/ingest/refused'
import type { SeriesBook } from '@driftline/ingest/series-book'
import type { SourceMeter, Unmapped } from '@driftline/ingest/source-meter'
import type { Clock } from '@driftline/platform/clock'
import { MetricKind, processMetrics } from '@driftline/proto'
import { matchesFilter, problemOfFilter } from './client/filters.ts'
import { createLetterTray, type Letter } from './letter-tray.ts'
import { createMapper, type TimeBounds } from './mapping/mapper.ts'
import type { Reading, SeriesKey } from './mapping/reading.ts'
import { recordField } from './mapping/record-field.ts'
import type { MqttMessage, OutgoingMessage } from './message.ts'
import { isSparkplugTopic, sparkplugFilters } from './sparkplug/sparkplug-topics.ts'
import { sparkplugHost } from './sparkplug-reading.ts'

/** Whose messages are read. */
export interface ReadSource {
  readonly tenant: string
  readonly id: string
  readonly definition: MqttDefinition
}

/** Remembers topics that nothing maps. */
export interface Discovery {
  see(topic: string, payload: Buffer, nowMs: number): void
  unmapped(nowMs: number): Unmapped
}

export interface SourceReaderDeps {
  readonly book: SeriesBook
  readonly meter: SourceMeter
  readonly discovery: Discovery
  readonly clock: Clock
  readonly bounds: TimeBounds
}

/** What one publish takes. */
export interface ReadBatch {
  readonly data: Batch | null
  readonly letters: readonly Letter[]
  readonly suppressed: ReadonlyMap<string, number>
  /** Newest event time of what was read, milliseconds; NaN for none. */
  readonly newestMs: number
}

/** What became of one message. */
export interface ReadOutcome {
  readonly refused: Refused | null
  readonly samples: number
  readonly rows: number
}

/** Makes of messages what a source's definition says, and keeps it until it is handed over. */
export interface SourceReader {
  /** Never throws for what a message says. `byteLength` is larger than the payload when that was cut off. */
  read(message: MqttMessage, byteLength: number): void
  /** Reads a message that a person sends again: when it is refused there is no further letter. */
  replay(message: MqttMessage): ReadOutcome
  /** Time passes, once a second: answers whether something was put together. */
  tick(nowMs: number): boolean
  handOver(): ReadBatch | null
  /** What is to be published to the broker. */
  outgoing(): readonly OutgoingMessage[]
  connected(nowMs: number): void
  disconnected(): void
  /** What to subscribe to. */
  readonly filters: readonly string[]
  /** What is wrong with the mappings, in words. */
  readonly problems: readonly string[]
  /** How many messages each mapping has taken, by its number. */
  readonly taken: Float64Array
  readonly mappedAtMs: Float64Array
}

/** A metric that the source's filter leaves out. */
const NOT_WANTED = -1000
const NO_GENERATION = -1

interface Taken {
  readonly kept: number
  /** The first that was refused; null for none. */
  readonly refused: Refused | null
}

interface EventCount {
  events: number
  failed: number
  timeMs: number
  eventsHandle: number
  failedHandle: number
  generation: number
}

export function createSourceReader(source: ReadSource, deps: SourceReaderDeps): SourceReader {
  const { book, meter, clock, bounds, discovery } = deps
  const { tenant, id, definition } = source
  const { mapper, problems } = createMapper(definition.mappings, bounds)
  const host = sparkplugHost(definition, bounds)
  const collector = createCollector({ tenant, source: id, filter: definition.filter, ...bounds }, { book, clock })
  const records = createRecordKeeper(source, collector, clock)
  const tray = createLetterTray()
  const skipped = new Map<string, number>()
  const counts = new Map<string, EventCount>()
  const toldOutcomes = new Float64Array(sampleOutcomes.length)
  const taken = new Float64Array(definition.mappings.length)
  const mappedAtMs = new Float64Array(definition.mappings.length)
  let events = 0
  let bytes = 0
  let newestMs = Number.NaN
  let arrivedMs = Number.NaN

  const define = (key: Omit<SeriesKey, 'handle' | 'generation'>): number => {
    if (!collector.wants(key.metric)) return NOT_WANTED
    const { process, metric, attributes, unit, kind } = key
    return book.define({ tenant, source: id, process, metric, attributes, unit, kind })
  }

  const handleOf = (key: SeriesKey): number => {
    if (key.handle >= 0 && key.generation === book.generation) return key.handle
    if (key.handle === NOT_WANTED) return NOT_WANTED
    key.handle = define(key)
    key.generation = book.generation
    return key.handle
  }

  const refuse = (refused: Refused, topic: string, payload: Buffer | null, process: string, whole: boolean): void => {
    meter.refused(refused.reason, refused.detail, topic)
    if (payload !== null) tray.add({ refused, topic, process, atMs: clock.nowMs(), replayable: whole }, payload)
  }

  const takeSamples = (reading: Reading, topic: string, payload: Buffer | null): Taken => {
    let kept = 0
    let first: Refused | null = null
    for (let at = 0; at < reading.count; at++) {
      const key = reading.keys[at]!
      const handle = handleOf(key)
      if (handle < 0) {
        if (handle !== NOT_WANTED) first ??= { ...book.refusal(handle) }
        continue
      }
      const code = collector.sample(handle, reading.timesMs[at]!, reading.values[at]!)
      if (code === 0) kept += 1
      else if (isRefusal(code)) first ??= { reason: sampleOutcomes[code]!, detail: key.metric }
    }
    if (first !== null) refuse(first, topic, payload, reading.process, kept === 0)
    return { kept, refused: first }
  }

  const count = (process: string, more: number, failed: number, timeMs: number): void => {
    if (process === '' || more === 0) return
    let entry = counts.get(process)
    if (!entry) {
      entry = { events: 0, failed: 0, timeMs, eventsHandle: -1, failedHandle: -1, generation: NO_GENERATION }
      counts.set(process, entry)
    }
    // Counts belong to the second in which things happened: a backlog is no burst.
    if (secondOf(timeMs) !== secondOf(entry.timeMs)) flushCount(process, entry)
    entry.events += more
    entry.failed += failed
    if (timeMs > entry.timeMs) entry.timeMs = timeMs
  }

  const takeReading = (reading: Reading, topic: string, payload: Buffer, letters: boolean): ReadOutcome => {
    const letter = letters ? payload : null
    count(reading.process, reading.events, reading.failed, reading.timeMs)
    if (reading.mapping >= 0) {
      taken[reading.mapping]! += 1
      mappedAtMs[reading.mapping] = reading.timeMs
    }
    if (reading.verdict === 'dead-letter') {
      const refused = { reason: reading.reason, detail: reading.detail }
      refuse(refused, topic, letter, reading.process, true)
      return { refused, samples: 0, rows: 0 }
    }
    for (let at = 0; at < reading.knownCount; at++) {
      const handle = handleOf(reading.keys[at]!)
      if (handle >= 0) collector.know(handle)
    }
    if (reading.verdict === 'skip') {
      skipped.set(reading.reason, (skipped.get(reading.reason) ?? 0) + 1)
      return { refused: null, samples: 0, rows: 0 }
    }
    if (!(reading.timeMs <= newestMs)) newestMs = reading.timeMs
    const { kept: samples, refused: unkept } = takeSamples(reading, topic, letter)
    const rows = records.take(reading, topic, payload)
    const [wrong] = reading.refusals
    if (wrong) {
      const more = reading.refusals.length > 1 ? ` (and ${reading.refusals.length - 1} more)` : ''
      refuse(
        { reason: wrong.reason, detail: `${wrong.at}: ${wrong.detail}${more}` },
        topic,
        letter,
        reading.process,
        false,
      )
    }
    const first = wrong ? { reason: wrong.reason, detail: wrong.detail } : unkept
    return { refused: samples + rows === 0 ? first : null, samples, rows }
  }

  const readMessage = (message: MqttMessage, byteLength: number, letters: boolean): ReadOutcome => {
    const { topic, payload, arrivalMs, retained } = message
    if (byteLength > payload.length) {
      const refused = { reason: 'message_too_large', detail: `${byteLength} bytes` }
      refuse(refused, topic, letters ? payload : null, '', false)
      return { refused, samples: 0, rows: 0 }
    }
    const isSparkplug = host !== null && isSparkplugTopic(topic)
    const reading = isSparkplug
      ? host.read(topic, payload, arrivalMs, retained)
      : mapper.map(topic, payload, arrivalMs, retained)
    if (reading.verdict === 'skip' && reading.reason === 'topic_unmapped') {
      if (definition.discover.some((filter) => matchesFilter(filter, topic))) discovery.see(topic, payload, arrivalMs)
      return { refused: { reason: 'topic_unmapped', detail: topic }, samples: 0, rows: 0 }
    }
    return takeReading(reading, topic, payload, letters)
  }

  /** Events of the messages of one hand-over, summed by process. */
  const flushCounts = (): void => {
    for (const [process, entry] of counts) {
      // Processes that had nothing to count since the last time are forgotten: the map stays as small as what moves.
      if (entry.events === 0) counts.delete(process)
      else flushCount(process, entry)
    }
  }

  const flushCount = (process: string, entry: EventCount): void => {
    if (entry.events === 0) return
    if (entry.generation !== book.generation || entry.eventsHandle < 0) {
      entry.eventsHandle = defineCount(define, process, processMetrics.events)
      entry.failedHandle = entry.failed > 0 ? defineCount(define, process, processMetrics.failedEvents) : -1
      entry.generation = book.generation
    }
    if (entry.failed > 0 && entry.failedHandle < 0) {
      entry.failedHandle = defineCount(define, process, processMetrics.failedEvents)
    }
    if (entry.eventsHandle >= 0) collector.sample(entry.eventsHandle, entry.timeMs, entry.events)
    if (entry.failed > 0 && entry.failedHandle >= 0) collector.sample(entry.failedHandle, entry.timeMs, entry.failed)
    entry.events = 0
    entry.failed = 0
    entry.timeMs = Number.NEGATIVE_INFINITY
  }

  const tellMeter = (): void => {
    // What nobody maps has no time but that of its arrival.
    if (events > 0) meter.events(events, bytes, Number.isNaN(newestMs) ? arrivedMs : newestMs)
    events = 0
    bytes = 0
    for (const [reason, many] of skipped) meter.filtered(reason, many)
    skipped.clear()
    for (let code = 1; code < sampleOutcomes.length; code++) {
      const more = collector.outcomes[code]! - toldOutcomes[code]!
      toldOutcomes[code] = collector.outcomes[code]!
      if (more > 0 && !isRefusal(code)) meter.filtered(sampleOutcomes[code]!, more)
    }
  }

  return {
    filters: [
      ...mapper.filters,
      // A broker would end the connection for a filter that is none.
      ...definition.discover.filter((filter) => problemOfFilter(filter) === null),
      ...(host === null
        ? []
        : sparkplugFilters(definition.sparkplug?.groups ?? [], definition.sparkplug?.hostId ?? null)),
    ],
    problems: [
      ...problems.map(({ at, problem }) => `${at}: ${problem}`),
      ...records.problems,
      ...definition.discover.flatMap((filter, index) => {
        const problem = problemOfFilter(filter)
        return problem === null ? [] : [`discover[${index}]: ${problem}`]
      }),
    ],
    taken,
    mappedAtMs,
    read(message, byteLength) {
      events += 1
      bytes += byteLength
      arrivedMs = message.arrivalMs
      readMessage(message, byteLength, true)
    },
    replay: (message) => readMessage(message, message.payload.length, false),
    tick(nowMs) {
      if (host === null) return false
      const reading = host.tick(nowMs)
      if (reading.count > 0) takeSamples(reading, '', null)
      return reading.count > 0
    },
    handOver() {
      flushCounts()
      records.flush()
      tellMeter()
      const data = collector.take()
      const { letters, suppressed } = tray.take()
      const batch = { data, letters, suppressed, newestMs }
      newestMs = Number.NaN
      return data === null && letters.length === 0 && suppressed.size === 0 ? null : batch
    },
    outgoing: () => host?.take() ?? [],
    connected: (nowMs) => host?.connected(nowMs),
    disconnected: () => host?.disconnected(),
  }
}

type Define = (key: Omit<SeriesKey, 'handle' | 'generation'>) => number
const noAttributes = {}
const secondOf = (timeMs: number): number => Math.floor(timeMs / 1000)

function defineCount(
  define: Define,
  process: string,
  metric: { readonly name: string; readonly unit: string },
): number {
  const { name, unit } = metric
  return define({
    process,
    metric: name,
    attributes: noAttributes,
    unit,
    kind: MetricKind.DELTA,
    role: 'events',
    path: '',
  })
}

/** Rules on records, and messages that are kept as lines. */
interface RecordKeeper {
  readonly problems: readonly string[]
  /** Answers how many rows were kept. */
  take(reading: Reading, topic: string, payload: Buffer): number
  flush(): void
}

function createRecordKeeper({ tenant, id, definition }: ReadSource, collector: Collector, clock: Clock): RecordKeeper {
  const problems: string[] = []
  const limit = createFlagLimit(clock)
  const rules: (RecordRules | null)[] = definition.mappings.map((mapping, index) => {
    if (!mapping.rules?.length) return null
    const made = createRecordRules(mapping.rules)
    for (const { rule, message } of made.problems) problems.push(`mappings[${index}], rule ${rule}: ${message}`)
    return made
  })
  return {
    problems,
    take(reading, topic, payload) {
      const mapping = definition.mappings[reading.mapping]
      if (!mapping || reading.rowCount === 0) return 0
      const judges = rules[reading.mapping]
      for (let at = 0; judges && at < reading.rowCount; at++) {
        const row = reading.rows[at]
        const timeMs = reading.rowTimesMs[at]!
        for (const hit of judges.judge((name) => recordField(row, name), reading.process)) {
          const rule = mapping.rules![hit]!
          const place = { tenant, source: id, process: reading.process, position: topic, timeMs }
          if (!limit.admit(rule, place)) continue
          const record = JSON.stringify(row)
          // Messages of one topic may have the same time: what they say tells them apart.
          const position = `${topic} ${timeMs} ${at} ${record}`
          collector.flag(flaggedRecord(rule, { ...place, position, record, reading: judges.reading(hit) }))
        }
      }
      if (!mapping.keepRecords) return 0
      const { process, timeMs } = reading
      collector.rows.add(process, timeMs, 0, topic, payload, 0, payload.length, null, 0, 0, 0, 0)
      return 1
    },
    flush() {
      for (const record of limit.summaries()) collector.flag(record)
    },
  }
}
