import { hash } from 'node:crypto'
import { readSync } from 'node:fs'

/** A fingerprint of some bytes of a file. */
export interface Print {
  /** How many bytes. */
  readonly length: number
  readonly hash: string
}

/** The head is known by so many bytes, once there are as many. */
export const HEAD_BYTES = 1024
/** Bytes before the position that are looked at again when reading goes on. */
export const TAIL_BYTES = 64

export const noPrint: Print = { length: 0, hash: '' }

export function printOf(bytes: Buffer): Print {
  return bytes.length === 0 ? noPrint : { length: bytes.length, hash: hash('sha1', bytes, 'base64') }
}

export const samePrint = (a: Print, b: Print): boolean => a.length === b.length && a.hash === b.hash

/** How far a file was read, and how its content is known again. */
export interface ReadPosition {
  readonly offset: number
  /** Of the first bytes, as far as they have been read. */
  readonly head: Print
  /** Of the last bytes before `offset`. */
  readonly tail: Print
}

const scratch = Buffer.alloc(HEAD_BYTES)

/** Bytes of a file as they are now; fewer than asked for at its end. The answer is good until the next call. */
export function peek(descriptor: number, from: number, length: number): Buffer {
  let got = 0
  while (got < length) {
    const read = readSync(descriptor, scratch, got, length - got, from + got)
    if (read === 0) break
    got += read
  }
  return scratch.subarray(0, got)
}

/** Whether an open file still is, or is a copy of, what was read up to a position. */
export function isSameContent(descriptor: number, { offset, head, tail }: ReadPosition): boolean {
  return (
    samePrint(printOf(peek(descriptor, 0, head.length)), head) &&
    samePrint(printOf(peek(descriptor, offset - tail.length, tail.length)), tail)
  )
}

/** The position after reading up to `offset`. Errors: those of reading. */
export function positionAt(descriptor: number, offset: number): ReadPosition {
  const head = printOf(peek(descriptor, 0, Math.min(HEAD_BYTES, offset)))
  const tailLength = Math.min(TAIL_BYTES, offset)
  return { offset, head, tail: printOf(peek(descriptor, offset - tailLength, tailLength)) }
}
