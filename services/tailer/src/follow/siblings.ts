import { closeSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { FollowedFile } from './followed-file.ts'
import { type FoundFile, inspectFile, openLogFile, type Roots } from './log-file.ts'
import { HEAD_BYTES, isSameContent, peek, printOf, type ReadPosition, samePrint } from './prints.ts'
import { areRelated, isCompressedName } from './rotated-names.ts'
import { peekZipped } from './unzip.ts'

/** So many names of one directory are looked at; a rotation does not make more. */
const ENTRIES_MAX = 10_000

/** A place to look for what became of a file. */
export interface Neighbourhood {
  /** Path of the file. */
  readonly path: string
  readonly base: string
  readonly roots: Roots
}

/** An open file that holds what was looked for; the caller closes it. */
export interface OpenFound {
  readonly descriptor: number
  readonly found: FoundFile
}

type NameTest = (name: string, own: string) => boolean

const anyName: NameTest = () => true

/** Regular files in the directory of a file, most recent first, whose names pass. */
export function siblingsOf(near: Neighbourhood, isWanted: NameTest): FoundFile[] {
  const directory = dirname(near.path)
  const own = basename(near.path)
  let names: string[]
  try {
    names = readdirSync(directory).slice(0, ENTRIES_MAX)
  } catch {
    return []
  }
  return names
    .filter((name) => isWanted(name, own))
    .map((name) => inspectFile(join(directory, name), near.base, near.roots))
    .filter((found): found is FoundFile => found !== null && 'key' in found)
    .sort((a, b) => b.mtimeMs - a.mtimeMs)
}

/** Opens a file when it holds what was read up to a position. */
export function openIfSame(found: FoundFile, position: ReadPosition, roots: Roots): OpenFound | null {
  if (found.size < position.offset) return null
  const opened = openLogFile(found, roots)
  if (opened === null || 'refusal' in opened) return null
  if (isSameContent(opened.descriptor, position)) return { descriptor: opened.descriptor, found }
  closeSync(opened.descriptor)
  return null
}

/** Finds a file under another name by its inode, or a copy of it by its content. */
export function findMoved(near: Neighbourhood, key: string, position: ReadPosition): OpenFound | null {
  const same = siblingsOf(near, anyName).find((found) => found.key === key)
  return same === undefined ? null : openIfSame(same, position, near.roots)
}

/** Finds a copy of what was read, made by a rotation; `isTaken` tells files that are read for themselves. */
export function findCopy(
  near: Neighbourhood,
  position: ReadPosition,
  isTaken: (key: string) => boolean,
): OpenFound | null {
  if (position.offset === 0) return null
  for (const found of siblingsOf(near, areRelated)) {
    if (isCompressedName(found.path) || isTaken(found.key)) continue
    const opened = openIfSame(found, position, near.roots)
    if (opened !== null) return opened
  }
  return null
}

/** Whether a file begins with what is already known: then nothing of it was missed. */
export async function isKnownContent(found: FoundFile, known: Iterable<FollowedFile>, roots: Roots): Promise<boolean> {
  const first = await firstBytes(found, roots)
  if (first === null) return true
  for (const { state, descriptor } of known) {
    if (beginsLike(first, state)) return true
    if (descriptor !== null && beginsAlike(first, peek(descriptor, 0, HEAD_BYTES))) return true
  }
  return false
}

async function firstBytes(found: FoundFile, roots: Roots): Promise<Buffer | null> {
  if (isCompressedName(found.path)) return peekZipped(found.realPath, HEAD_BYTES)
  const opened = openLogFile(found, roots)
  if (opened === null || 'refusal' in opened) return null
  try {
    return Buffer.from(peek(opened.descriptor, 0, HEAD_BYTES))
  } finally {
    closeSync(opened.descriptor)
  }
}

/** Whether the shorter of two heads begins the longer one. */
export function beginsAlike(a: Buffer, b: Buffer): boolean {
  const length = Math.min(a.length, b.length)
  return length > 0 && a.subarray(0, length).equals(b.subarray(0, length))
}

function beginsLike(first: Buffer, { head }: ReadPosition): boolean {
  return head.length > 0 && first.length >= head.length && samePrint(printOf(first.subarray(0, head.length)), head)
}
