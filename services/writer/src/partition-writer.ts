import { randomUUID } from 'node:crypto'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { currentInsertSettings } from '@driftline/platform/analytics/insert-settings'
import type { Bus, BusRecord, RecordBatch } from '@driftline/platform/bus/bus'
import { createRepeatFilter, type RepeatFilter } from '@driftline/platform/bus/repeat-filter'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Logger } from '@driftline/platform/logger'
import { bytesInBody, joinDelimited } from './body.ts'
import type { Position, PositionStore } from './positions.ts'
import { deadLetterOf, type RefusalReason } from './refusals.ts'
import type { Stream } from './streams.ts'
import type { WriterMetrics } from './writer-metrics.ts'

export interface PartitionWriterDeps {
  readonly analytics: AnalyticsStore
  readonly bus: Bus
  readonly positions: PositionStore
  readonly metrics: WriterMetrics
  readonly clock: Clock
  readonly logger: Logger
}

export interface PartitionWriterConfig {
  readonly stream: Stream
  readonly partition: number
  /** Largest body, bytes; one record may be larger. */
  readonly bodyBytesMax: number
  /** Sources remembered for telling repeats. */
  readonly sourcesMax: number
  readonly epochLifeMs?: number
}

/** Writes the records of one partition. Calls must come one after the other. */
export interface PartitionWriter {
  /** Resolves when every record of the batch is in the store or in the dead letters. */
  write(batch: RecordBatch): Promise<void>
  /** Stores that nothing is pending, so that a later start has nothing to repeat. */
  settle(): Promise<void>
}

interface State {
  readonly position: Position
  version: number | null
  readonly filter: RepeatFilter
  /** Whether the stored position still names an insert that is done. */
  unsettled: boolean
}

interface Refused {
  readonly reason: RefusalReason
  readonly detail: string
}

/**
 * Exactly once in effect: a range is recorded durably before it is inserted, and after any interruption inserted again
 * under the same token, which ClickHouse knows. The next range records that the one before is done. Whatever fails,
 * the state is read again from where it is durable, so that a retry and a restart are the same path.
 */
export function createPartitionWriter(config: PartitionWriterConfig, deps: PartitionWriterDeps): PartitionWriter {
  const { stream, partition } = config
  const { metrics, positions } = deps
  const topic = stream.topic.name
  const labels = { topic: topic, partition: String(partition) }
  const logger = deps.logger.child({ topic, partition })
  let state: State | null = null

  async function load(batch: RecordBatch): Promise<State> {
    const stored = await positions.load(topic, partition)
    const position = stored?.position ?? freshPosition(batch.records[0]!.offset)
    const filter = createRepeatFilter({ ...config, maxSources: config.sourcesMax })
    filter.restore(position.sources.map((source) => ({ ...source, topic, partition })))
    return { position, version: stored?.version ?? null, filter, unsettled: position.intent !== null }
  }

  /** Records that are still to be written: a pending range first, whole, then what the batch brings beyond it. */
  async function recordsToWrite({ position }: State, batch: RecordBatch): Promise<BusRecord[]> {
    const first = batch.records[0]!.offset
    const known = position.intent?.to ?? position.nextOffset
    if (batch.endOffset < known) {
      logger.error(
        { endOffset: batch.endOffset, known },
        'the log is shorter than it was, so another one: starting over',
      )
      Object.assign(position, freshPosition(first))
    }
    const { intent } = position
    // The bus starts behind the range: that was committed, and so is in the store; likewise all below the first offset.
    if (intent !== null && first >= intent.to) advance(position, intent.to)
    if (position.intent === null) advance(position, Math.max(position.nextOffset, first))
    const open = batch.records.filter(({ offset }) => offset >= position.nextOffset)
    if (position.intent === null) return open
    metrics.redone.inc({ topic })
    if ((open.at(-1)?.offset ?? 0) + 1 >= position.intent.to) return open
    const { to } = position.intent
    const range = await deps.bus.read(topic, partition, position.nextOffset, to)
    if (range.length === 0) {
      metrics.lostRanges.inc({ topic })
      logger.error({ from: position.nextOffset, to }, 'the bus no longer has the records of a pending insert')
      advance(position, to)
    }
    return [...range, ...batch.records.filter(({ offset }) => offset >= to)]
  }

  /** Tells repeats, once: what was judged before an interruption stays judged. */
  function judge({ position, filter }: State, records: readonly BusRecord[]): void {
    const forgottenBefore = filter.evictedSources()
    for (const record of records) {
      if (record.offset < position.judgedTo) continue
      if (filter.isRepeat(record)) {
        position.repeats.push(record.offset)
        metrics.repeats.inc({ topic })
      }
      position.judgedTo = record.offset + 1
    }
    metrics.forgottenSources.inc({ topic }, filter.evictedSources() - forgottenBefore)
    position.sources = filter.snapshot().map(({ tenant, source, sequences }) => ({ tenant, source, sequences }))
  }

  async function writeAll(current: State, records: readonly BusRecord[]): Promise<void> {
    const { position } = current
    let countMax = Number.POSITIVE_INFINITY
    let done = 0
    while (done < records.length) {
      const range = nextRange(records, done, position.intent?.to, countMax, config.bodyBytesMax)
      const to = range.at(-1)!.offset + 1
      const refused = await writeRange(current, range, to)
      if (refused !== null && range.length > 1) {
        // None of it was stored. The half is a new range with a token of its own, recorded like any other.
        position.intent = null
        countMax = Math.ceil(range.length / 2)
        continue
      }
      if (refused !== null) {
        await bury(position, range[0]!, refused)
        countMax = Number.POSITIVE_INFINITY
      }
      advance(position, to)
      done += range.length
    }
  }

  /** Null when every record of the range is in the store; else what is wrong, and none of them is. */
  async function writeRange(current: State, range: readonly BusRecord[], to: number): Promise<Refused | null> {
    const { position } = current
    const repeats = new Set(position.repeats)
    const wanted = range.filter(({ offset }) => !repeats.has(offset))
    if (wanted.length === 0) return null
    const stranger = wanted.find(({ headers }) => headers.message !== stream.headerMessage)
    if (stranger !== undefined)
      return { reason: 'unexpected_message', detail: `message is ${stranger.headers.message}` }
    if (position.intent === null) {
      const token = `${position.generation}:${topic}:${partition}:${position.nextOffset}-${to}`
      position.intent = { to, token, settings: currentInsertSettings }
      current.version = await positions.save(topic, partition, position, current.version)
      current.unsettled = true
    }
    return await insert(position, wanted)
  }

  async function insert({ intent }: Position, records: readonly BusRecord[]): Promise<Refused | null> {
    const body = joinDelimited(records)
    const end = metrics.inserts.startTimer({ topic })
    try {
      await deps.analytics.insertProtobuf({
        table: stream.table,
        schema: stream.schema,
        message: stream.message,
        body,
        deduplicationToken: intent!.token,
        settingsVersion: intent!.settings,
      })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      if (error.code === 'store_refused_data') return { reason: 'store_refused', detail: error.message }
      if (error.code === 'record_too_large') return { reason: 'record_too_large', detail: error.message }
      metrics.failures.inc({ topic, code: error.code })
      throw error
    }
    end()
    metrics.records.inc({ topic }, records.length)
    metrics.bytes.inc({ topic }, body.length)
    return null
  }

  async function bury(position: Position, record: BusRecord, refused: Refused): Promise<void> {
    await deps.bus.publish([deadLetterOf(record, refused, position.generation, deps.clock.nowMs())])
    metrics.deadLetters.inc({ topic, reason: refused.reason })
    logger.warn({ offset: record.offset, source: record.headers.source, ...refused }, 'record refused')
  }

  return {
    async write(batch) {
      state ??= await load(batch)
      const current = state
      try {
        const records = await recordsToWrite(current, batch)
        judge(current, records)
        await writeAll(current, records)
      } catch (error) {
        state = null
        throw error
      }
      const last = batch.records.at(-1)!
      metrics.lagSeconds.set(labels, Math.max(0, deps.clock.nowMs() - last.storedAtMs) / 1000)
      metrics.lagRecords.set(labels, Math.max(0, batch.endOffset - last.offset - 1))
    },

    async settle() {
      if (state === null || !state.unsettled) return
      try {
        state.version = await positions.save(topic, partition, state.position, state.version)
        state.unsettled = false
      } catch (error) {
        state = null
        throw error
      }
    },
  }
}

function freshPosition(offset: number): Position {
  return { nextOffset: offset, intent: null, judgedTo: offset, repeats: [], sources: [], generation: randomUUID() }
}

function advance(position: Position, to: number): void {
  position.nextOffset = to
  position.judgedTo = Math.max(position.judgedTo, to)
  position.intent = null
  position.repeats = position.repeats.filter((offset) => offset >= to)
}

/** The records of a pending range, or as many as make one body. */
function nextRange(
  records: readonly BusRecord[],
  from: number,
  pendingTo: number | undefined,
  countMax: number,
  bytesMax: number,
): BusRecord[] {
  const range: BusRecord[] = []
  let bytes = 0
  for (let i = from; i < records.length && range.length < countMax; i++) {
    const record = records[i]!
    if (pendingTo !== undefined && record.offset >= pendingTo) break
    bytes += bytesInBody(record)
    if (pendingTo === undefined && range.length > 0 && bytes > bytesMax) break
    range.push(record)
  }
  return range
}
