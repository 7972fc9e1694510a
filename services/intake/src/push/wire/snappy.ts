/** Why bytes are not a Snappy block, or not one that is taken. */
export type SnappyProblem = 'snappy_malformed' | 'body_too_large' | 'no_room'

/** Three bytes say a copy of 64 at most. */
const GROWTH_MAX = 22

/**
 * Decodes a block of the Snappy format (not the framing format), at most `bytesMax` long. The length that the block
 * declares is checked against that, and against what so many bytes can stand for, before memory is taken; `mayTake` may
 * refuse it for want of room.
 */
export function decodeSnappy(
  block: Uint8Array,
  bytesMax: number,
  mayTake: (length: number) => boolean = () => true,
): Uint8Array<ArrayBuffer> | SnappyProblem {
  let length = 0
  let at = 0
  for (let shift = 0; ; shift += 7) {
    const byte = block[at++]
    if (byte === undefined || shift > 28) return 'snappy_malformed'
    length += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  if (length > bytesMax) return 'body_too_large'
  if (length > block.length * GROWTH_MAX) return 'snappy_malformed'
  if (!mayTake(length)) return 'no_room'
  const out = new Uint8Array(length)
  return unpack(block, at, out) ? out : 'snappy_malformed'
}

function unpack(block: Uint8Array, begin: number, out: Uint8Array): boolean {
  const end = block.length
  let at = begin
  let to = 0
  while (at < end) {
    const tag = block[at++]!
    const kind = tag & 3
    let length = (tag >>> 2) + 1
    if (kind === 0) {
      if (length > 60) {
        const width = length - 60
        if (at + width > end) return false
        length = littleEndian(block, at, width) + 1
        at += width
      }
      if (at + length > end || to + length > out.length) return false
      copyWithin(block, at, out, to, length)
      at += length
      to += length
      continue
    }
    const width = kind === 3 ? 4 : kind
    if (at + width > end) return false
    let offset: number
    if (kind === 1) {
      length = ((tag >>> 2) & 7) + 4
      offset = ((tag >>> 5) << 8) | block[at]!
    } else offset = littleEndian(block, at, width)
    at += width
    if (offset === 0 || offset > to || to + length > out.length) return false
    repeat(out, to, offset, length)
    to += length
  }
  return to === out.length
}

function littleEndian(bytes: Uint8Array, at: number, width: number): number {
  let value = 0
  for (let i = width - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!
  return value
}

/** A call into the engine costs more than moving a few bytes ourselves. */
const SHORT = 32

function copyWithin(from: Uint8Array, at: number, out: Uint8Array, to: number, length: number): void {
  if (length > SHORT) out.set(from.subarray(at, at + length), to)
  else for (let i = 0; i < length; i++) out[to + i] = from[at + i]!
}

/** Where source and target overlap, what was written just now is read again: that is how the format says runs. */
function repeat(out: Uint8Array, to: number, offset: number, length: number): void {
  if (offset >= length && length > SHORT) out.copyWithin(to, to - offset, to - offset + length)
  else for (let i = 0; i < length; i++) out[to + i] = out[to - offset + i]!
}
