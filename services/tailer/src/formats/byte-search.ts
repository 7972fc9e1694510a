/** Offset of a byte in a range, or -1. Ranges here are short: calling into the runtime would cost more. */
export function indexIn(buffer: Uint8Array, byte: number, from: number, to: number): number {
  for (let at = from; at < to; at++) if (buffer[at] === byte) return at
  return -1
}

export function startsWith(buffer: Uint8Array, at: number, to: number, word: Uint8Array): boolean {
  if (at + word.length > to) return false
  for (let i = 0; i < word.length; i++) if (buffer[at + i] !== word[i]) return false
  return true
}

/** A view of the same bytes, for reading four at a time. */
export const viewOf = (buffer: Uint8Array): DataView =>
  new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)

const ONES = 0x01010101
const SPACES = 0x20202020
const QUOTES = 0x22222222
const BACKSLASHES = 0x5c5c5c5c
const HIGH_BITS = 0x80808080 | 0

/**
 * Skips bytes that mean nothing within quotes, four at a time: answers an offset at or at most three bytes before the
 * first quote, backslash or control character, or before `to`. A zero byte in `x ^ QUOTES` is a quote; subtracting one
 * from each byte then sets its high bit.
 */
export function skipQuoted(view: DataView, from: number, to: number): number {
  let at = from
  const last = to - 3
  while (at < last) {
    const word = view.getUint32(at, true)
    const quotes = word ^ QUOTES
    const backslashes = word ^ BACKSLASHES
    const found = ((word - SPACES) & ~word) | ((quotes - ONES) & ~quotes) | ((backslashes - ONES) & ~backslashes)
    if ((found & HIGH_BITS) !== 0) break
    at += 4
  }
  return at
}

/**
 * Copies bytes that JSON writes as they are, four at a time, and answers how many; it may stop up to three bytes before
 * the first byte that is a quote, a backslash, a control character or not ASCII.
 */
export function copyPlain(view: DataView, from: number, to: number, target: DataView, at: number): number {
  let source = from
  let out = at
  const last = to - 3
  while (source < last) {
    const word = view.getUint32(source, true) | 0
    const found = (word - SPACES) | ((word ^ QUOTES) - ONES) | ((word ^ BACKSLASHES) - ONES) | word
    if ((found & HIGH_BITS) !== 0) break
    target.setUint32(out, word, true)
    source += 4
    out += 4
  }
  return source - from
}

/** Copies a range, four bytes at a time; answers the offset behind the copy. */
export function copyBytes(view: DataView, from: number, to: number, target: DataView, at: number): number {
  let source = from
  let out = at
  const last = to - 3
  while (source < last) {
    target.setUint32(out, view.getUint32(source, true), true)
    source += 4
    out += 4
  }
  while (source < to) target.setUint8(out++, view.getUint8(source++))
  return out
}
