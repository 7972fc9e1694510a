import {
  BYTES,
  expectType,
  FIXED64,
  fixed64At,
  readDouble,
  readFixed64,
  readLength,
  readSint32,
  readTag,
  readUint64,
  readVarint32,
  skip,
  takeFixed64,
  VARINT,
  type Wire,
  WireError,
} from '../wire/wire.ts'
import { type Exponential, noSide, type Side } from './exponential.ts'

/** A data point of a histogram, explicit or exponential, or of a summary. Times in milliseconds. */
export interface DistributionPoint {
  startMs: number
  timeMs: number
  flags: number
  count: number
  sum: number | null
  min: number | null
  max: number | null
  /** Bounds and counts; null when the point has none, or more than we keep. */
  buckets: { readonly bounds: Float64Array; readonly counts: Float64Array } | null
  exponential: Exponential | null
  /** Of summaries: pairs of quantile and value. */
  quantiles: number[]
}

/** Buckets of one histogram that are kept from one point to the next. SDKs make 16 and at most 160. */
const BUCKETS_MAX = 512
const SCALE_MIN = -10
const SCALE_MAX = 20
const QUANTILES_MAX = 32
const NANOS_PER_MS = 1e6

function emptyPoint(): DistributionPoint {
  return {
    startMs: 0,
    timeMs: 0,
    flags: 0,
    count: 0,
    sum: null,
    min: null,
    max: null,
    buckets: null,
    exponential: null,
    quantiles: [],
  }
}

/** HistogramDataPoint, from here to `end`. */
export function readHistogramPoint(wire: Wire, end: number): DistributionPoint {
  const point = emptyPoint()
  const bounds: number[] = []
  const counts: number[] = []
  eachField(wire, end, (tag) => {
    const field = tag >>> 3
    if (field === 6) readFixed64s(wire, tag, counts, (view, at) => fixed64At(view, at))
    else if (field === 7) readFixed64s(wire, tag, bounds, (view, at) => view.getFloat64(at, true))
    else if (field === 10) point.flags = readFlags(wire, tag)
    else if (field === 11) point.min = readNumber(wire, tag)
    else if (field === 12) point.max = readNumber(wire, tag)
    else if (field >= 2 && field <= 5) readCommon(wire, tag, point)
    else skip(wire, tag)
  })
  if (counts.length === 0 || counts.length > BUCKETS_MAX) return point
  if (counts.length !== bounds.length + 1) throw new WireError('a histogram has one bucket more than bounds')
  if (bounds.some((bound, i) => i > 0 && !(bound > bounds[i - 1]!))) throw new WireError('bounds do not rise')
  return { ...point, buckets: { bounds: Float64Array.from(bounds), counts: Float64Array.from(counts) } }
}

/** ExponentialHistogramDataPoint, from here to `end`. */
export function readExponentialPoint(wire: Wire, end: number): DistributionPoint {
  const point = emptyPoint()
  let scale = 0
  let zeroCount = 0
  let zeroThreshold = 0
  let positive: Side | null = noSide
  let negative: Side | null = noSide
  eachField(wire, end, (tag) => {
    const field = tag >>> 3
    if (field === 6) {
      expectType(tag, VARINT)
      scale = readSint32(wire)
    } else if (field === 7) {
      expectType(tag, FIXED64)
      zeroCount = readFixed64(wire)
    } else if (field === 8) positive = readSide(wire, tag)
    else if (field === 9) negative = readSide(wire, tag)
    else if (field === 10) point.flags = readFlags(wire, tag)
    else if (field === 12) point.min = readNumber(wire, tag)
    else if (field === 13) point.max = readNumber(wire, tag)
    else if (field === 14) zeroThreshold = readNumber(wire, tag)
    else if (field >= 2 && field <= 5) readCommon(wire, tag, point)
    else skip(wire, tag)
  })
  if (positive === null || negative === null || scale < SCALE_MIN || scale > SCALE_MAX) return point
  return { ...point, exponential: { scale, zeroCount, zeroThreshold, positive, negative } }
}

/** SummaryDataPoint, from here to `end`. */
export function readSummaryPoint(wire: Wire, end: number): DistributionPoint {
  const point = emptyPoint()
  eachField(wire, end, (tag) => {
    const field = tag >>> 3
    if (field === 6) readQuantile(wire, tag, point.quantiles)
    else if (field === 8) point.flags = readFlags(wire, tag)
    else if (field >= 2 && field <= 5) readCommon(wire, tag, point)
    else skip(wire, tag)
  })
  return point
}

function eachField(wire: Wire, end: number, read: (tag: number) => void): void {
  const outer = wire.end
  wire.end = end
  while (wire.at < end) read(readTag(wire))
  wire.end = outer
}

/** Start, time, count and sum have the same numbers in all three messages. */
function readCommon(wire: Wire, tag: number, point: DistributionPoint): void {
  expectType(tag, FIXED64)
  const field = tag >>> 3
  if (field === 5) {
    point.sum = readDouble(wire)
    return
  }
  const value = readFixed64(wire)
  if (field === 4) point.count = value
  else if (field === 2) point.startMs = Math.floor(value / NANOS_PER_MS)
  else point.timeMs = Math.floor(value / NANOS_PER_MS)
}

function readNumber(wire: Wire, tag: number): number {
  expectType(tag, FIXED64)
  return readDouble(wire)
}

function readFlags(wire: Wire, tag: number): number {
  expectType(tag, VARINT)
  return readVarint32(wire)
}

/** A repeated field of 8 bytes each, packed or not, at most one more than we keep. */
function readFixed64s(wire: Wire, tag: number, into: number[], read: (view: DataView, at: number) => number): void {
  const take = (): void => {
    const at = takeFixed64(wire)
    if (into.length <= BUCKETS_MAX) into.push(read(wire.view, at))
  }
  if ((tag & 7) === FIXED64) {
    take()
    return
  }
  expectType(tag, BYTES)
  const outer = wire.end
  wire.end = readLength(wire)
  while (wire.at < wire.end) take()
  wire.end = outer
}

/** Buckets of one side; null when there are more than we keep. */
function readSide(wire: Wire, tag: number): Side | null {
  expectType(tag, BYTES)
  let offset = 0
  const counts: number[] = []
  const take = (): void => {
    const count = readUint64(wire)
    if (counts.length <= BUCKETS_MAX) counts.push(count)
  }
  eachField(wire, readLength(wire), (part) => {
    if (part >>> 3 === 1) {
      expectType(part, VARINT)
      offset = readSint32(wire)
    } else if (part >>> 3 !== 2) skip(wire, part)
    else if ((part & 7) === VARINT) take()
    else {
      expectType(part, BYTES)
      const outer = wire.end
      wire.end = readLength(wire)
      while (wire.at < wire.end) take()
      wire.end = outer
    }
  })
  return counts.length > BUCKETS_MAX ? null : { offset, counts: Float64Array.from(counts) }
}

function readQuantile(wire: Wire, tag: number, into: number[]): void {
  expectType(tag, BYTES)
  let quantile = 0
  let value = 0
  eachField(wire, readLength(wire), (part) => {
    if (part >>> 3 === 1) quantile = readNumber(wire, part)
    else if (part >>> 3 === 2) value = readNumber(wire, part)
    else skip(wire, part)
  })
  if (into.length < 2 * QUANTILES_MAX) into.push(quantile, value)
}
