import type { Admin, Kafka } from 'kafkajs'
import type { BusRecord, Subscription, TailOptions } from '../bus.ts'
import { askAgain } from './ask-again.ts'
import { translateKafkaError } from './client.ts'
import type { ConsumerDeps } from './consumer.ts'
import { createReadProgress } from './read-progress.ts'
import { startSeekingConsumer } from './seeking-consumer.ts'

/** Reading without consuming: tails, ranges, and how far a group is behind. */
export interface OffsetReaders {
  /** Resolves when nothing stored from now on can be missed. Errors: `bus_unavailable`. */
  tail(options: TailOptions): Promise<Subscription>
  /** The records of `range` that are there. Errors: `bus_unavailable`, `timeout`. */
  read(topic: string, range: { partition: number; from: number; to: number }): Promise<BusRecord[]>
  /** Records from a group's committed offset to the end. Errors: `bus_unavailable`. */
  lagOf(group: string, topic: string, partition: number): Promise<number>
  /** The offset that a group has committed; 0 for none. Errors: `bus_unavailable`. */
  committedBy(group: string, topic: string, partition: number): Promise<number>
}

/** Kafka answers a fetch, and shares out a group of one, in a fraction of this. */
const READ_IDLE_MS = 30_000

export function createOffsetReaders(
  { kafka, admin, topicPrefix }: { kafka: Kafka; admin: Admin; topicPrefix: string },
  deps: ConsumerDeps,
): OffsetReaders {
  return {
    async tail(options) {
      const positions = new Map<string, number[]>()
      for (const topic of options.topics) {
        positions.set(
          topic,
          (await limitsOf(admin, topicPrefix + topic)).map(({ high }) => high),
        )
      }
      const onRecords = (records: readonly BusRecord[]): void => {
        try {
          options.handle(records)
        } catch (error) {
          const { topic, partition } = records[0]!
          deps.logger.error({ error, topic, partition }, 'a tail failed on some records')
        }
      }
      return startSeekingConsumer(kafka, admin, { purpose: 'tail', topicPrefix, positions, onRecords }, deps)
    },
    async read(topic, { partition, from, to }) {
      const limits = await limitsOf(admin, topicPrefix + topic)
      const first = Math.max(from, limits[partition]?.low ?? 0)
      const end = Math.min(to, limits[partition]?.high ?? 0)
      if (first >= end) return []
      const records: BusRecord[] = []
      const progress = createReadProgress(READ_IDLE_MS, `reading ${topic}/${partition} from ${first} to ${end}`)
      const onRecords = (read: readonly BusRecord[]): void => {
        for (const record of read) if (record.offset < end) records.push(record)
        progress.advance()
        if (read.at(-1)!.offset >= end - 1) progress.finish()
      }
      const positions = new Map([[topic, limits.map((_, each) => (each === partition ? first : null))]])
      const options = { purpose: 'read', topicPrefix, positions, onRecords }
      // Heard also while the consumer still starts, or the process would end over it.
      const finished = progress.finished.then(
        () => null,
        (error: Error) => error,
      )
      try {
        const reader = await startSeekingConsumer(kafka, admin, options, deps)
        const error = await finished
        await reader.stop()
        if (error !== null) throw error
      } finally {
        progress.cancel()
      }
      return records
    },
    async lagOf(group, topic, partition) {
      const { low, high } = (await limitsOf(admin, topicPrefix + topic))[partition]!
      return high - Math.max(low, await committedBy(admin, topicPrefix + group, topicPrefix + topic, partition))
    },
    committedBy: (group, topic, partition) => committedBy(admin, topicPrefix + group, topicPrefix + topic, partition),
  }
}

/** First offset and offset after the last record, by partition. */
async function limitsOf(admin: Admin, topic: string): Promise<{ low: number; high: number }[]> {
  try {
    const limits: { low: number; high: number }[] = []
    for (const { partition, low, high } of await askAgain(() => admin.fetchTopicOffsets(topic))) {
      limits[partition] = { low: Number(low), high: Number(high) }
    }
    return limits
  } catch (error) {
    throw translateKafkaError(error, `could not ask Kafka for the offsets of ${topic}`)
  }
}

/** The offset that a group has committed; 0 for none. */
async function committedBy(admin: Admin, groupId: string, topic: string, partition: number): Promise<number> {
  try {
    const [found] = await askAgain(() => admin.fetchOffsets({ groupId, topics: [topic] }))
    const offset = found?.partitions.find((each) => each.partition === partition)?.offset ?? '-1'
    return Math.max(0, Number(offset))
  } catch (error) {
    throw translateKafkaError(error, `could not ask Kafka how far ${groupId} has come in ${topic}`)
  }
}
