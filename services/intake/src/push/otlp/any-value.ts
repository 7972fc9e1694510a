import {
  BYTES,
  expectType,
  FIXED64,
  readDouble,
  readInt64,
  readLength,
  readTag,
  readVarint32,
  skip,
  textOf,
  VARINT,
  type Wire,
  WireError,
} from '../wire/wire.ts'

/** A value of an attribute or a log's body, as JSON has it. */
export type AnyJson = string | number | boolean | null | AnyJson[] | { [key: string]: AnyJson }

/** Deeper than anybody means it; what is below is left out as null. */
const DEPTH_MAX = 8

/** Reads an AnyValue that ends at `end`. Bytes become base64, text that is not UTF-8 its nearest. */
export function readAnyValue(wire: Wire, end: number, depth = 0): AnyJson {
  const outer = wire.end
  wire.end = end
  let value: AnyJson = null
  while (wire.at < end) {
    const tag = readTag(wire)
    switch (tag >>> 3) {
      case 1:
      case 5:
      case 6:
      case 7:
        expectType(tag, BYTES)
        value = readBytesValue(wire, tag >>> 3, depth)
        break
      case 2:
        expectType(tag, VARINT)
        value = readVarint32(wire) !== 0
        break
      case 3:
        expectType(tag, VARINT)
        value = readInteger(wire)
        break
      case 4:
        expectType(tag, FIXED64)
        value = readDouble(wire)
        // JSON has no such numbers.
        if (!Number.isFinite(value)) value = String(value)
        break
      default:
        skip(wire, tag)
    }
  }
  wire.end = outer
  return value
}

/** What is not exact as a number stays whole as text, as OTLP itself has it in JSON. */
function readInteger(wire: Wire): number | string {
  const start = wire.at
  const near = readInt64(wire)
  if (Number.isSafeInteger(near)) return near
  let exact = 0n
  for (let at = start; at < wire.at; at++) exact |= BigInt(wire.bytes[at]! & 0x7f) << BigInt(7 * (at - start))
  return String(BigInt.asIntN(64, exact))
}

function readBytesValue(wire: Wire, field: number, depth: number): AnyJson {
  const end = readLength(wire)
  const start = wire.at
  wire.at = end
  if (field === 1) return textOf(wire, start, end) ?? Buffer.from(wire.bytes.subarray(start, end)).toString()
  if (field === 7) return Buffer.from(wire.bytes.subarray(start, end)).toString('base64')
  if (depth >= DEPTH_MAX) return null
  wire.at = start
  const value = field === 5 ? readArray(wire, end, depth + 1) : readKeyValues(wire, end, depth + 1)
  wire.at = end
  return value
}

function readArray(wire: Wire, end: number, depth: number): AnyJson[] {
  const outer = wire.end
  wire.end = end
  const values: AnyJson[] = []
  while (wire.at < end) {
    const tag = readTag(wire)
    if (tag >>> 3 !== 1) skip(wire, tag)
    else {
      expectType(tag, BYTES)
      values.push(readAnyValue(wire, readLength(wire), depth))
    }
  }
  wire.end = outer
  return values
}

function readKeyValues(wire: Wire, end: number, depth: number): { [key: string]: AnyJson } {
  const values = Object.create(null) as { [key: string]: AnyJson }
  readKeyValueField(wire, end, 1, values, Number.MAX_SAFE_INTEGER, depth)
  return values
}

/**
 * Reads every KeyValue that stands in field `number` of the message from here to `end`, into `into`. Answers how many
 * there were; what is beyond `most` is not read.
 */
export function readKeyValueField(
  wire: Wire,
  end: number,
  number: number,
  into: { [key: string]: AnyJson },
  most: number,
  depth = 0,
): number {
  const outer = wire.end
  wire.end = end
  let count = 0
  while (wire.at < end) {
    const tag = readTag(wire)
    if (tag >>> 3 !== number || count >= most) {
      if (tag >>> 3 === number) count += 1
      skip(wire, tag)
      continue
    }
    expectType(tag, BYTES)
    count += 1
    readKeyValue(wire, readLength(wire), into, depth)
  }
  wire.end = outer
  return count
}

function readKeyValue(wire: Wire, end: number, into: { [key: string]: AnyJson }, depth: number): void {
  const outer = wire.end
  wire.end = end
  let key: string | null = ''
  let value: AnyJson = null
  while (wire.at < end) {
    const tag = readTag(wire)
    const field = tag >>> 3
    if (field === 1 || field === 2) {
      expectType(tag, BYTES)
      const partEnd = readLength(wire)
      if (field === 1) key = textOf(wire, wire.at, partEnd)
      else value = readAnyValue(wire, partEnd, depth)
      wire.at = partEnd
    } else skip(wire, tag)
  }
  wire.end = outer
  if (key === null) throw new WireError('the key of an attribute is not UTF-8')
  if (key !== '') into[key] = value
}

/** A value as an attribute of a series, which is text. */
export function textOfValue(value: AnyJson): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
