import { closeSync, fstatSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { addFile, dropFile, type FileTable, finishFile, moveTo, note, originalsOf, setState } from './file-table.ts'
import { type FollowedFile, updateSize } from './followed-file.ts'
import { type FoundFile, openLogFile, type Roots } from './log-file.ts'
import { HEAD_BYTES, isSameContent, noPrint, peek, positionAt } from './prints.ts'
import { areRelated, derivesFrom, isCompressedName } from './rotated-names.ts'
import {
  beginsAlike,
  findCopy,
  findMoved,
  isKnownContent,
  type Neighbourhood,
  openIfSame,
  siblingsOf,
} from './siblings.ts'
import { type UnzipLimits, unzipRest } from './unzip.ts'

/** What a source needs to know to tell what became of its files. */
export interface RotationConfig {
  readonly roots: Roots
  /** Directory for what is unpacked. */
  readonly spoolDir: string
  readonly unzip: UnzipLimits
}

const COMPARED_BYTES = 256
/** Clocks of file systems are coarse. */
export const MTIME_SLACK_MS = 2000

const near = (file: FollowedFile, { roots }: RotationConfig): Neighbourhood => ({
  path: file.state.path,
  base: file.base,
  roots,
})

function attachTo(file: FollowedFile, descriptor: number, nowMs: number): void {
  file.descriptor = descriptor
  file.waitingAt = -1
  file.changedAtMs = nowMs
  updateSize(file, nowMs)
}

/**
 * The content of an open file is another one than was read: it was truncated. What was read goes on in the copy that
 * the rotation made of it, if there is one; what stands in the file now is read from its beginning.
 */
export function replaceContent(table: FileTable, file: FollowedFile, config: RotationConfig, nowMs: number): void {
  const { state, descriptor, size } = file
  const unread = Math.max(0, size - state.offset)
  file.descriptor = null
  table.byKey.delete(state.key)
  const isFree = (key: string): boolean => {
    const other = table.byKey.get(key)
    return other === undefined || other.state.offset === 0 || other.state.copyOf === state.id
  }
  const copy = findCopy(near(file, config), state, (key) => key === state.key || !isFree(key))
  if (copy !== null) {
    moveTo(table, file, copy.found)
    file.present = false
    file.absentSinceMs = nowMs
    attachTo(file, copy.descriptor, nowMs)
  } else {
    // The copy may be compressed already: the next look finds it, or says what was lost.
    setState(table, file, { key: '' })
    file.replacedUnread = unread
    file.present = false
  }
  const fresh = addFile(table, { path: state.path, key: state.key, base: file.base, mtimeMs: nowMs }, nowMs)
  fresh.present = true
  if (descriptor !== null) attachTo(fresh, descriptor, nowMs)
}

/** Opens a file that is not open: where it was, under another name, or as a copy of it, compressed or not. */
export async function attach(
  table: FileTable,
  file: FollowedFile,
  at: FoundFile | undefined,
  config: RotationConfig,
  nowMs: number,
): Promise<void> {
  const { state } = file
  if (state.spool !== null) return attachSpool(table, file, state.spool, nowMs)
  const opened =
    at === undefined ? findMoved(near(file, config), state.key, state) : openIfSame(at, state, config.roots)
  if (opened !== null) {
    if (opened.found.path !== state.path) setState(table, file, { path: opened.found.path })
    return attachTo(file, opened.descriptor, nowMs)
  }
  // Whatever has this inode now is another file.
  if (table.byKey.get(state.key) === file) table.byKey.delete(state.key)
  if (state.copyOf !== null) return dropFile(table, file)
  const copy = findCopy(near(file, config), state, (key) => table.byKey.has(key))
  if (copy !== null) {
    moveTo(table, file, copy.found)
    return attachTo(file, copy.descriptor, nowMs)
  }
  await attachZipped(table, file, config, nowMs)
}

function attachSpool(table: FileTable, file: FollowedFile, path: string, nowMs: number): void {
  try {
    const descriptor = openSync(path, 'r')
    if (isSameContent(descriptor, file.state)) {
      attachTo(file, descriptor, nowMs)
      return
    }
    closeSync(descriptor)
  } catch {
    // Told below, with all that can be done about it.
  }
  note(table, { reason: 'file_gone', path: file.state.path, detail: 'what was unpacked of it is no longer there' })
  finishFile(table, file)
}

/** The last place to look: a compressed file that begins with what was read. */
async function attachZipped(
  table: FileTable,
  file: FollowedFile,
  config: RotationConfig,
  nowMs: number,
): Promise<void> {
  const { state } = file
  // Nothing of it was read: whatever it is called now is found as what it is.
  if (state.offset === 0) return dropFile(table, file)
  for (const found of siblingsOf(near(file, config), areRelated)) {
    if (!found.path.endsWith('.gz') || table.byKey.has(found.key)) continue
    const outcome = await unzipInto(table, file, found, config, nowMs)
    if (outcome !== 'other') return
  }
  finishFile(table, file)
  const { replacedUnread } = file
  if (replacedUnread === 0) return
  const wasReplaced = replacedUnread !== null
  note(table, {
    reason: wasReplaced ? 'file_truncated' : 'file_gone',
    path: state.path,
    detail: wasReplaced ? `${replacedUnread} bytes were not read before` : `it was read up to byte ${state.offset}`,
  })
}

async function unzipInto(
  table: FileTable,
  file: FollowedFile,
  found: FoundFile,
  config: RotationConfig,
  nowMs: number,
): Promise<'done' | 'other'> {
  const spool = join(config.spoolDir, `rest-${file.state.id}`)
  const outcome = await unzipRest(found.realPath, file.state, spool, config.unzip)
  if (outcome.kind === 'other') return 'other'
  if (outcome.kind === 'rest') {
    moveTo(table, file, found)
    setState(table, file, { spool })
    attachTo(file, openSync(spool, 'r'), nowMs)
    return 'done'
  }
  if (outcome.kind === 'too_large') {
    const detail = `it holds more than ${config.unzip.restBytesMax} bytes that were not read; they are left out`
    note(table, { reason: 'compressed_too_large', path: found.path, detail })
  } else if (outcome.kind === 'damaged') {
    note(table, { reason: 'compressed_damaged', path: found.path, detail: outcome.detail })
  }
  finishFile(table, file)
  return 'done'
}

/**
 * Begins a file that was not known. One that a rotation is making as a copy of a file that is read must not be read
 * twice: it is watched until it goes on by itself, or until its original is truncated. Answers why it is refused.
 */
export function admit(
  table: FileTable,
  found: FoundFile,
  from: 'beginning' | 'end',
  config: RotationConfig,
  nowMs: number,
): string | null {
  const originals = originalsOf(table, found.path)
  for (const original of originals) {
    if (original.descriptor === null) continue
    const isSame = updateSize(original, nowMs) && isSameContent(original.descriptor, original.state)
    if (!isSame) replaceContent(table, original, config, nowMs)
  }
  // An empty file beside its original may be a copy that is about to be filled; it is looked at again.
  if (table.byKey.has(found.key) || (found.size === 0 && originals.length > 0 && from === 'beginning')) return null
  const opened = openLogFile(found, config.roots)
  if (opened === null) return null
  if ('refusal' in opened) return opened.refusal
  const file = addFile(table, found, nowMs)
  file.present = true
  attachTo(file, opened.descriptor, nowMs)
  if (from === 'end') setState(table, file, endOf(opened.descriptor, file.size))
  const original = originals.find((each) => each !== file && isCopy(file, each))
  if (original !== undefined) {
    setState(table, file, { ...positionAt(opened.descriptor, file.size), copyOf: original.state.id })
  }
  return null
}

/** A file that is begun at its end may stand within a line: what is left of that is not a record. */
function endOf(descriptor: number, size: number) {
  const last = size === 0 ? 10 : peek(descriptor, size - 1, 1)[0]
  return { ...positionAt(descriptor, size), skipping: last !== 10 }
}

function isCopy(copy: FollowedFile, original: FollowedFile): boolean {
  if (copy.descriptor === null || original.descriptor === null || copy.size > original.size) return false
  const head = Buffer.from(peek(copy.descriptor, 0, Math.min(copy.size, HEAD_BYTES)))
  return beginsAlike(head, peek(original.descriptor, 0, head.length))
}

/** Watches a copy: while it is one, nothing of it is read. */
export function settleCopy(table: FileTable, file: FollowedFile): void {
  const original = table.files.get(file.state.copyOf ?? -1)
  if (original === undefined || original.state.finished || original.descriptor === null || file.descriptor === null) {
    if (original === undefined || original.state.finished) setState(table, file, { copyOf: null })
    return
  }
  const { size } = fstatSync(file.descriptor)
  if (size === file.state.offset) return
  const from = Math.max(0, size - COMPARED_BYTES)
  const bytes = Buffer.from(peek(file.descriptor, from, size - from))
  const isCopy = bytes.equals(peek(original.descriptor, from, size - from))
  setState(table, file, isCopy ? positionAt(file.descriptor, size) : { copyOf: null })
}

/** Files that a rotation may have made of a path. */
export const missedAt = (place: Neighbourhood): FoundFile[] => siblingsOf(place, derivesFrom).reverse()

/** After a rotation: files that were made of others, which came and went since the last look. */
export async function adoptMissed(
  table: FileTable,
  candidates: readonly FoundFile[],
  sinceMs: number,
  config: RotationConfig,
  nowMs: number,
): Promise<void> {
  const paths = new Set(candidates.map(({ path }) => path))
  for (const found of candidates) {
    const isZipped = found.path.endsWith('.gz')
    if (found.mtimeMs < sinceMs - MTIME_SLACK_MS || table.byKey.has(found.key) || found.size === 0) continue
    if (isCompressedName(found.path) && (!isZipped || paths.has(found.path.slice(0, -3)))) continue
    if (await isKnownContent(found, table.files.values(), config.roots)) continue
    const file = addFile(table, found, nowMs)
    if (isZipped) {
      await unzipInto(table, file, found, config, nowMs)
      continue
    }
    const opened = openLogFile(found, config.roots)
    if (opened !== null && 'descriptor' in opened) attachTo(file, opened.descriptor, nowMs)
    else dropFile(table, file)
  }
}

/**
 * Opens something that holds a range of a file that is no longer there itself: what a rotation compressed. Whether it
 * is the range, its checksum tells. The caller closes it; the name in the spool is gone already.
 */
export async function* openZippedRanges(
  file: FollowedFile,
  from: number,
  config: RotationConfig,
): AsyncGenerator<number> {
  for (const found of siblingsOf(near(file, config), areRelated)) {
    if (!found.path.endsWith('.gz')) continue
    const spool = join(config.spoolDir, `again-${file.state.id}`)
    const outcome = await unzipRest(found.realPath, { offset: from, head: noPrint, tail: noPrint }, spool, config.unzip)
    if (outcome.kind !== 'rest') continue
    const descriptor = openSync(spool, 'r')
    rmSync(spool)
    yield descriptor
  }
}
