import { AppError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { BusTopic } from '../bus-topic.ts'
import type { GroupOffsets } from './group-offsets.ts'
import type { PartitionLog } from './partition-log.ts'

/** Deletes old segments of topics, but never what a registered group still has to read. */
export interface Retention {
  /** Errors: `bus_retention_blocked` when a topic cannot take `bytes` more. */
  admit(topic: BusTopic, bytes: number): void
  /** Looks at every topic once; resolves when the files are gone. */
  sweep(): Promise<void>
}

export interface RetentionConfig {
  /** A topic may grow to this many times its `retentionBytes` while a group lags; then publishing fails. */
  readonly hardCapFactor: number
  /** A group that nobody has used for so long is forgotten, as Kafka does. */
  readonly groupExpiryMs: number
  /** No group is forgotten before the bus has run for so long: after a long rest nobody has had a chance to join. */
  readonly groupGraceMs: number
}

export interface RetentionDeps {
  readonly topics: readonly BusTopic[]
  readonly logsOf: (topic: string) => readonly PartitionLog[]
  readonly offsets: GroupOffsets
  readonly isActive: (group: string) => boolean
  readonly nowMs: () => number
  readonly logger: Logger
  /** Bytes of a topic on disk, and how many of them are due for deletion but not read yet; after each sweep. */
  readonly onSwept: (topic: string, bytes: number, blockedBytes: number) => void
  readonly onRefused: (topic: string) => void
}

export function createRetention(config: RetentionConfig, deps: RetentionDeps): Retention {
  const { offsets, nowMs, logger } = deps

  let firstSweepAtMs: number | null = null

  const expireGroups = (): void => {
    firstSweepAtMs ??= nowMs()
    if (nowMs() - firstSweepAtMs < config.groupGraceMs) return
    for (const position of [...offsets.all()]) {
      if (deps.isActive(position.group) || nowMs() - position.seenAtMs <= config.groupExpiryMs) continue
      offsets.forget(position)
      const { group, topic, partition, offset } = position
      logger.warn({ group, topic, partition, offset }, 'a consumer group was not used for long and is forgotten')
    }
  }

  /** The lowest offset that some registered group still has to read. */
  const neededFrom = (log: PartitionLog): number => {
    let lowest = Number.POSITIVE_INFINITY
    for (const { topic, partition, offset } of offsets.all()) {
      if (topic === log.topic && partition === log.partition) lowest = Math.min(lowest, offset)
    }
    return lowest
  }

  const sweepTopic = async (topic: BusTopic): Promise<void> => {
    const logs = deps.logsOf(topic.name)
    let total = bytesOf(logs)
    let blocked = 0
    for (const log of logs) {
      const due = dueSegments(log, topic, total, nowMs())
      const needed = neededFrom(log)
      for (const { bytes, end } of due) {
        if (end > needed) {
          blocked += bytes
          continue
        }
        await log.removeOldest()
        total -= bytes
      }
    }
    if (blocked > 0) {
      deps.onRefused(topic.name)
      logger.warn({ topic: topic.name, blockedBytes: blocked }, 'old records are kept because a consumer lags')
    }
    deps.onSwept(topic.name, total, blocked)
  }

  return {
    admit(topic, bytes) {
      const total = bytesOf(deps.logsOf(topic.name))
      if (total + bytes <= topic.retentionBytes * config.hardCapFactor) return
      deps.onRefused(topic.name)
      const message = `${topic.name} holds ${total} bytes that a consumer has not read; nothing more is taken`
      throw new AppError('bus_retention_blocked', message, { retryable: true })
    },
    async sweep() {
      expireGroups()
      for (const topic of deps.topics) await sweepTopic(topic)
    },
  }
}

function bytesOf(logs: readonly PartitionLog[]): number {
  let bytes = 0
  for (const log of logs) for (const segment of log.segments()) bytes += segment.bytes()
  return bytes
}

/**
 * Segments at the old end of a log that time or size lets go. A topic that is too large loses from each partition the
 * share by which that partition exceeds its part of the cap. The newest segment stays.
 */
function dueSegments(
  log: PartitionLog,
  topic: BusTopic,
  topicBytes: number,
  nowMs: number,
): { bytes: number; end: number }[] {
  const segments = log.segments()
  const fairBytes = topic.retentionBytes / topic.partitions
  let logBytes = bytesOf([log])
  let excess = topicBytes - topic.retentionBytes
  const due: { bytes: number; end: number }[] = []
  for (const [index, segment] of segments.slice(0, -1).entries()) {
    const isOld = nowMs - segment.lastWrittenMs() > topic.retentionMs
    const isTooMuch = excess > 0 && logBytes > fairBytes
    if (!isOld && !isTooMuch) break
    const bytes = segment.bytes()
    due.push({ bytes, end: segments[index + 1]!.base })
    logBytes -= bytes
    excess -= bytes
  }
  return due
}
