import { type BodyProblem, type PointSink, type Refused, type SeriesText, sampleLetter } from '../point-sink.ts'
import type { ByteKeys } from '../wire/byte-keys.ts'
import {
  BYTES,
  expectType,
  FIXED64,
  readInt64,
  readLength,
  readTag,
  readVarint32,
  skip,
  takeFixed64,
  textOf,
  VARINT,
  type Wire,
  WireError,
  wireOf,
} from '../wire/wire.ts'
import type { MetricFamilies } from './metric-families.ts'
import { readLabels } from './read-labels.ts'

export interface WriteContext {
  /** Handles of series by the bytes of their labels. */
  readonly keys: ByteKeys
  readonly families: MetricFamilies
  readonly sink: PointSink
  /** What a process id in the label `driftline_process` is taken for; null when the sender may not name it. */
  processOf(explicit: string): string | null
}

/** NaN with this payload says that a series has ended: a marker, not a value. */
const STALE_HIGH = 0x7ff00000
const STALE_LOW = 2

const LABEL = (1 << 3) | BYTES

/**
 * Reads a WriteRequest of Prometheus remote write 1.0. A series that was seen before costs a hash over its bytes and
 * no text. Adds to the sink until it meets bytes that are no protobuf.
 */
export function decodeWriteRequest(bytes: Uint8Array, context: WriteContext): BodyProblem {
  const wire = wireOf(bytes)
  try {
    // Metadata says how series are to be read, wherever in the body it stands.
    readAllMetadata(wire, context)
    wire.at = 0
    while (wire.at < wire.end) {
      const tag = readTag(wire)
      if (tag >>> 3 !== 1) skip(wire, tag)
      else {
        expectType(tag, BYTES)
        readSeries(wire, readLength(wire), context)
      }
    }
    return null
  } catch (error) {
    if (error instanceof WireError) return { reason: 'body_malformed', detail: error.message }
    throw error
  }
}

function readAllMetadata(wire: Wire, { families, keys }: WriteContext): void {
  let changed = false
  while (wire.at < wire.end) {
    const tag = readTag(wire)
    if (tag >>> 3 !== 3) skip(wire, tag)
    else {
      expectType(tag, BYTES)
      if (readMetadata(wire, readLength(wire), families)) changed = true
    }
  }
  // Series that are read another way now are defined again.
  if (changed) keys.clear()
}

function readMetadata(wire: Wire, end: number, families: MetricFamilies): boolean {
  const outer = wire.end
  wire.end = end
  let type = 0
  let name: string | null = ''
  let unit: string | null = ''
  while (wire.at < end) {
    const tag = readTag(wire)
    const field = tag >>> 3
    if (field === 1) {
      expectType(tag, VARINT)
      type = readVarint32(wire)
    } else if (field === 2 || field === 5) {
      expectType(tag, BYTES)
      const start = wire.at
      const textEnd = readLength(wire)
      const text = textEnd - start > 300 ? null : readText(wire, textEnd)
      wire.at = textEnd
      if (field === 2) name = text
      else unit = text
    } else skip(wire, tag)
  }
  wire.end = outer
  return name !== null && name !== '' && unit !== null && families.learn(name, type, unit)
}

/** A series: labels, then samples, as senders write them; labels that stand elsewhere count as well. */
function readSeries(wire: Wire, end: number, context: WriteContext): void {
  const outer = wire.end
  const start = wire.at
  wire.end = end
  const { keys } = context
  keys.begin()
  let samples = 0
  let histograms = 0
  while (wire.at < end) {
    const from = wire.at
    while (wire.at < end && wire.bytes[wire.at] === LABEL) {
      wire.at += 1
      wire.at = readLength(wire)
    }
    if (wire.at > from) keys.fold(wire.view, from, wire.at)
    if (wire.at >= end) break
    const tag = readTag(wire)
    if (tag >>> 3 === 1 || tag >>> 3 === 2) expectType(tag, BYTES)
    if (tag >>> 3 === 2) samples += 1
    else if (tag >>> 3 === 4) histograms += 1
    skip(wire, tag)
  }
  if (histograms > 0) context.sink.skip('native_histogram', histograms)
  wire.at = start
  if (samples > 0) readSamples(wire, end, samples, handleOf(wire, start, end, context), context)
  wire.at = end
  wire.end = outer
}

/** Twice the handle of the sink, and one more for a quantile. */
type Handle = number | (Refused & { readonly series: SeriesText | null })

/** Finds the series of the labels that were folded just now, or makes it known. */
function handleOf(wire: Wire, start: number, end: number, context: WriteContext): Handle {
  const { keys, sink } = context
  const known = keys.find()
  if (known >= 0) return known
  const low = keys.low()
  const high = keys.high()
  const series = readLabels(wire, start, end, context)
  wire.at = start
  if ('reason' in series) return { ...series, series: null }
  const handle = sink.define(series)
  if (typeof handle !== 'number') return { ...handle, series }
  // A quantile of nothing is NaN, and no mistake of the sender: the lowest bit says so of each series.
  const kept = handle * 2 + (Object.hasOwn(series.attributes, 'quantile') ? 1 : 0)
  keys.resume(low, high)
  keys.keep(kept)
  return kept
}

function readSamples(wire: Wire, end: number, count: number, handle: Handle, context: WriteContext): void {
  const { sink } = context
  let refusedTimeMs = 0
  let refusedValue = 0
  while (wire.at < end) {
    const tag = readTag(wire)
    if (tag >>> 3 !== 2) {
      skip(wire, tag)
      continue
    }
    const sampleEnd = readLength(wire)
    let valueAt = -1
    let timeMs = 0
    wire.end = sampleEnd
    while (wire.at < sampleEnd) {
      const part = readTag(wire)
      if (part === ((1 << 3) | FIXED64)) valueAt = takeFixed64(wire)
      else if (part === ((2 << 3) | VARINT)) timeMs = readInt64(wire)
      else {
        if (part >>> 3 <= 2) expectType(part, part >>> 3 === 1 ? FIXED64 : VARINT)
        skip(wire, part)
      }
    }
    wire.end = end
    const value = valueAt < 0 ? 0 : wire.view.getFloat64(valueAt, true)
    if (typeof handle === 'number') {
      // A number minus itself is 0 unless it is infinite or not a number.
      if (value - value === 0) sink.add(handle >>> 1, timeMs, value)
      else addOdd(wire, valueAt, handle, timeMs, value, sink)
    }
    refusedTimeMs = timeMs
    refusedValue = value
  }
  if (typeof handle === 'number') return
  const { reason, detail, series } = handle
  // Copied only for a letter: most of a million refused series have none.
  const payload = (): Uint8Array =>
    series === null
      ? wire.bytes.slice(wire.at - Math.min(wire.at, 4096), wire.at)
      : sampleLetter(series, refusedTimeMs, refusedValue)
  sink.refuse({ reason, detail, count, payload, replayable: series !== null })
}

function addOdd(wire: Wire, valueAt: number, handle: number, timeMs: number, value: number, sink: PointSink): void {
  const { view } = wire
  if (Number.isNaN(value)) {
    const stale = view.getUint32(valueAt, true) === STALE_LOW && view.getUint32(valueAt + 4, true) === STALE_HIGH
    if (stale) {
      sink.skip('stale_marker', 1)
      return
    }
    if ((handle & 1) === 1) {
      sink.skip('quantile_of_nothing', 1)
      return
    }
  }
  sink.add(handle >>> 1, timeMs, value)
}

function readText(wire: Wire, end: number): string | null {
  const text = textOf(wire, wire.at, end)
  wire.at = end
  return text
}
