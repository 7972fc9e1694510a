import { createHash } from 'node:crypto'
import { CheckFailure } from '../../check-type.ts'

/** One file or object, found. Sizes in bytes, times in milliseconds since the Unix epoch. */
export interface FoundFile {
  readonly name: string
  readonly size: number
  readonly modifiedMs: number
  /**
   * Its bytes from `start`, at most `count`, in pieces. Errors: CheckFailure; it ends when the signal aborts.
   */
  read(start: number, count: number): AsyncIterable<Uint8Array>
}

export interface FoundFiles {
  /** How many there are: more than one only for a pattern. */
  readonly count: number
  /** The newest; null when there is none. */
  readonly file: FoundFile | null
  close(): Promise<void>
}

/** More names than this are not looked through. */
export const NAMES_MAX = 100_000

export function tooManyNames(where: string): CheckFailure {
  return new CheckFailure('answer_too_large', `There are more than ${NAMES_MAX} names in ${where}`, {
    hint: 'Give a longer beginning of the name, or another directory',
    retry: 'never',
  })
}

/** The last part of a path and what is before it, with the `/`. */
export function splitLast(path: string): { readonly directory: string; readonly name: string } {
  const at = path.lastIndexOf('/') + 1
  return { directory: path.slice(0, at), name: path.slice(at) }
}

/** `*` stands for any characters but `/`, and there are no other signs. Linear: no backtracking over the name. */
export function matchesName(pattern: string, name: string): boolean {
  const parts = pattern.split('*')
  const first = parts[0]!
  if (parts.length === 1) return name === pattern
  const last = parts.at(-1)!
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false
  const inner = name.slice(first.length, name.length - last.length)
  let at = 0
  for (const part of parts.slice(1, -1)) {
    const found = inner.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return !name.includes('/')
}

export async function readWhole(file: FoundFile, bytesMax: number): Promise<Buffer> {
  refuseLarger(file, bytesMax)
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of file.read(0, bytesMax + 1)) {
    pieces.push(piece)
    bytes += piece.length
    // It may have grown since.
    if (bytes > bytesMax) throw tooLarge(file.name, bytes, bytesMax)
  }
  return Buffer.concat(pieces, bytes)
}

export async function sha256Of(file: FoundFile, bytesMax: number): Promise<string> {
  refuseLarger(file, bytesMax)
  const hash = createHash('sha256')
  for await (const piece of file.read(0, file.size)) hash.update(piece)
  return hash.digest('hex')
}

const LINE_BYTES_MAX = 65_536

/** A line by its number from 1, or the last one; undefined when there is none. An empty last line does not count. */
export async function lineOf(file: FoundFile, which: number | 'last', bytesMax: number): Promise<string | undefined> {
  if (which === 'last') {
    const start = Math.max(0, file.size - LINE_BYTES_MAX)
    const pieces: Uint8Array[] = []
    for await (const piece of file.read(start, LINE_BYTES_MAX)) pieces.push(piece)
    const text = Buffer.concat(pieces)
      .toString('utf8')
      .replace(/\r?\n$/, '')
    return text === '' && file.size <= 2 ? undefined : text.slice(text.lastIndexOf('\n') + 1).replace(/\r$/, '')
  }
  let number = 1
  let bytes = 0
  let line: Buffer = Buffer.alloc(0)
  for await (const piece of file.read(0, bytesMax)) {
    bytes += piece.length
    let rest = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      if (number === which) return textOf(Buffer.concat([line, rest.subarray(0, end)]))
      number++
      line = Buffer.alloc(0)
      rest = rest.subarray(end + 1)
    }
    if (number === which && line.length < LINE_BYTES_MAX) line = Buffer.concat([line, rest])
  }
  if (number === which && line.length > 0) return textOf(line)
  if (bytes >= bytesMax && bytes < file.size) throw tooLarge(file.name, file.size, bytesMax)
  return undefined
}

function textOf(line: Buffer): string {
  return line.subarray(0, LINE_BYTES_MAX).toString('utf8').replace(/\r$/, '')
}

function refuseLarger(file: FoundFile, bytesMax: number): void {
  if (file.size > bytesMax) throw tooLarge(file.name, file.size, bytesMax)
}

function tooLarge(name: string, size: number, bytesMax: number): CheckFailure {
  return new CheckFailure('answer_too_large', `${name} has ${size} bytes, more than the ${bytesMax} that may be read`, {
    hint: 'Raise bytesMax (100,000,000 at most), or look at its size, age or last line instead',
    retry: 'never',
  })
}
