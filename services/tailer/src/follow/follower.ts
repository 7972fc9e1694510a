import { closeSync, statSync } from 'node:fs'
import { createFileTable, dropFile, type FileTable, finishFile, type Notice, note, setState } from './file-table.ts'
import { type FindLimits, type Found, findFiles, type Refusal } from './find-files.ts'
import { closeFile, type FileState, type FollowedFile, updateSize } from './followed-file.ts'
import type { Flush, Framing } from './frame.ts'
import { parseGlob } from './glob.ts'
import { type ReadBuffer, type ReadSegment, readSegment, rereadSegment, type Segment } from './read-segment.ts'
import {
  admit,
  adoptMissed,
  attach,
  MTIME_SLACK_MS,
  missedAt,
  openZippedRanges,
  type RotationConfig,
  replaceContent,
  settleCopy,
} from './rotations.ts'

export interface FollowerConfig extends RotationConfig {
  readonly paths: readonly string[]
  readonly exclude: readonly string[]
  /** Where files are begun that are there at the very first look. */
  readonly from: 'beginning' | 'end'
  readonly limits: FindLimits
  readonly framing: Framing
  /** How long a record of several lines may go on. */
  readonly recordQuietMs: number
  /** How long a last line without newline is waited for. */
  readonly lineQuietMs: number
  /** How long a file that was rotated away must be quiet before it is complete. */
  readonly rotatedQuietMs: number
  /** After this time without a change a file is closed until it changes. */
  readonly idleCloseMs: number
}

/** What is stored of a follower. Plain data. */
export interface FollowerState {
  readonly files: readonly FileState[]
  /** When files were looked for last; null for never. */
  readonly scannedAtMs: number | null
}

/** What changed since it was asked last. */
export interface FollowerChanges {
  readonly files: readonly FileState[]
  readonly removed: readonly number[]
}

export interface FileReport {
  readonly path: string
  readonly offset: number
  readonly size: number
  readonly records: number
  readonly lastReadMs: number | null
  readonly state: 'following' | 'rotated' | 'copy'
}

/**
 * Follows the files of one source. It holds no line: what is not complete stays in the file and is read again, so that
 * its position is all that there is to keep.
 */
export interface Follower {
  /**
   * Looks for files, and for what became of those that are known. One at a time. `settled`: whether all that was read
   * is published, so that files that are done may be let go of.
   */
  scan(nowMs: number, settled: boolean): Promise<void>
  /** Reads from the next file that has something, in turn; null when none has. */
  read(nowMs: number): (ReadSegment & { readonly path: string }) | null
  /** Reads a range again after a restart; null when it is not there any more. */
  reread(segment: Segment, nowMs: number): Promise<(ReadSegment & { readonly path: string }) | null>
  changes(): FollowerChanges
  state(): FollowerState
  notices(): readonly Notice[]
  refusals(): readonly Refusal[]
  files(): readonly FileReport[]
  /** Bytes that are there and not read. */
  behindBytes(): number
  close(): void
}

/** Sizes of files that do not change are looked at so often. */
const CHECK_EVERY_MS = 100

export function createFollower(
  config: FollowerConfig,
  stored: FollowerState,
  buffer: ReadBuffer,
  nowMs: number,
): Follower {
  const table = createFileTable(stored.files, nowMs)
  let scannedAtMs = stored.scannedAtMs
  let refusals: readonly Refusal[] = []
  let toldRefusals: ReadonlySet<string> = new Set()
  let last = 0

  /** Each look refuses the same again: people are told of what they have not been told of. */
  const tellNew = (): void => {
    const now = new Set<string>()
    for (const { path, reason } of refusals) {
      const key = reason === 'too_many_files' ? reason : `${reason} ${path}`
      if (!toldRefusals.has(key) && !now.has(key)) note(table, { reason, path, detail: refusalWords[reason] })
      now.add(key)
    }
    toldRefusals = now
  }

  const scan = async (atMs: number, settled: boolean): Promise<void> => {
    const found = await findFiles(config, config.roots, config.limits)
    const refused = await look(table, found, config, scannedAtMs, atMs)
    if (settled) for (const file of [...table.files.values()]) closeWhenDone(table, file, config, atMs)
    refusals = [...found.refusals, ...refused]
    tellNew()
    scannedAtMs = atMs
  }

  /** Open files, beginning behind the one that was read last. */
  const inTurn = (): FollowedFile[] => {
    const open = [...table.files.values()].filter(isReadable)
    const next = open.findIndex(({ state }) => state.id > last)
    return next <= 0 ? open : [...open.slice(next), ...open.slice(0, next)]
  }

  return {
    scan,
    read(atMs) {
      for (const file of inTurn()) {
        const outcome = readFrom(table, file, config, buffer, atMs)
        if (outcome === null) continue
        last = file.state.id
        return { ...outcome, path: file.state.path }
      }
      return null
    },
    async reread(segment, atMs) {
      const file = table.files.get(segment.file)
      if (file === undefined) return null
      if (file.descriptor === null && !file.state.finished) await attach(table, file, undefined, config, atMs)
      const got = await readAgain(file, segment, config, buffer)
      return got === null ? null : { ...got, path: file.state.path }
    },
    changes() {
      const files = [...table.changed].flatMap((id) => table.files.get(id)?.state ?? [])
      const removed = [...table.removed]
      table.changed.clear()
      table.removed.clear()
      return { files, removed }
    },
    state: () => ({ files: [...table.files.values()].map(({ state }) => state), scannedAtMs }),
    notices: () => table.notices.splice(0),
    refusals: () => refusals,
    files: () => [...table.files.values()].filter(({ state }) => !state.finished).map(reportOf),
    behindBytes() {
      let behind = 0
      for (const file of table.files.values()) {
        if (isReadable(file)) behind += Math.max(0, file.size - file.state.offset)
      }
      return behind
    },
    close() {
      for (const file of table.files.values()) closeFile(file)
    },
  }
}

const refusalWords: Readonly<Record<Refusal['reason'], string>> = {
  not_a_regular_file: 'a FIFO, a device, a socket, or a symlink that leads nowhere',
  symlink_outside: 'a symlink that leads out of the directory that is followed',
  outside_allowed_roots: 'files there are never read, or not among the directories that are allowed',
  own_output: 'what the product writes itself',
  permission_denied: 'the user that the tailer runs as may not read it',
  unreadable: 'it cannot be opened',
  path_not_absolute: 'a path begins with /',
  path_has_dots: 'a path has no . or .. in it',
  path_too_long: 'the path is too long',
  too_many_files: 'more files than a source may have; this one and further ones are not read',
}

const isReadable = ({ descriptor, state }: FollowedFile): boolean =>
  descriptor !== null && !state.finished && state.copyOf === null

function reportOf({ state, size, present, readRecords, lastReadMs }: FollowedFile): FileReport {
  return {
    path: state.path,
    offset: state.offset,
    size: Math.max(size, state.offset),
    records: readRecords,
    lastReadMs,
    state: state.copyOf !== null ? 'copy' : present ? 'following' : 'rotated',
  }
}

function readFrom(
  table: FileTable,
  file: FollowedFile,
  config: FollowerConfig,
  buffer: ReadBuffer,
  nowMs: number,
): ReadSegment | null {
  if (file.size <= file.state.offset && nowMs - file.checkedAtMs < CHECK_EVERY_MS) return null
  try {
    const sizeBefore = file.size
    if (!updateSize(file, nowMs)) {
      replaceContent(table, file, config, nowMs)
      return null
    }
    const flush = flushOf(file, config, nowMs)
    if (file.size <= file.state.offset || (flush === 'none' && file.waitingAt === file.size)) return null
    const outcome = readSegment(file, buffer, config.framing, flush)
    if (outcome === 'nothing') file.waitingAt = file.size
    else if (outcome === 'replaced') {
      file.size = sizeBefore
      replaceContent(table, file, config, nowMs)
    } else {
      table.changed.add(file.state.id)
      file.readBytes += outcome.segment.to - outcome.segment.from
      file.readRecords += buffer.spans.count
      file.lastReadMs = nowMs
      return outcome
    }
  } catch (error) {
    // Tried again at the next look for files; others go on.
    note(table, { reason: 'file_unreadable', path: file.state.path, detail: messageOf(error) })
    closeFile(file)
  }
  return null
}

async function readAgain(
  file: FollowedFile,
  segment: Segment,
  config: FollowerConfig,
  buffer: ReadBuffer,
): Promise<ReadSegment | null> {
  const got = file.descriptor === null ? null : rereadSegment(file.descriptor, segment, buffer, config.framing)
  if (got !== null) return got
  for await (const descriptor of openZippedRanges(file, segment.from, config)) {
    const unpacked = rereadSegment(descriptor, segment, buffer, config.framing)
    closeSync(descriptor)
    if (unpacked !== null) return unpacked
  }
  return null
}

/** What has been quiet for long enough is complete. */
function flushOf(file: FollowedFile, config: FollowerConfig, nowMs: number): Flush {
  const quietMs = nowMs - file.changedAtMs
  if (quietMs >= config.lineQuietMs) return 'all'
  return config.framing.begins !== null && quietMs >= config.recordQuietMs ? 'lines' : 'none'
}

/** Compares what was found with what is known. Answers what could not be opened. */
async function look(
  table: FileTable,
  found: Found,
  config: FollowerConfig,
  sinceMs: number | null,
  nowMs: number,
): Promise<Refusal[]> {
  const byKey = new Map(found.files.map((file) => [file.key, file]))
  const rotated = rotatedAway(table, found)
  const missedSinceMs = sinceMs === null ? null : Math.min(sinceMs, ...lostUnread(table, byKey))
  for (const file of [...table.files.values()]) {
    if (!file.state.finished) await lookAt(table, file, byKey.get(file.state.key), config, nowMs)
    else reviveOrForget(table, file, byKey.get(file.state.key))
  }
  const refused: Refusal[] = []
  for (const each of found.files) {
    if (table.byKey.has(each.key)) continue
    const from = sinceMs === null ? config.from : 'beginning'
    const reason = admit(table, each, from, config, nowMs)
    if (reason !== null) refused.push({ path: each.path, reason: reason as Refusal['reason'] })
    else rotated.push(each)
  }
  if (missedSinceMs !== null) {
    const places = [...rotated, ...stirredPlaces(config, missedSinceMs)]
    const missed = places.flatMap((place) => missedAt({ ...place, roots: config.roots }))
    const inPattern = found.compressed.filter(({ path }) => !found.files.some((file) => `${file.path}.gz` === path))
    await adoptMissed(table, [...missed, ...inPattern], missedSinceMs, config, nowMs)
  }
  for (const file of table.files.values()) if (file.state.copyOf !== null) settleCopy(table, file)
  return refused
}

/** Ages of files of which nothing was read before they were gone from where they were found. */
function lostUnread(table: FileTable, byKey: ReadonlyMap<string, unknown>): number[] {
  return [...table.files.values()]
    .filter(({ state, descriptor }) => !state.finished && descriptor === null && state.offset === 0)
    .filter(({ state }) => !byKey.has(state.key))
    .map(({ state }) => state.mtimeMs)
}

/** Places where another file stands than before, or where the same one has less in it. */
function rotatedAway(table: FileTable, found: Found): { path: string; base: string }[] {
  const places: { path: string; base: string }[] = []
  const at = new Map(found.files.map((file) => [file.path, file]))
  for (const { state, base } of table.files.values()) {
    if (state.finished || state.copyOf !== null || state.spool !== null) continue
    const now = at.get(state.path)
    if (now === undefined || now.key !== state.key || now.size < state.offset) places.push({ path: state.path, base })
  }
  return places
}

/** Paths that may have come and gone since the last look: names in their directory have changed. */
function stirredPlaces({ paths }: FollowerConfig, sinceMs: number): { path: string; base: string }[] {
  return paths.flatMap((path) => {
    const glob = parseGlob(path)
    if ('problem' in glob || glob.isPattern) return []
    const changedMs = statSync(glob.base, { throwIfNoEntry: false })?.mtimeMs ?? 0
    return changedMs >= sinceMs - MTIME_SLACK_MS ? [{ path, base: glob.base }] : []
  })
}

async function lookAt(
  table: FileTable,
  file: FollowedFile,
  at: Found['files'][number] | undefined,
  config: FollowerConfig,
  nowMs: number,
): Promise<void> {
  const isThere = at !== undefined && file.state.spool === null
  if (file.present && !isThere) file.absentSinceMs = nowMs
  file.present = isThere
  if (isThere) {
    file.base = at.base
    if (at.path !== file.state.path) setState(table, file, { path: at.path })
  }
  if (file.descriptor === null) {
    // Closed since it is quiet: nothing needs to be done while it stands as it was read.
    if (!isThere || at.size !== file.state.offset) await attach(table, file, at, config, nowMs)
  } else if (!updateSize(file, nowMs)) replaceContent(table, file, config, nowMs)
}

function closeWhenDone(table: FileTable, file: FollowedFile, config: FollowerConfig, nowMs: number): void {
  if (file.descriptor === null || file.state.finished) return
  const quietMs = nowMs - file.changedAtMs
  if (file.present) {
    if (quietMs >= config.idleCloseMs && file.size === file.state.offset) closeFile(file)
    return
  }
  if (file.state.copyOf !== null) {
    dropFile(table, file)
    return
  }
  const wait = Math.max(config.rotatedQuietMs, config.lineQuietMs)
  const isRead = file.size === file.state.offset || file.waitingAt === file.size
  if (isRead && quietMs >= wait && nowMs - file.absentSinceMs >= config.rotatedQuietMs) finishFile(table, file)
}

/** A file that was complete may be written to again; another one may have its inode. */
function reviveOrForget(table: FileTable, file: FollowedFile, at: Found['files'][number] | undefined): void {
  if (at === undefined || table.byKey.get(at.key) !== file || at.size === file.state.offset) return
  if (at.size > file.state.offset) setState(table, file, { finished: false })
  else table.byKey.delete(at.key)
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
