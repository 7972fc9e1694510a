import type { EachBatchPayload, Kafka } from 'kafkajs'
import type { Logger } from '../../logger.ts'
import { createBackoff } from '../backoff.ts'
import type { BusRecord, RecordBatch, SubscribeOptions, Subscription } from '../bus.ts'
import { translateKafkaError } from './client.ts'
import { type ConsumerDeps, createConsumer, heartbeatMs } from './consumer.ts'
import { type Continuity, createContinuity } from './continuity.ts'
import type { OffsetReaders } from './offset-readers.ts'
import { createOwnership, type Session } from './ownership.ts'
import { chunksOf, toRecord } from './records.ts'

export interface GroupDeps extends ConsumerDeps {
  readonly topicPrefix: string
  readonly readers: Pick<OffsetReaders, 'read' | 'committedBy'>
  readonly onHandled: (group: string, batch: RecordBatch) => void
  readonly onFailed: (group: string) => void
}

/** As on the embedded bus, no partition waits for another one's handler, which may take its time on purpose. */
const PARTITIONS_AT_ONCE = 64
const COMMIT_ATTEMPTS = 5

/**
 * Consumes as a member of a group. kafkajs never commits by itself: the offset that the handler answers is committed
 * once it has, and never when the session has ended meanwhile. Errors: `bus_unavailable`.
 */
export async function subscribeGroup(kafka: Kafka, options: SubscribeOptions, deps: GroupDeps): Promise<Subscription> {
  const { topicPrefix } = deps
  const logger = deps.logger.child({ group: options.group })
  const stopping = new AbortController()
  const consumer = createConsumer(kafka, topicPrefix + options.group, stopping.signal, { ...deps, logger })
  const ownership = createOwnership(options, logger, () => deps.onFailed(options.group))
  const continuity = createContinuity(options.group, deps.readers)
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    if (stopping.signal.aborted) return
    const numbers = [...new Set(Object.values(payload.memberAssignment).flat())].sort((a, b) => a - b)
    logger.info({ partitions: numbers, waitedMs: payload.duration }, 'partitions were shared out')
    ownership.assign(
      Object.entries(payload.memberAssignment).flatMap(([name, partitions]) =>
        partitions.map((partition) => ({ topic: name.slice(topicPrefix.length), partition })),
      ),
    )
  })
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: options.topics.map((topic) => topicPrefix + topic), fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
      eachBatch: (payload) => {
        const topic = payload.batch.topic.slice(topicPrefix.length)
        const context = { topic, options, logger, deps, continuity, stopping: stopping.signal }
        return handleFetched(payload, ownership.current(), context)
      },
    })
  } catch (error) {
    stopping.abort()
    await consumer.disconnect().catch(() => {})
    throw translateKafkaError(error, `could not join group ${options.group}`)
  }
  return {
    async stop() {
      stopping.abort()
      await consumer.stop()
      await ownership.end()
      await consumer.disconnect()
    },
  }
}

interface FetchContext {
  readonly topic: string
  readonly options: SubscribeOptions
  readonly logger: Logger
  readonly deps: GroupDeps
  readonly continuity: Continuity
  readonly stopping: AbortSignal
}

async function handleFetched(payload: EachBatchPayload, session: Session, context: FetchContext): Promise<void> {
  const { topic, options, deps } = context
  const { partition } = payload.batch
  const endOffset = Number(payload.batch.highWatermark)
  const continues = (): boolean => session.isCurrent() && payload.isRunning() && !payload.isStale()
  const pulse = startPulse(payload.heartbeat)
  try {
    if (!(await session.ready(topic, partition))) return
    const fetched = payload.batch.messages.map((message) => toRecord(topic, partition, message))
    const records = await withoutGap(fetched, session, context, () => continues() && !pulse.isLost())
    for (const chunk of chunksOf(records, options.maxRecords, options.maxBytes)) {
      if (!continues()) return
      const batch: RecordBatch = { topic, partition, records: chunk, endOffset }
      const safeOffset = await handleUntilDone(batch, session, context, () => continues() && !pulse.isLost())
      if (safeOffset === undefined || !session.isCurrent()) break
      payload.resolveOffset(String(chunk.at(-1)!.offset))
      context.continuity.advance(session, topic, partition, chunk.at(-1)!.offset + 1)
      await commit(payload, Math.min(safeOffset, chunk.at(-1)!.offset + 1), context)
      deps.onHandled(options.group, batch)
      pulse.throwIfLost()
    }
    pulse.throwIfLost()
  } finally {
    pulse.stop()
  }
}

/** What was fetched, after what was left out before it; nothing when the batch is no longer this consumer's. */
async function withoutGap(
  fetched: readonly BusRecord[],
  session: Session,
  { topic, continuity, logger }: FetchContext,
  continues: () => boolean,
): Promise<readonly BusRecord[]> {
  const [first] = fetched
  if (first === undefined) return []
  const backoff = createBackoff()
  while (continues()) {
    try {
      const missing = await continuity.before(session, topic, first.partition, first.offset)
      if (missing.length === 0) return fetched
      const { partition, offset } = first
      logger.warn(
        { topic, partition, offset, missing: missing.length },
        'a fetch began too far on; what was left out has been read',
      )
      return [...missing, ...fetched]
    } catch (error) {
      logger.warn({ error, topic }, 'could not ask where a batch should begin; trying again')
      await backoff.wait()
    }
  }
  return []
}

/** Calls the handler until it succeeds; undefined when the batch is no longer this consumer's. */
async function handleUntilDone(
  batch: RecordBatch,
  session: Session,
  { options, logger, deps, stopping }: FetchContext,
  continues: () => boolean,
): Promise<number | undefined> {
  const backoff = createBackoff()
  const cancel = (): void => backoff.cancel()
  stopping.addEventListener('abort', cancel)
  try {
    while (continues()) {
      try {
        return await session.during(() => options.handle(batch))
      } catch (error) {
        deps.onFailed(options.group)
        const { topic, partition } = batch
        logger.error({ error, topic, partition }, 'handling a batch failed; trying again')
        await backoff.wait()
      }
    }
    return undefined
  } finally {
    stopping.removeEventListener('abort', cancel)
  }
}

/** Errors of the group (a rebalance under way) go to kafkajs, which joins again; others are tried again a few times. */
async function commit(payload: EachBatchPayload, offset: number, { logger }: FetchContext): Promise<void> {
  const { topic, partition } = payload.batch
  const backoff = createBackoff()
  for (let attempt = 1; ; attempt += 1) {
    try {
      const partitions = [{ partition, offset: String(offset) }]
      return await payload.commitOffsetsIfNecessary({ topics: [{ topic, partitions }] })
    } catch (error) {
      const { retriable } = error as { retriable?: boolean }
      if (retriable !== true || attempt === COMMIT_ATTEMPTS || !payload.isRunning()) throw error
      logger.warn({ error, topic, partition }, 'could not commit; trying again')
      await backoff.wait()
    }
  }
}

interface Pulse {
  isLost(): boolean
  throwIfLost(): void
  stop(): void
}

/** Keeps the membership alive while a handler works; remembers that a rebalance began, for kafkajs to act upon. */
function startPulse(heartbeat: () => Promise<void>): Pulse {
  let lost: unknown
  const timer = setInterval(() => {
    if (lost !== undefined) return
    heartbeat().catch((error: unknown) => {
      lost = error
    })
  }, heartbeatMs)
  return {
    isLost: () => lost !== undefined,
    throwIfLost() {
      if (lost !== undefined) throw lost
    },
    stop: () => clearInterval(timer),
  }
}

/** The records of a fetched batch from a position on. */
export function recordsFrom(payload: EachBatchPayload, topic: string, from: number): BusRecord[] {
  const { messages, partition } = payload.batch
  return messages.map((message) => toRecord(topic, partition, message)).filter((record) => record.offset >= from)
}
