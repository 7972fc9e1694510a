import { rmSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Refusal } from './find-files.ts'
import { closeFile, type FileState, type FollowedFile, followedFile } from './followed-file.ts'
import { noPrint } from './prints.ts'
import { isRotatedNameOf } from './rotated-names.ts'

/** Something that people should know of a file. Reasons are stable words. */
export interface Notice {
  readonly reason:
    | 'file_truncated'
    | 'file_gone'
    | 'file_unreadable'
    | 'compressed_too_large'
    | 'compressed_damaged'
    | 'range_lost'
    | Refusal['reason']
  readonly path: string
  readonly detail: string
}

/** Files of one source, by number and by inode. */
export interface FileTable {
  readonly files: Map<number, FollowedFile>
  /** By device and inode: the file that is read there now. */
  readonly byKey: Map<string, FollowedFile>
  /** Numbers of files whose state is not stored as it is, and of those that are no longer there. */
  readonly changed: Set<number>
  readonly removed: Set<number>
  notices: Notice[]
  nextId: number
}

/** Files that were read to their end and are remembered. */
const FINISHED_MAX = 200
const NOTICES_MAX = 100

export function createFileTable(states: readonly FileState[], nowMs: number): FileTable {
  const table: FileTable = {
    files: new Map(),
    byKey: new Map(),
    changed: new Set(),
    removed: new Set(),
    notices: [],
    nextId: 1,
  }
  for (const state of [...states].sort((a, b) => a.id - b.id)) {
    const file = followedFile(state, dirname(state.path), nowMs)
    table.files.set(state.id, file)
    const known = table.byKey.get(state.key)
    if (known === undefined || known.state.finished || !state.finished) table.byKey.set(state.key, file)
    table.nextId = Math.max(table.nextId, state.id + 1)
  }
  return table
}

export function note(table: FileTable, notice: Notice): void {
  if (table.notices.length < NOTICES_MAX) table.notices.push(notice)
}

export function setState(table: FileTable, file: FollowedFile, changes: Partial<FileState>): void {
  file.state = { ...file.state, ...changes }
  table.changed.add(file.state.id)
}

/** Adds a file that is read from its beginning. */
export function addFile(
  table: FileTable,
  at: { readonly path: string; readonly key: string; readonly base: string; readonly mtimeMs: number },
  nowMs: number,
): FollowedFile {
  const id = table.nextId
  table.nextId += 1
  const state: FileState = {
    id,
    path: at.path,
    key: at.key,
    mtimeMs: at.mtimeMs,
    offset: 0,
    head: noPrint,
    tail: noPrint,
    skipping: false,
    finished: false,
    copyOf: null,
    spool: null,
  }
  const file = followedFile(state, at.base, nowMs)
  table.files.set(id, file)
  table.byKey.set(at.key, file)
  table.changed.add(id)
  return file
}

/** Lets another inode stand for a file. */
export function moveTo(
  table: FileTable,
  file: FollowedFile,
  at: { readonly path: string; readonly key: string },
): void {
  if (table.byKey.get(file.state.key) === file) table.byKey.delete(file.state.key)
  const other = table.byKey.get(at.key)
  if (other !== undefined && other !== file) dropFile(table, other)
  table.byKey.set(at.key, file)
  setState(table, file, { path: at.path, key: at.key, copyOf: null })
}

export function dropFile(table: FileTable, file: FollowedFile): void {
  closeFile(file)
  const { id, key, spool } = file.state
  if (spool !== null) rmSync(spool, { force: true })
  table.files.delete(id)
  if (table.byKey.get(key) === file) table.byKey.delete(key)
  table.changed.delete(id)
  table.removed.add(id)
}

/** Nothing more is expected of a file. It is remembered, so that a copy of it is known; the oldest are forgotten. */
export function finishFile(table: FileTable, file: FollowedFile): void {
  closeFile(file)
  if (file.state.spool !== null) rmSync(file.state.spool, { force: true })
  setState(table, file, { finished: true, spool: null })
  const finished = [...table.files.values()].filter(({ state }) => state.finished)
  for (const old of finished.slice(0, Math.max(0, finished.length - FINISHED_MAX))) dropFile(table, old)
}

/** Files that are read now and of which a file of this path may be a copy. */
export function originalsOf(table: FileTable, path: string): FollowedFile[] {
  const directory = dirname(path)
  const name = basename(path)
  return [...table.files.values()].filter(
    ({ state }) => !state.finished && dirname(state.path) === directory && isRotatedNameOf(name, basename(state.path)),
  )
}
