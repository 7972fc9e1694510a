import { mkdirSync, readFileSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { unusable } from '@driftline/platform/data-dir'
import type { FileState } from '../follow/followed-file.ts'
import type { FollowerChanges, FollowerState } from '../follow/follower.ts'
import type { Segment } from '../follow/read-segment.ts'

/** A batch that may or may not have been published: it is read again and published under the same position. */
export interface Intent {
  readonly position: number
  /** When it was read: part of what it is made of. */
  readonly atMs: number
  readonly segments: readonly Segment[]
  /** State of the reader before it. */
  readonly saved: string | null
}

/** How far a source has come. */
export interface SourcePosition {
  /** Of its sequences; the same as long as they go on. */
  readonly epoch: number
  /** The last one that was used. */
  readonly position: number
  readonly pending: Intent | null
  /** State of the reader; of no use while there is a pending intent. */
  readonly saved: string | null
  readonly follower: FollowerState
}

type Entry = FollowerChanges & { readonly scannedAtMs: number | null } & (
    | { readonly kind: 'base'; readonly epoch: number; readonly position: number; readonly saved: string | null }
    | { readonly kind: 'intent'; readonly intent: Intent }
    | { readonly kind: 'settled'; readonly saved: string | null }
  )

/**
 * The durable position of one source: a file to which entries are appended, each with a checksum, and which is written
 * anew when it has grown. An intent says, too, that the one before it was published. Errors: `disk_full` (retryable),
 * `data_dir_unusable`.
 */
export interface PositionLog {
  /** Reads what is stored; begins anew, with another epoch, when there is nothing that can be read. */
  open(nowMs: number): Promise<SourcePosition>
  intend(intent: Intent, changes: FollowerChanges, scannedAtMs: number | null): Promise<void>
  /** Says that nothing is pending. */
  settle(saved: string | null, changes: FollowerChanges, scannedAtMs: number | null): Promise<void>
  close(): Promise<void>
}

const FILE = 'positions.log'
/** Stands for the state of the reader that the entry before has, which may be large. */
const SAME = '='
const COMPACT_BYTES = 4 * 1024 * 1024

export function createPositionLog(directory: string): PositionLog {
  const path = join(directory, FILE)
  const files = new Map<number, FileState>()
  let at = { epoch: 0, position: 0, saved: null as string | null, scannedAtMs: null as number | null }
  let pending: Intent | null = null
  /** State of the reader in the last entry. */
  let lastSaved: string | null = null
  let handle: FileHandle | null = null
  let bytes = 0

  const apply = (entry: Entry): void => {
    const saved = entry.kind === 'intent' ? entry.intent.saved : entry.saved
    lastSaved = saved === SAME ? lastSaved : saved
    const { scannedAtMs } = entry
    if (entry.kind === 'base') {
      files.clear()
      pending = null
      at = { epoch: entry.epoch, position: entry.position, saved: lastSaved, scannedAtMs }
    } else if (entry.kind === 'intent') {
      pending = { ...entry.intent, saved: lastSaved }
      at = { ...at, position: entry.intent.position, scannedAtMs }
    } else {
      pending = null
      at = { ...at, saved: lastSaved, scannedAtMs }
    }
    for (const file of entry.files) files.set(file.id, file)
    for (const id of entry.removed) files.delete(id)
  }

  /** Writes all that is known to a new file, which takes the place of the old one. */
  const compact = async (): Promise<void> => {
    const { epoch, position, saved, scannedAtMs } = at
    const rest = { files: [...files.values()], removed: [], scannedAtMs }
    const lines = [lineOf({ kind: 'base', epoch, position, saved, ...rest })]
    if (pending !== null) lines.push(lineOf({ kind: 'intent', intent: pending, files: [], removed: [], scannedAtMs }))
    const text = lines.join('')
    const fresh = await open(`${path}.new`, 'w', 0o600)
    await fresh.writeFile(text)
    await fresh.datasync()
    await rename(`${path}.new`, path)
    await syncDirectory(directory)
    await handle?.close()
    handle = fresh
    bytes = Buffer.byteLength(text)
  }

  const append = async (entry: Entry): Promise<void> => {
    try {
      const before = lastSaved
      apply(entry)
      if (handle === null || bytes > COMPACT_BYTES) return await compact()
      const line = lineOf(lastSaved === before && before !== null ? withoutState(entry) : entry)
      await handle.write(line)
      await handle.datasync()
      bytes += Buffer.byteLength(line)
    } catch (error) {
      // Half a line may be there: what comes next is written to a new file.
      await handle?.close().catch(() => {})
      handle = null
      throw unusable(directory, error)
    }
  }

  return {
    async open(nowMs) {
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 })
        for (const entry of storedEntries(path)) apply(entry)
        // Epochs tell how old a source's sequences are, so they are times.
        if (at.epoch === 0) at = { ...at, epoch: nowMs }
        await compact()
      } catch (error) {
        throw unusable(directory, error)
      }
      const { epoch, position, saved, scannedAtMs } = at
      return { epoch, position, pending, saved, follower: { files: [...files.values()], scannedAtMs } }
    },
    intend: (intent, changes, scannedAtMs) => append({ kind: 'intent', intent, ...changes, scannedAtMs }),
    settle: (saved, changes, scannedAtMs) => append({ kind: 'settled', saved, ...changes, scannedAtMs }),
    async close() {
      await handle?.close()
      handle = null
    },
  }
}

function withoutState(entry: Entry): Entry {
  if (entry.kind === 'intent') return { ...entry, intent: { ...entry.intent, saved: SAME } }
  return { ...entry, saved: SAME }
}

function lineOf(entry: Entry): string {
  const text = JSON.stringify(entry)
  return `${crc32(text).toString(16).padStart(8, '0')} ${text}\n`
}

/** Entries up to the first that was not written whole. */
function* storedEntries(path: string): Generator<Entry> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  for (const line of text.split('\n')) {
    const json = line.slice(9)
    if (Number.parseInt(line.slice(0, 8), 16) !== crc32(json)) return
    yield JSON.parse(json) as Entry
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
