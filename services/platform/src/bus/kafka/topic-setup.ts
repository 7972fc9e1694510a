import type { Admin } from 'kafkajs'
import { AppError } from '../../errors.ts'
import { type BusTopic, maxRecordBytes } from '../bus-topic.ts'
import { askAgain } from './ask-again.ts'

/** Largest batch of records that our topics accept; the send queue stays well below. */
const MAX_BATCH_BYTES = 4 * maxRecordBytes
const SEGMENTS_PER_RETENTION = 8

/**
 * Makes the topics that are missing, with our retention; leaves those that exist as people configured them, but their
 * number of partitions must be the one that records are routed by. Errors: `config_invalid` naming every wrong topic.
 */
export async function ensureTopics(
  admin: Admin,
  topics: readonly BusTopic[],
  prefix: string,
  replicationFactor: number,
): Promise<void> {
  const existing = new Set(await admin.listTopics())
  const missing = topics.filter((topic) => !existing.has(prefix + topic.name))
  if (missing.length > 0) {
    await admin.createTopics({
      // It gives up when a broker has not heard of the topic yet; what waits for the leaders is below.
      waitForLeaders: false,
      topics: missing.map((topic) => ({
        topic: prefix + topic.name,
        numPartitions: topic.partitions,
        replicationFactor,
        configEntries: Object.entries(configOf(topic)).map(([name, value]) => ({ name, value: String(value) })),
      })),
    })
  }
  // A leader that is named may not be ready; what is sent to it then fails in part, and is stored twice in part.
  for (const { name } of missing) await askAgain(() => admin.fetchTopicOffsets(prefix + name))
  const metadata = await askAgain(() => admin.fetchTopicMetadata({ topics: topics.map(({ name }) => prefix + name) }))
  const problems = topics.flatMap((topic) => {
    const found = metadata.topics.find(({ name }) => name === prefix + topic.name)?.partitions.length ?? 0
    if (found === topic.partitions) return []
    return [`topic ${prefix}${topic.name} has ${found} partitions; it must have ${topic.partitions}`]
  })
  if (problems.length > 0) throw new AppError('config_invalid', problems.join('\n'))
}

function configOf(topic: BusTopic): Record<string, string | number> {
  return {
    'cleanup.policy': 'delete',
    'retention.ms': topic.retentionMs,
    'segment.ms': Math.ceil(topic.retentionMs / SEGMENTS_PER_RETENTION),
    // By the broker's clock, which is one for all who write to a partition; those of the producers may differ.
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': MAX_BATCH_BYTES,
  }
}
