import type { Logger } from '../../logger.ts'
import { createBackoff } from '../backoff.ts'
import type { RecordBatch, SubscribeOptions } from '../bus.ts'
import { createCursor } from './cursor.ts'
import type { GroupOffsets } from './group-offsets.ts'
import type { PartitionLog } from './partition-log.ts'

export interface PartitionWorkerDeps {
  readonly offsets: GroupOffsets
  readonly logger: Logger
  readonly onHandled: (group: string, batch: RecordBatch) => void
  readonly onFailed: (group: string) => void
}

/** Hands the records of one partition to one subscriber, batch after batch, until it is stopped. */
export interface PartitionWorker {
  readonly topic: string
  readonly partition: number
  /** Resolves when no call of the subscriber runs any more and it knows that the partition is gone. */
  stop(): Promise<void>
}

export function startPartitionWorker(
  log: PartitionLog,
  subscriber: SubscribeOptions,
  deps: PartitionWorkerDeps,
): PartitionWorker {
  const { topic, partition } = log
  const { group, maxRecords, maxBytes } = subscriber
  const logger = deps.logger.child({ group, topic, partition })
  const backoff = createBackoff()
  let stopped = false
  let wake: () => void = () => {}
  const unlisten = log.onAppended(() => wake())

  /** Calls the subscriber until it succeeds; answers undefined when the worker was stopped meanwhile. */
  const persist = async <T>(what: string, call: () => Promise<T>): Promise<T | undefined> => {
    while (!stopped) {
      try {
        const answer = await call()
        backoff.reset()
        return answer
      } catch (error) {
        deps.onFailed(group)
        logger.error({ error }, `${what} failed; trying again`)
        await backoff.wait()
      }
    }
    return undefined
  }

  const run = async (): Promise<void> => {
    await persist('taking over a partition', async () => subscriber.onAssigned?.(topic, partition))
    const cursor = createCursor(log, deps.offsets.get(group, topic, partition) ?? 0)
    while (!stopped) {
      const appended = new Promise<void>((resolve) => {
        wake = resolve
      })
      const records = await persist('reading the bus', async () => cursor.next(maxRecords, maxBytes))
      if (records === undefined) break
      if (records.length === 0) {
        await appended
        continue
      }
      const batch: RecordBatch = { topic, partition, records, endOffset: log.endOffset() }
      const safeOffset = await persist('handling a batch', () => subscriber.handle(batch))
      if (safeOffset === undefined) break
      deps.offsets.set(group, topic, partition, Math.min(safeOffset, cursor.position()))
      deps.onHandled(group, batch)
    }
  }
  const running = run()

  return {
    topic,
    partition,
    async stop() {
      stopped = true
      unlisten()
      wake()
      backoff.cancel()
      await running
      try {
        await subscriber.onRevoked?.(topic, partition)
      } catch (error) {
        logger.error({ error }, 'giving up a partition failed')
      }
    },
  }
}
