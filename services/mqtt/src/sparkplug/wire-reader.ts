import type { WireKind } from './datatypes.ts'

/** One metric of a payload. The objects are used again for the next payload. */
export interface WireMetric {
  /** Null where only an alias was sent. */
  name: string | null
  /** -1 for none, NaN for one that no number holds exactly. */
  alias: number
  /** Milliseconds since the Unix epoch; NaN for none. */
  timestampMs: number
  /** -1 for none. */
  datatype: number
  isHistorical: boolean
  isNull: boolean
  kind: WireKind
  low: number
  high: number
  real: number
  /** Where its properties stand in the payload; 0 and 0 for none. */
  propertiesFrom: number
  propertiesTo: number
}

/** A decoded payload. The first `count` of `metrics` are its own. */
export interface WirePayload {
  /** Milliseconds since the Unix epoch; NaN for none. */
  timestampMs: number
  /** -1 for none. */
  seq: number
  count: number
  readonly metrics: WireMetric[]
}

/** A cursor over protobuf. `failed` says that the bytes ended too early or are none; it stays set. */
interface Cursor {
  readonly bytes: Buffer
  at: number
  failed: boolean
  /** The varint that was read last, in halves of 32 bits. */
  low: number
  high: number
}

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/** More metrics than any birth certificate has; a payload of more is refused. */
const METRICS_MAX = 20_000

/**
 * A reader of payloads (Sparkplug B, protobuf). It answers null for bytes that are no payload; what a payload holds
 * beside times, numbers and names is passed over. The answer is valid until the next call.
 */
export function createWireReader(): (bytes: Buffer) => WirePayload | null {
  const payload: WirePayload = { timestampMs: Number.NaN, seq: -1, count: 0, metrics: [] }
  return (bytes) => {
    const cursor = cursorOf(bytes, 0)
    payload.timestampMs = Number.NaN
    payload.seq = -1
    payload.count = 0
    while (cursor.at < bytes.length && !cursor.failed) readPayloadField(cursor, payload)
    return cursor.failed ? null : payload
  }
}

const cursorOf = (bytes: Buffer, at: number): Cursor => ({ bytes, at, failed: false, low: 0, high: 0 })

function readPayloadField(cursor: Cursor, payload: WirePayload): void {
  const tag = readTag(cursor)
  if (tag === ((1 << 3) | VARINT)) {
    readVarint(cursor)
    payload.timestampMs = wide(cursor)
  } else if (tag === ((2 << 3) | BYTES)) {
    const end = readLength(cursor)
    if (payload.count >= METRICS_MAX) cursor.failed = true
    if (cursor.failed) return
    payload.metrics[payload.count] ??= newMetric()
    const metric = payload.metrics[payload.count]!
    clearMetric(metric)
    while (cursor.at < end && !cursor.failed) readMetricField(cursor, metric)
    if (cursor.at !== end) cursor.failed = true
    payload.count += 1
  } else if (tag === ((3 << 3) | VARINT)) {
    readVarint(cursor)
    payload.seq = wide(cursor)
  } else {
    skip(cursor, tag)
  }
}

const newMetric = (): WireMetric => ({
  name: null,
  alias: -1,
  timestampMs: Number.NaN,
  datatype: -1,
  isHistorical: false,
  isNull: false,
  kind: 'none',
  low: 0,
  high: 0,
  real: 0,
  propertiesFrom: 0,
  propertiesTo: 0,
})

function clearMetric(metric: WireMetric): void {
  metric.name = null
  metric.alias = -1
  metric.timestampMs = Number.NaN
  metric.datatype = -1
  metric.isHistorical = false
  metric.isNull = false
  metric.kind = 'none'
  metric.propertiesFrom = 0
  metric.propertiesTo = 0
}

function readMetricField(cursor: Cursor, metric: WireMetric): void {
  const tag = readTag(cursor)
  switch (tag) {
    case (1 << 3) | BYTES:
      metric.name = readText(cursor)
      return
    case (2 << 3) | VARINT:
      readVarint(cursor)
      metric.alias = cursor.high < 0x20_0000 ? wide(cursor) : Number.NaN
      return
    case (3 << 3) | VARINT:
      readVarint(cursor)
      metric.timestampMs = wide(cursor)
      return
    case (4 << 3) | VARINT:
      readVarint(cursor)
      metric.datatype = cursor.low
      return
    case (5 << 3) | VARINT:
      metric.isHistorical = readFlag(cursor)
      return
    case (7 << 3) | VARINT:
      metric.isNull = readFlag(cursor)
      return
    case (9 << 3) | BYTES:
      metric.propertiesTo = readLength(cursor)
      metric.propertiesFrom = cursor.at
      cursor.at = metric.propertiesTo
      return
    default:
      readValue(cursor, metric, tag)
  }
}

function readValue(cursor: Cursor, metric: WireMetric, tag: number): void {
  switch (tag) {
    case (10 << 3) | VARINT:
      takeVarint(cursor, metric, 'int')
      // A 32-bit field that is written as 64 bits, as negative numbers are, is cut (protobuf encoding, "Integers").
      metric.high = 0
      return
    case (11 << 3) | VARINT:
      takeVarint(cursor, metric, 'long')
      return
    case (12 << 3) | FIXED32:
      if (!has(cursor, 4)) return
      metric.real = cursor.bytes.readFloatLE(cursor.at)
      metric.kind = 'float'
      cursor.at += 4
      return
    case (13 << 3) | FIXED64:
      if (!has(cursor, 8)) return
      metric.real = cursor.bytes.readDoubleLE(cursor.at)
      metric.kind = 'double'
      cursor.at += 8
      return
    case (14 << 3) | VARINT:
      takeVarint(cursor, metric, 'boolean')
      return
    default:
      // Texts, bytes, data sets and templates are values, too, but no samples: fields 15 to 19.
      if (tag >>> 3 >= 15 && tag >>> 3 <= 19) metric.kind = 'other'
      skip(cursor, tag)
  }
}

function takeVarint(cursor: Cursor, metric: WireMetric, kind: WireKind): void {
  readVarint(cursor)
  metric.low = cursor.low
  metric.high = cursor.high
  metric.kind = kind
}

/** Names under which edge nodes send a unit. */
const unitKeys = new Set(['engunit', 'engunits', 'unit', 'units', 'engineeringunit', 'engineeringunits'])
const PROPERTIES_MAX = 256

/** The unit that the properties of a metric say; empty for none. */
export function readUnitProperty(bytes: Buffer, metric: WireMetric): string {
  const cursor = cursorOf(bytes, metric.propertiesFrom)
  const keys: string[] = []
  let units = 0
  let found = ''
  while (cursor.at < metric.propertiesTo && !cursor.failed && keys.length < PROPERTIES_MAX) {
    const tag = readTag(cursor)
    if (tag === ((1 << 3) | BYTES)) {
      keys.push(
        readText(cursor)
          .toLowerCase()
          .replace(/[^a-z]/g, ''),
      )
    } else if (tag === ((2 << 3) | BYTES)) {
      const end = readLength(cursor)
      // Keys come before values in what most write, but protobuf promises no order: then there is no unit.
      const isUnit = unitKeys.has(keys[units] ?? '')
      while (cursor.at < end && !cursor.failed) {
        const inner = readTag(cursor)
        if (isUnit && inner === ((8 << 3) | BYTES)) found = readText(cursor)
        else skip(cursor, inner)
      }
      units += 1
    } else {
      skip(cursor, tag)
    }
  }
  return cursor.failed ? '' : found
}

function has(cursor: Cursor, bytes: number): boolean {
  if (cursor.at + bytes <= cursor.bytes.length) return true
  cursor.failed = true
  return false
}

/** Field number and wire type; a number beyond 29 bits is none. */
function readTag(cursor: Cursor): number {
  readVarint(cursor)
  if (cursor.high !== 0 || cursor.low < 8) cursor.failed = true
  return cursor.low
}

function readFlag(cursor: Cursor): boolean {
  readVarint(cursor)
  return cursor.low !== 0 || cursor.high !== 0
}

const wide = (cursor: Cursor): number => cursor.high * 4_294_967_296 + cursor.low

/** Reads up to ten bytes of seven bits into `low` and `high`. */
function readVarint(cursor: Cursor): void {
  const { bytes } = cursor
  let low = 0
  let high = 0
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[cursor.at]
    if (byte === undefined) break
    cursor.at += 1
    const bits = byte & 0x7f
    if (shift < 28) low |= bits << shift
    else if (shift === 28) {
      low |= bits << 28
      high = bits >>> 4
    } else high |= bits << (shift - 32)
    if (byte < 0x80) {
      cursor.low = low >>> 0
      cursor.high = high >>> 0
      return
    }
  }
  cursor.failed = true
  cursor.low = 0
  cursor.high = 0
}

/** Where a length-delimited field ends. */
function readLength(cursor: Cursor): number {
  readVarint(cursor)
  const end = cursor.at + cursor.low
  if (cursor.high !== 0 || end > cursor.bytes.length) {
    cursor.failed = true
    return cursor.at
  }
  return end
}

function readText(cursor: Cursor): string {
  const end = readLength(cursor)
  const text = cursor.bytes.toString('utf8', cursor.at, end)
  cursor.at = end
  return text
}

/** Passes over a field that is not read. Groups, which nobody writes any more, are no payload of ours. */
function skip(cursor: Cursor, tag: number): void {
  const type = tag & 7
  if (type === VARINT) readVarint(cursor)
  else if (type === BYTES) cursor.at = readLength(cursor)
  else if (type === FIXED64 && has(cursor, 8)) cursor.at += 8
  else if (type === FIXED32 && has(cursor, 4)) cursor.at += 4
  else cursor.failed = true
}
