import { AppError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { BusRecord, OutgoingRecord } from '../bus.ts'
import { recordBytes } from '../bus-topic.ts'
import { type DiskRoom, isDiskFull } from './disk-room.ts'
import { encodePack } from './pack.ts'
import { recoverSegments } from './recovery.ts'
import { CorruptPack, createSegment, type PlacedPack, type Segment, segmentDirectory } from './segment.ts'

export interface PartitionLogConfig {
  readonly topic: string
  readonly partition: number
  readonly directory: string
  /** A segment is closed when it is larger, or older. */
  readonly segmentBytes: number
  readonly segmentMs: number
}

export interface PartitionLogDeps {
  readonly logger: Logger
  readonly nowMs: () => number
  readonly disk: DiskRoom
  /** Called before a commit with the bytes it will take; throws when retention does not allow more. */
  readonly admit: (bytes: number) => void
  /** Called after each commit with how long it took. */
  readonly onCommit: (records: number, bytes: number, durationMs: number) => void
  readonly onDamage: () => void
}

/** The records of one partition, on disk. */
export interface PartitionLog {
  readonly topic: string
  readonly partition: number
  /** Finds what is on disk. No record gets an offset below `minimumOffset`, which groups have passed already. */
  recover(minimumOffset: number): Promise<void>
  /**
   * Resolves when the records are durable. Waiting calls share a commit, and a failure also fails those behind it: a
   * source that tries again in order then never has a later batch stored before an earlier one.
   */
  append(records: readonly OutgoingRecord[], bytes: number): Promise<void>
  /** Offset of the oldest record that is there. */
  startOffset(): number
  /** Offset after the newest record. */
  endOffset(): number
  /** The pack that holds an offset, or the first after it; null at the end. */
  packAt(offset: number): PlacedPack | null
  /** Calls back after each commit until the answered function is called. */
  onAppended(listener: () => void): () => void
  /** Oldest first; the last one may still grow. */
  segments(): readonly Segment[]
  removeOldest(): Promise<void>
  /** Closes old segments that nobody has read since `usedBeforeMs`. */
  closeIdle(usedBeforeMs: number): Promise<void>
  /** Waits for commits under way; later ones fail with `stopped`. */
  close(): Promise<void>
}

const COMMIT_BYTES = 8 * 1024 * 1024
const PACK_BYTES = 256 * 1024
/** Publishes beyond this are refused, so that a disk slower than its producers does not fill the memory. */
const WAITING_BYTES = 64 * 1024 * 1024

interface WaitingAppend {
  readonly records: readonly OutgoingRecord[]
  readonly bytes: number
  resolve(): void
  reject(error: unknown): void
}

export function createPartitionLog(config: PartitionLogConfig, deps: PartitionLogDeps): PartitionLog {
  const { topic, partition, directory } = config
  const mapBytes = 2 * config.segmentBytes + 4 * COMMIT_BYTES
  const listeners = new Set<() => void>()
  let segments: Segment[] = []
  let nextOffset = 0
  const waiting: WaitingAppend[] = []
  let waitingBytes = 0
  let committing: Promise<void> | null = null
  let segmentOpenedMs = 0
  let closed = false

  const activeSegment = (): Segment => {
    const active = segments.at(-1)
    if (active !== undefined) {
      const isOld = deps.nowMs() - segmentOpenedMs > config.segmentMs
      const isLarge = active.bytes() >= config.segmentBytes
      if (nextOffset === active.base || !(isOld || isLarge)) return active
    }
    const fresh = createSegment(nextOffset, segmentDirectory(directory, nextOffset), mapBytes, deps.nowMs)
    segments.push(fresh)
    segmentOpenedMs = deps.nowMs()
    return fresh
  }

  /** LMDB's state after a failed commit is not to be trusted: the segment is opened anew and asked where it ends. */
  const recoverFrom = async (error: unknown): Promise<AppError> => {
    const active = segments.at(-1)
    try {
      await active?.close()
      if (active !== undefined) nextOffset = Math.max(nextOffset, active.end())
    } catch (cause) {
      deps.logger.error({ error: cause, topic, partition }, 'could not reopen a bus segment')
    }
    if (error instanceof AppError) return error
    if (isDiskFull(error, directory)) {
      return new AppError('disk_full', `no room left for ${topic}`, { retryable: true, cause: error })
    }
    return new AppError('bus_unavailable', `could not store records of ${topic}`, { retryable: true, cause: error })
  }

  const commit = async (appends: readonly WaitingAppend[], bytes: number): Promise<void> => {
    deps.admit(bytes)
    deps.disk.claim(bytes)
    const startedMs = performance.now()
    const storedAtMs = deps.nowMs()
    const records = appends.flatMap((append) => append.records)
    const segment = activeSegment()
    await segment.append(packsOf(records, nextOffset, storedAtMs), storedAtMs)
    nextOffset += records.length
    deps.onCommit(records.length, bytes, performance.now() - startedMs)
  }

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const { appends, bytes } = takeUpTo(COMMIT_BYTES, waiting)
      waitingBytes -= bytes
      try {
        await commit(appends, bytes)
        for (const append of appends) append.resolve()
        for (const listener of listeners) listener()
      } catch (error) {
        const translated = error instanceof AppError ? error : await recoverFrom(error)
        for (const append of [...appends, ...waiting.splice(0)]) append.reject(translated)
        waitingBytes = 0
      }
    }
    committing = null
  }

  return {
    topic,
    partition,
    async recover(minimumOffset) {
      const { logger, nowMs, onDamage } = deps
      const found = await recoverSegments({ directory, mapBytes, nowMs, logger, onDamage })
      segments = found.segments
      nextOffset = Math.max(found.nextOffset, minimumOffset)
      segmentOpenedMs = segments.at(-1)?.lastWrittenMs() ?? 0
      // Opened again at first use: LMDB's file would else be inherited by child processes that start next, and an
      // inherited file keeps its place on the disk after it was deleted.
      await segments.at(-1)?.close()
    },
    append(records, bytes) {
      if (closed) return Promise.reject(new AppError('stopped', 'the bus is stopped'))
      if (waitingBytes + bytes > WAITING_BYTES && waiting.length > 0) {
        const message = `${waitingBytes} bytes wait to be stored in ${topic}; try again`
        return Promise.reject(new AppError('bus_unavailable', message, { retryable: true }))
      }
      return new Promise((resolve, reject) => {
        waiting.push({ records, bytes, resolve, reject })
        waitingBytes += bytes
        committing ??= drain()
      })
    },
    startOffset: () => segments[0]?.base ?? nextOffset,
    endOffset: () => nextOffset,
    packAt: (offset) => findPack(segments, offset, nextOffset, deps),
    onAppended(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    segments: () => segments,
    async removeOldest() {
      const [oldest] = segments
      if (oldest === undefined) return
      segments = segments.slice(1)
      await oldest.remove()
    },
    async closeIdle(usedBeforeMs) {
      for (const segment of segments.slice(0, -1)) if (segment.lastUsedMs() < usedBeforeMs) await segment.close()
    },
    async close() {
      closed = true
      await committing
      for (const segment of segments) await segment.close()
    },
  }
}

/** Takes waiting appends from the front, at least one, as long as they fit. */
function takeUpTo(limit: number, waiting: WaitingAppend[]): { appends: WaitingAppend[]; bytes: number } {
  let bytes = 0
  let count = 0
  for (const append of waiting) {
    if (count > 0 && bytes + append.bytes > limit) break
    bytes += append.bytes
    count += 1
  }
  return { appends: waiting.splice(0, count), bytes }
}

/** Small records share a pack: an LMDB value of its own for each would take twice their size on disk. */
function packsOf(
  records: readonly OutgoingRecord[],
  firstOffset: number,
  storedAtMs: number,
): { firstOffset: number; bytes: Buffer }[] {
  const packs: { firstOffset: number; bytes: Buffer }[] = []
  let start = 0
  let bytes = 0
  records.forEach((record, index) => {
    const size = recordBytes(record)
    if (index > start && bytes + size > PACK_BYTES) {
      packs.push({ firstOffset: firstOffset + start, bytes: encodePack(records.slice(start, index), storedAtMs) })
      start = index
      bytes = 0
    }
    bytes += size
  })
  packs.push({ firstOffset: firstOffset + start, bytes: encodePack(records.slice(start), storedAtMs) })
  return packs
}

/** Damage in the middle of a log must not stop its readers: they go on behind it, and it is counted and logged. */
function findPack(
  segments: readonly Segment[],
  offset: number,
  endOffset: number,
  deps: PartitionLogDeps,
): PlacedPack | null {
  let wanted = offset
  for (const [index, segment] of segments.entries()) {
    const segmentEnd = segments[index + 1]?.base ?? endOffset
    while (wanted < segmentEnd) {
      try {
        const pack = segment.packAt(Math.max(wanted, segment.base))
        if (pack !== null) return pack
        break
      } catch (error) {
        if (!(error instanceof CorruptPack)) throw error
        deps.onDamage()
        deps.logger.error({ error }, 'records on the bus are damaged and were passed over')
        if (error.nextOffset === null) break
        wanted = error.nextOffset
      }
    }
  }
  return null
}

/** Turns packed records into records as consumers see them. */
export function recordsOf(log: PartitionLog, pack: PlacedPack): BusRecord[] {
  const { topic, partition } = log
  return pack.records.map((record, index) => ({
    topic,
    partition,
    offset: pack.firstOffset + index,
    key: record.key,
    storedAtMs: pack.storedAtMs,
    headers: record.headers,
    value: record.value,
  }))
}
