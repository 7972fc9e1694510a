/**
 * A place in protobuf bytes, from `at` to `end`. A plain object and functions over it, because the decoders of pushed
 * samples run for every sample: no message objects, no views, no strings unless something is seen for the first time.
 */
export interface Wire {
  readonly bytes: Uint8Array
  readonly view: DataView
  at: number
  end: number
}

/** The bytes are not the protobuf that they should be. Thrown within a decoder, caught at its top. */
export class WireError extends Error {}

export const VARINT = 0
export const FIXED64 = 1
export const BYTES = 2
export const FIXED32 = 5

export function wireOf(bytes: Uint8Array): Wire {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { bytes, view, at: 0, end: bytes.length }
}

/** Field number times 8 plus wire type. */
export function readTag(wire: Wire): number {
  const tag = readVarint32(wire)
  if (tag < 8) throw new WireError('field number 0')
  return tag
}

/** The low 32 bits of a varint, unsigned; what is above them is read and dropped, as protobuf parsers do. */
export function readVarint32(wire: Wire): number {
  const { bytes, end } = wire
  let value = 0
  for (let shift = 0; shift < 70; shift += 7) {
    if (wire.at >= end) throw new WireError('the bytes end within a number')
    const byte = bytes[wire.at++]!
    if (shift < 32) value |= (byte & 0x7f) << shift
    if (byte < 0x80) return value >>> 0
  }
  throw new WireError('a number of more than ten bytes')
}

/** A varint of 64 bits with sign; exact up to 2^53, and beyond it as near as a number can be. */
export function readInt64(wire: Wire): number {
  const { bytes, end } = wire
  let low = 0
  let high = 0
  for (let shift = 0; shift < 70; shift += 7) {
    if (wire.at >= end) throw new WireError('the bytes end within a number')
    const byte = bytes[wire.at++]!
    const bits = byte & 0x7f
    if (shift < 28) low |= bits << shift
    else if (shift === 28) {
      low |= bits << 28
      high = bits >>> 4
    } else if (shift < 64) high |= bits << (shift - 32)
    if (byte < 0x80) return (high | 0) * 4294967296 + (low >>> 0)
  }
  throw new WireError('a number of more than ten bytes')
}

/** `uint64`, as near as a number can be. */
export function readUint64(wire: Wire): number {
  const value = readInt64(wire)
  return value < 0 ? value + 2 ** 64 : value
}

/** `sint32`. */
export function readSint32(wire: Wire): number {
  const value = readVarint32(wire)
  return (value >>> 1) ^ -(value & 1)
}

/** Steps over 8 bytes and answers where they stand. */
export function takeFixed64(wire: Wire): number {
  const at = wire.at
  if (at + 8 > wire.end) throw new WireError('the bytes end within a number')
  wire.at = at + 8
  return at
}

export function readDouble(wire: Wire): number {
  return wire.view.getFloat64(takeFixed64(wire), true)
}

/** `fixed64`, as near as a number can be. */
export function readFixed64(wire: Wire): number {
  return fixed64At(wire.view, takeFixed64(wire))
}

export function fixed64At(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 4294967296 + view.getUint32(at, true)
}

/** `sfixed64`, as near as a number can be. */
export function readSfixed64(wire: Wire): number {
  const at = takeFixed64(wire)
  return wire.view.getInt32(at + 4, true) * 4294967296 + wire.view.getUint32(at, true)
}

/** Reads the length of a field of bytes and answers where it ends; `at` then stands at its beginning. */
export function readLength(wire: Wire): number {
  const length = readVarint32(wire)
  const end = wire.at + length
  if (end > wire.end) throw new WireError('a length beyond the end')
  return end
}

/** Steps over a field's value. */
export function skip(wire: Wire, tag: number): void {
  const type = tag & 7
  if (type === BYTES) wire.at = readLength(wire)
  else if (type === VARINT) readInt64(wire)
  else if (type === FIXED64) takeFixed64(wire)
  else if (type === FIXED32) {
    if (wire.at + 4 > wire.end) throw new WireError('the bytes end within a number')
    wire.at += 4
  } else throw new WireError(`wire type ${type}`)
}

/** A field with a number that we know and a wire type that it cannot have. */
export function expectType(tag: number, type: number): void {
  if ((tag & 7) !== type) throw new WireError(`field ${tag >>> 3} has wire type ${tag & 7}`)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text from `start` to `end`; null when it is not UTF-8. */
export function textOf(wire: Wire, start: number, end: number): string | null {
  try {
    return utf8.decode(wire.bytes.subarray(start, end))
  } catch {
    return null
  }
}
