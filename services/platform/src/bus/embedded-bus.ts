import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { topics as driftlineTopics, partitionOf } from '@driftline/proto'
import type { Clock } from '../clock.ts'
import { createDataDir } from '../data-dir.ts'
import { AppError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { SelfMetrics } from '../metrics.ts'
import type { Bus, BusRecord, OutgoingRecord, Subscription } from './bus.ts'
import { createBusMetrics } from './bus-metrics.ts'
import { type BusTopic, type BusTopics, checkRecordSize, topicIndex } from './bus-topic.ts'
import { createConsumerGroups } from './embedded/consumer-groups.ts'
import { createCursor } from './embedded/cursor.ts'
import { createDiskRoom } from './embedded/disk-room.ts'
import { createGroupOffsets } from './embedded/group-offsets.ts'
import { createPartitionLog, type PartitionLog } from './embedded/partition-log.ts'
import { createRetention } from './embedded/retention.ts'
import { startTail } from './embedded/tail.ts'

export interface EmbeddedBusConfig {
  /** The bus keeps everything in `bus` below this directory and lets no other process in. */
  readonly dataDir: string
  /** Driftline's unless given. */
  readonly topics?: BusTopics
  /** Put in front of topic names on disk; for tests. */
  readonly topicPrefix?: string
  /** Size from which a segment is closed, bytes. Small topics use less: a quarter of their share. */
  readonly segmentBytes?: number
  /** Publishing fails with `disk_full` while less than this is free on the disk. */
  readonly reserveBytes?: number
  /** A topic may grow to this many times its `retentionBytes` while a group lags. */
  readonly hardCapFactor?: number
  readonly groupExpiryMs?: number
  /** How long the bus runs before it forgets a group. */
  readonly groupGraceMs?: number
  readonly sweepEveryMs?: number
  /** Committed offsets are on disk after at most this long. */
  readonly flushOffsetsEveryMs?: number
}

export interface EmbeddedBusDeps {
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
}

const MIB = 1024 * 1024
const DAY_MS = 86_400_000
const DEFAULTS = {
  topics: driftlineTopics as BusTopics,
  topicPrefix: '',
  segmentBytes: 64 * MIB,
  reserveBytes: 64 * MIB,
  hardCapFactor: 2,
  groupExpiryMs: 7 * DAY_MS,
  groupGraceMs: 3_600_000,
  sweepEveryMs: 10_000,
  flushOffsetsEveryMs: 100,
}
const SMALLEST_SEGMENT_BYTES = 64 * 1024
/** Whole segments are deleted, so a segment must not span more than a part of the time that records are kept. */
const SEGMENTS_PER_RETENTION = 8

/** The bus in one process: an LMDB log per partition. Errors of `start`: `data_dir_unusable`, `data_dir_locked`. */
export function createEmbeddedBus(given: EmbeddedBusConfig, deps: EmbeddedBusDeps): Bus {
  const config = { ...DEFAULTS, ...given }
  const { clock } = deps
  const logger = deps.logger.child({ component: 'bus' })
  const nowMs = (): number => clock.nowMs()
  const directory = join(config.dataDir, 'bus')
  const lock = createDataDir({ path: directory })
  const metrics = createBusMetrics(deps.metrics)
  const topicNamed = topicIndex(config.topics)
  const topics = Object.values(config.topics)
  const disk = createDiskRoom(directory, config.reserveBytes)
  const offsets = createGroupOffsets(directory, config.flushOffsetsEveryMs, { logger, nowMs })
  const logs = new Map<string, readonly PartitionLog[]>()
  const logsOf = (topic: string): readonly PartitionLog[] => logs.get(topicNamed(topic).name) ?? []
  let state: 'new' | 'running' | 'stopped' = 'new'
  let sweepTimer: NodeJS.Timeout | null = null
  let sweeping: Promise<void> = Promise.resolve()

  const groups = createConsumerGroups({
    offsets,
    logsOf,
    logger,
    onHandled: metrics.handled,
    onFailed: (group) => metrics.handlerFailures.inc({ group }),
  })
  const retention = createRetention(config, {
    topics,
    logsOf,
    offsets,
    isActive: groups.isActive,
    nowMs,
    logger,
    onSwept: metrics.swept,
    onRefused: (topic) => metrics.retentionRefused.inc({ topic }),
  })

  const createLog = (topic: BusTopic, partition: number): PartitionLog =>
    createPartitionLog(
      {
        topic: topic.name,
        partition,
        directory: join(directory, config.topicPrefix + topic.name, String(partition)),
        segmentBytes: segmentBytesOf(topic, config.segmentBytes),
        segmentMs: topic.retentionMs / SEGMENTS_PER_RETENTION,
      },
      {
        logger,
        nowMs,
        disk,
        admit: (bytes) => retention.admit(topic, bytes),
        onCommit: (records, bytes, durationMs) => metrics.published(topic.name, records, bytes, durationMs),
        onDamage: () => metrics.damaged.inc({ topic: topic.name }),
      },
    )

  const sweep = (): Promise<void> => {
    sweeping = sweeping
      .then(() => retention.sweep())
      .then(() => closeIdle(logs.values(), nowMs() - config.sweepEveryMs))
      .catch((error: unknown) => logger.error({ error }, 'could not delete old bus records'))
    return sweeping
  }

  const requireRunning = (): void => {
    if (state === 'running') return
    throw new AppError('stopped', state === 'new' ? 'the bus has not been started' : 'the bus is stopped')
  }

  return {
    name: 'bus',
    async start() {
      await lock.start()
      offsets.open()
      for (const topic of topics) {
        const topicLogs = Array.from({ length: topic.partitions }, (_, partition) => createLog(topic, partition))
        for (const log of topicLogs) {
          mkdirSync(join(directory, config.topicPrefix + topic.name), { recursive: true })
          await log.recover(passedOffset(offsets.all(), log))
        }
        logs.set(topic.name, topicLogs)
      }
      state = 'running'
      await sweep()
      sweepTimer = setInterval(sweep, config.sweepEveryMs).unref()
    },
    async stop() {
      if (state === 'stopped') return
      const wasRunning = state === 'running'
      state = 'stopped'
      if (sweepTimer !== null) clearInterval(sweepTimer)
      await sweeping
      if (wasRunning) await groups.stop()
      for (const log of [...logs.values()].flat()) await log.close()
      await offsets.close().catch((error: unknown) => logger.warn({ error }, 'could not save consumer offsets'))
      await lock.stop()
    },
    async publish(records) {
      requireRunning()
      const shares = shareOut(records, topicNamed, logsOf)
      const results = await Promise.allSettled(
        [...shares].map(([log, share]) => log.append(share.records, share.bytes)),
      )
      for (const result of results) if (result.status === 'rejected') throw result.reason
    },
    async subscribe(options) {
      requireRunning()
      return groups.join(options)
    },
    async tail(options): Promise<Subscription> {
      requireRunning()
      return startTail(options.topics.flatMap(logsOf), options, logger)
    },
    async read(topic, partition, from, to) {
      requireRunning()
      const log = logsOf(topic)[partition]
      return log === undefined ? [] : readRange(log, from, to)
    },
    async lagOf(group, topic, partition) {
      requireRunning()
      const log = logsOf(topic)[partition]
      if (log === undefined) throw new Error(`${topic} has no partition ${partition}`)
      return log.endOffset() - Math.max(offsets.get(group, topic, partition) ?? 0, log.startOffset())
    },
    partitionsOf: (topic) => topicNamed(topic).partitions,
  }
}

interface Share {
  readonly records: OutgoingRecord[]
  bytes: number
}

/** Splits records by partition, keeping their order. All are checked before the first one is stored. */
function shareOut(
  records: readonly OutgoingRecord[],
  topicNamed: (name: string) => BusTopic,
  logsOf: (topic: string) => readonly PartitionLog[],
): Map<PartitionLog, Share> {
  const shares = new Map<PartitionLog, Share>()
  for (const record of records) {
    const partition = record.partition ?? partitionOf(record.key, topicNamed(record.topic).partitions)
    const log = logsOf(record.topic)[partition]
    if (log === undefined) throw new Error(`${record.topic} has no partition ${partition}`)
    const bytes = checkRecordSize(record)
    const share = shares.get(log)
    if (share === undefined) shares.set(log, { records: [record], bytes })
    else {
      share.records.push(record)
      share.bytes += bytes
    }
  }
  return shares
}

/** Records that a group has passed must never share an offset with new ones, even if the log lost its end. */
function passedOffset(
  positions: Iterable<{ topic: string; partition: number; offset: number }>,
  log: PartitionLog,
): number {
  let passed = 0
  for (const { topic, partition, offset } of positions) {
    if (topic === log.topic && partition === log.partition) passed = Math.max(passed, offset)
  }
  return passed
}

function segmentBytesOf(topic: BusTopic, limit: number): number {
  const share = topic.retentionBytes / topic.partitions / 4
  return Math.max(SMALLEST_SEGMENT_BYTES, Math.min(limit, share))
}

function readRange(log: PartitionLog, from: number, to: number): BusRecord[] {
  const cursor = createCursor(log, from)
  const records: BusRecord[] = []
  while (cursor.position() < to) {
    const next = cursor.next(to - cursor.position(), Number.POSITIVE_INFINITY)
    if (next.length === 0) break
    for (const record of next) if (record.offset < to) records.push(record)
  }
  return records
}

async function closeIdle(logs: Iterable<readonly PartitionLog[]>, usedBeforeMs: number): Promise<void> {
  for (const topicLogs of logs) for (const log of topicLogs) await log.closeIdle(usedBeforeMs)
}
