import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { commitOf, type Environment, openEnvironment } from './environment.ts'
import { decodePack, type Pack } from './pack.ts'
import { inspectSegmentFile, syncDirectory } from './segment-file.ts'

/** A pack and the offset of its first record. */
export interface PlacedPack extends Pack {
  readonly firstOffset: number
}

/**
 * Consecutive packs of one partition in one LMDB environment, which is opened when it is first used. Old segments are
 * removed by unlinking: deleting keys made later commits up to ten times slower.
 */
export interface Segment {
  /** Offset of the first record; also the directory's name. */
  readonly base: number
  readonly directory: string
  /** Bytes on disk. */
  bytes(): number
  /** When it was last written, milliseconds since the epoch; creation time while it is empty. */
  lastWrittenMs(): number
  lastUsedMs(): number
  /** Resolves when the packs are flushed. All or none of them are stored. */
  append(packs: readonly { readonly firstOffset: number; readonly bytes: Buffer }[], nowMs: number): Promise<void>
  /** The pack that holds an offset, or the first one after it; null when there is none. Throws `CorruptPack`. */
  packAt(offset: number): PlacedPack | null
  /** Offset after the last record; walks back over nothing: throws `CorruptPack` when the last pack is not whole. */
  end(): number
  /** First offsets of all packs, ascending, with their bytes. For salvage. */
  rawPacks(): Iterable<{ readonly firstOffset: number; readonly bytes: Buffer }>
  close(): Promise<void>
  remove(): Promise<void>
}

/** A stored pack whose checksum does not hold. */
export class CorruptPack extends Error {
  /** Offset of the next pack in this segment, null if there is none. */
  readonly nextOffset: number | null

  constructor(path: string, offset: number, nextOffset: number | null) {
    super(`the pack at offset ${offset} in ${path} is damaged`)
    this.nextOffset = nextOffset
  }
}

const segmentFileName = 'segment.mdb'
const OFFSET_DIGITS = 16
/** lmdb-js leaves key 0 out of reverse ranges, so keys count from 1. */
const FIRST_KEY = 1
const LAST_KEY = 0xffffffff

export function segmentDirectory(partitionDirectory: string, base: number): string {
  return join(partitionDirectory, String(base).padStart(OFFSET_DIGITS, '0'))
}

export function createSegment(base: number, directory: string, mapBytes: number, clockMs: () => number): Segment {
  const path = join(directory, segmentFileName)
  let environment: Environment<number> | null = null
  let bytes = existsSync(path) ? statSync(path).size : 0
  let lastWrittenMs = bytes > 0 ? statSync(path).mtimeMs : clockMs()
  let lastUsedMs = clockMs()

  const opened = (): Environment<number> => {
    lastUsedMs = clockMs()
    if (environment !== null) return environment
    const isNew = !existsSync(path)
    if (isNew) mkdirSync(directory, { recursive: true })
    else if (inspectSegmentFile(path) === 'unreadable') throw new CorruptPack(path, base, null)
    environment = openEnvironment<number>(path, { mapBytes })
    if (isNew) {
      syncDirectory(directory)
      syncDirectory(dirname(directory))
    }
    return environment
  }

  const keyNear = (key: number, reverse: boolean): number | undefined => {
    for (const found of opened().getKeys({ start: key, limit: 1, reverse })) return found
    return undefined
  }

  const readPack = (key: number): PlacedPack => {
    const stored = opened().getBinary(key)
    const pack = stored && decodePack(Buffer.from(stored.buffer, stored.byteOffset, stored.length))
    if (pack) return { firstOffset: base + key - FIRST_KEY, storedAtMs: pack.storedAtMs, records: pack.records }
    const next = keyNear(key + 1, false)
    throw new CorruptPack(path, base + key - FIRST_KEY, next === undefined ? null : base + next - FIRST_KEY)
  }

  const packAt = (offset: number): PlacedPack | null => {
    opened().resetReadTxn()
    const key = keyNear(offset - base + FIRST_KEY, true)
    if (key !== undefined) {
      const pack = readPack(key)
      if (offset < pack.firstOffset + pack.records.length) return pack
    }
    const following = keyNear(offset - base + FIRST_KEY, false)
    return following === undefined ? null : readPack(following)
  }

  return {
    base,
    directory,
    bytes: () => bytes,
    lastWrittenMs: () => lastWrittenMs,
    lastUsedMs: () => lastUsedMs,
    async append(packs, nowMs) {
      const database = opened()
      // Writes of one turn of the event loop are one transaction.
      await commitOf(packs.map((pack) => database.put(pack.firstOffset - base + FIRST_KEY, pack.bytes)))
      bytes = statSync(path).size
      lastWrittenMs = nowMs
    },
    packAt,
    end() {
      opened().resetReadTxn()
      const last = keyNear(LAST_KEY, true)
      if (last === undefined) return base
      const pack = readPack(last)
      return pack.firstOffset + pack.records.length
    },
    *rawPacks() {
      for (const key of opened().getKeys({ start: FIRST_KEY })) {
        const stored = opened().getBinary(key)
        if (stored) yield { firstOffset: base + key - FIRST_KEY, bytes: Buffer.from(stored) }
      }
    },
    async close() {
      const closing = environment
      environment = null
      await closing?.close()
    },
    async remove() {
      await this.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** What recovery must do with a segment that is found at start. */
export function inspectSegment(directory: string): ReturnType<typeof inspectSegmentFile> {
  const path = join(directory, segmentFileName)
  return existsSync(path) ? inspectSegmentFile(path) : 'empty'
}
