import { closeSync, fstatSync } from 'node:fs'
import type { ReadPosition } from './prints.ts'

/** What is stored of a file that is followed. Plain data. */
export interface FileState extends ReadPosition {
  /** Number within its source. */
  readonly id: number
  /** Where it was found last. */
  readonly path: string
  /** Device and inode. */
  readonly key: string
  /** When it was written to last, as it was found. */
  readonly mtimeMs: number
  /** Whether the position is inside a line that is too long. */
  readonly skipping: boolean
  /** Read to its end, and no more is expected of it. Kept for a while so that copies of it are known. */
  readonly finished: boolean
  /** The file of which this is a copy so far; null for none. */
  readonly copyOf: number | null
  /** Path of the decompressed rest that is read in its place; removed in the end. */
  readonly spool: string | null
}

/** A file that is followed, as it stands in memory. */
export interface FollowedFile {
  state: FileState
  descriptor: number | null
  /** The directory that it must lie in. */
  base: string
  size: number
  /** Whether a pattern finds it now. */
  present: boolean
  /** When it grew last, or was opened. */
  changedAtMs: number
  /** When no pattern found it any more. */
  absentSinceMs: number
  /** When its size was looked at last. */
  checkedAtMs: number
  /** Size at which there was no complete record. */
  waitingAt: number
  /** Bytes that were there when its content was replaced, and not read; null when it was not replaced. */
  replacedUnread: number | null
  /** Bytes and records read since the start; for people. */
  readBytes: number
  readRecords: number
  lastReadMs: number | null
}

export function followedFile(state: FileState, base: string, nowMs: number): FollowedFile {
  return {
    state,
    descriptor: null,
    base,
    size: state.offset,
    present: false,
    changedAtMs: nowMs,
    absentSinceMs: nowMs,
    checkedAtMs: Number.NEGATIVE_INFINITY,
    waitingAt: -1,
    replacedUnread: null,
    readBytes: 0,
    readRecords: 0,
    lastReadMs: null,
  }
}

export function closeFile(file: FollowedFile): void {
  if (file.descriptor === null) return
  closeSync(file.descriptor)
  file.descriptor = null
}

/** Looks at the size. Answers false when there is less than was read: the content was replaced. */
export function updateSize(file: FollowedFile, nowMs: number): boolean {
  if (file.descriptor === null) return true
  const { size } = fstatSync(file.descriptor)
  file.checkedAtMs = nowMs
  if (size < file.state.offset) return false
  if (size !== file.size) file.changedAtMs = nowMs
  file.size = size
  return true
}
