import { closeSync, createReadStream, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { HEAD_BYTES, printOf, type ReadPosition, samePrint, TAIL_BYTES } from './prints.ts'

export type UnzipOutcome =
  /** The rest lies in the file, at the offsets that it has in the whole; `size` is the size of the whole. */
  | { readonly kind: 'rest'; readonly size: number }
  /** It holds something else, or nothing beyond the position. */
  | { readonly kind: 'other' }
  | { readonly kind: 'read_before' }
  | { readonly kind: 'damaged'; readonly detail: string }
  | { readonly kind: 'too_large'; readonly size: number }

export interface UnzipLimits {
  /** Largest rest, bytes; what lies beyond is left out, and said. */
  readonly restBytesMax: number
  /** Largest whole: a small file may unpack without end. */
  readonly wholeBytesMax: number
}

/** The first bytes of a gzip file, unpacked; null when it is none. */
export async function peekZipped(path: string, length: number): Promise<Buffer | null> {
  const parts: Buffer[] = []
  let got = 0
  try {
    for await (const part of unzipped(path)) {
      parts.push(part)
      got += part.length
      if (got >= length) break
    }
  } catch {
    if (got < length) return null
  }
  return Buffer.concat(parts).subarray(0, length)
}

/**
 * Unpacks what a gzip file holds beyond a position into `target`, when it begins with what was read up to there. The
 * rest keeps its offsets: what was read before is a hole, but for the bytes by which the content is known again.
 */
export async function unzipRest(
  path: string,
  known: ReadPosition,
  target: string,
  limits: UnzipLimits,
): Promise<UnzipOutcome> {
  const tailFrom = known.offset - known.tail.length
  const descriptor = openSync(target, 'w', 0o600)
  const head: Buffer[] = []
  const tail: Buffer[] = []
  let size = 0
  const finish = (outcome: UnzipOutcome): UnzipOutcome => {
    if (outcome.kind !== 'rest') rmSync(target, { force: true })
    return outcome
  }
  try {
    for await (const part of unzipped(path)) {
      const from = size
      size += part.length
      if (from < HEAD_BYTES) head.push(part.subarray(0, HEAD_BYTES - from))
      if (from < known.offset && size > tailFrom) {
        tail.push(part.subarray(Math.max(0, tailFrom - from), Math.min(part.length, known.offset - from)))
      }
      if (from < known.offset && size >= known.offset && !isKnown(head, tail, known)) return finish({ kind: 'other' })
      if (size > limits.wholeBytesMax || size - known.offset > limits.restBytesMax) {
        return finish({ kind: 'too_large', size })
      }
      if (size > known.offset) {
        const kept = part.subarray(Math.max(0, known.offset - from))
        writeFully(descriptor, kept, Math.max(from, known.offset))
      }
    }
    if (size < known.offset) return finish({ kind: 'other' })
    if (size === known.offset) return finish({ kind: 'read_before' })
    writeFully(descriptor, Buffer.concat(head), 0)
    if (known.offset > 0) writeFully(descriptor, Buffer.concat(tail), tailFrom)
    ftruncateSync(descriptor, size)
    return finish({ kind: 'rest', size })
  } catch (error) {
    return finish({ kind: 'damaged', detail: error instanceof Error ? error.message : String(error) })
  } finally {
    closeSync(descriptor)
  }
}

function isKnown(head: readonly Buffer[], tail: readonly Buffer[], known: ReadPosition): boolean {
  const first = Buffer.concat(head)
  const last = Buffer.concat(tail)
  return (
    samePrint(printOf(first.subarray(0, known.head.length)), known.head) &&
    samePrint(printOf(last.subarray(0, Math.min(TAIL_BYTES, last.length))), known.tail)
  )
}

function writeFully(descriptor: number, bytes: Buffer, at: number): void {
  let written = 0
  while (written < bytes.length) {
    written += writeSync(descriptor, bytes, written, bytes.length - written, at + written)
  }
}

/** Ends with an error of the library when the file is damaged or gone. */
async function* unzipped(path: string): AsyncGenerator<Buffer> {
  const input = createReadStream(path, { highWaterMark: 256 * 1024 })
  const output = createGunzip({ chunkSize: 256 * 1024 })
  input.on('error', (error) => output.destroy(error))
  input.pipe(output)
  try {
    for await (const part of output) yield part as Buffer
  } finally {
    input.destroy()
    output.destroy()
  }
}
