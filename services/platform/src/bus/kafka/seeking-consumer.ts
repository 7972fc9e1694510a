import { randomUUID } from 'node:crypto'
import type { Admin, EachBatchPayload, Kafka } from 'kafkajs'
import type { BusRecord } from '../bus.ts'
import { translateKafkaError } from './client.ts'
import { type ConsumerDeps, createConsumer } from './consumer.ts'
import { recordsFrom } from './group-subscription.ts'

export interface SeekingOptions {
  /** What the group's name begins with. */
  readonly purpose: string
  readonly topicPrefix: string
  /** Where reading starts: by topic (our names) the offset of each partition; null leaves a partition out. */
  readonly positions: ReadonlyMap<string, readonly (number | null)[]>
  /** Records in order per partition. */
  readonly onRecords: (records: readonly BusRecord[]) => void
}

export interface SeekingConsumer {
  stop(): Promise<void>
}

/**
 * Reads all partitions from given offsets, alone. kafkajs cannot read without a group, so it has one of its own, which
 * commits nothing and is deleted in the end. After a rebalance or a restart it goes on where it was. Errors:
 * `bus_unavailable`.
 */
export async function startSeekingConsumer(
  kafka: Kafka,
  admin: Admin,
  options: SeekingOptions,
  deps: ConsumerDeps,
): Promise<SeekingConsumer> {
  const { topicPrefix, positions: initial } = options
  const groupId = `${topicPrefix}${options.purpose}-${randomUUID()}`
  const stopping = new AbortController()
  const consumer = createConsumer(kafka, groupId, stopping.signal, deps)
  const positions = new Map([...initial].map(([topic, offsets]) => [topic, [...offsets]]))
  consumer.on(consumer.events.GROUP_JOIN, () => {
    for (const [topic, offsets] of positions) {
      for (const [partition, offset] of offsets.entries()) {
        if (offset === null) consumer.pause([{ topic: topicPrefix + topic, partitions: [partition] }])
        else consumer.seek({ topic: topicPrefix + topic, partition, offset: String(offset) })
      }
    }
  })

  const onBatch = async (payload: EachBatchPayload): Promise<void> => {
    const topic = payload.batch.topic.slice(topicPrefix.length)
    const offsets = positions.get(topic)
    const from = offsets?.[payload.batch.partition]
    if (payload.isStale() || offsets === undefined || from === null || from === undefined) return
    const records = recordsFrom(payload, topic, from)
    const last = payload.batch.lastOffset()
    payload.resolveOffset(last)
    offsets[payload.batch.partition] = Math.max(from, Number(last) + 1)
    if (records.length > 0) options.onRecords(records)
    await payload.heartbeat()
  }

  const stop = async (): Promise<void> => {
    stopping.abort()
    await consumer.stop()
    await consumer.disconnect()
    // The broker forgets an empty group without offsets by itself, only later.
    await admin.deleteGroups([groupId]).catch((error: unknown) => deps.logger.debug({ error, groupId }, 'group stays'))
  }

  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [...initial.keys()].map((topic) => topicPrefix + topic), fromBeginning: false })
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: onBatch })
  } catch (error) {
    await stop().catch(() => {})
    throw translateKafkaError(error, 'could not start to read from Kafka')
  }
  return { stop }
}
