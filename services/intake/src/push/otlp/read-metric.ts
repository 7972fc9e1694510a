import { MetricKind } from '@driftline/proto'
import { type Refused, type SeriesText, sampleLetter } from '../point-sink.ts'
import {
  BYTES,
  expectType,
  FIXED64,
  readDouble,
  readFixed64,
  readLength,
  readSfixed64,
  readTag,
  readVarint32,
  skip,
  textOf,
  VARINT,
  type Wire,
} from '../wire/wire.ts'
import { type AnyJson, readKeyValueField, textOfValue } from './any-value.ts'
import type { MetricsContext } from './decode-metrics.ts'
import { distributionLetter, type Temporality } from './histogram-book.ts'
import {
  type DistributionPoint,
  readExponentialPoint,
  readHistogramPoint,
  readSummaryPoint,
} from './histogram-point.ts'
import type { ScopeReader } from './scope-reader.ts'

/** Where the metrics of one scope stand, and the state of the hash over what is above them. */
export interface MetricPlace {
  readonly wire: Wire
  readonly low: number
  readonly high: number
  readonly scopes: ScopeReader
  readonly context: MetricsContext
}

const GAUGE = 5
const SUM = 7
const HISTOGRAM = 9
const EXPONENTIAL = 10
const SUMMARY = 11
const DELTA = 1
const CUMULATIVE = 2
const ATTRIBUTES_MAX = 128
const NO_RECORDED_VALUE = 1
const NANOS_PER_MS = 1e6

/** What all data points of a metric have in common. */
interface Metric {
  readonly place: MetricPlace
  nameStart: number
  nameEnd: number
  unitStart: number
  unitEnd: number
  /** Field of the data: what type of metric it is; 0 for none that we know. */
  type: number
  dataStart: number
  dataEnd: number
  temporality: number
  monotonic: boolean
  /** State of the hash over everything but the attributes. */
  low: number
  high: number
  /** Name and unit as text, once they are needed. */
  text: { readonly name: string; readonly unit: string } | null
}

/** Reads the Metric from here to `end`. */
export function readMetric(place: MetricPlace, end: number): void {
  const { wire, context } = place
  const metric = findParts(place, end)
  if (metric.type === 0) return
  findTemporality(metric)
  const { keys } = context
  keys.resume(place.low, place.high)
  keys.fold(wire.view, metric.nameStart, metric.nameEnd)
  keys.fold(wire.view, metric.unitStart, metric.unitEnd)
  keys.foldNumber(metric.type * 8 + metric.temporality * 2 + (metric.monotonic ? 1 : 0))
  metric.low = keys.low()
  metric.high = keys.high()
  const isNumber = metric.type === GAUGE || metric.type === SUM
  wire.at = metric.dataStart
  wire.end = metric.dataEnd
  while (wire.at < metric.dataEnd) {
    const tag = readTag(wire)
    if (tag >>> 3 !== 1) skip(wire, tag)
    else {
      expectType(tag, BYTES)
      const pointEnd = readLength(wire)
      if (isNumber) readNumberPoint(metric, pointEnd)
      else readDistribution(metric, pointEnd)
      wire.at = pointEnd
      wire.end = metric.dataEnd
    }
  }
}

function findParts(place: MetricPlace, end: number): Metric {
  const { wire } = place
  const at = wire.at
  const metric: Metric = {
    place,
    nameStart: at,
    nameEnd: at,
    unitStart: at,
    unitEnd: at,
    type: 0,
    dataStart: at,
    dataEnd: at,
    temporality: 0,
    monotonic: false,
    low: 0,
    high: 0,
    text: null,
  }
  wire.end = end
  while (wire.at < end) {
    const tag = readTag(wire)
    const field = tag >>> 3
    if (field === 1 || field === 3 || (field >= GAUGE && field <= SUMMARY)) {
      expectType(tag, BYTES)
      const partEnd = readLength(wire)
      if (field === 1) {
        metric.nameStart = wire.at
        metric.nameEnd = partEnd
      } else if (field === 3) {
        metric.unitStart = wire.at
        metric.unitEnd = partEnd
      } else if (field !== 6 && field !== 8) {
        metric.type = field
        metric.dataStart = wire.at
        metric.dataEnd = partEnd
      }
      wire.at = partEnd
    } else skip(wire, tag)
  }
  return metric
}

/** They stand behind the data points, and decide what those mean. */
function findTemporality(metric: Metric): void {
  if (metric.type === GAUGE || metric.type === SUMMARY) return
  const { wire } = metric.place
  wire.at = metric.dataStart
  wire.end = metric.dataEnd
  while (wire.at < metric.dataEnd) {
    const tag = readTag(wire)
    const field = tag >>> 3
    if (field !== 2 && field !== 3) skip(wire, tag)
    else {
      expectType(tag, VARINT)
      const value = readVarint32(wire)
      if (field === 2) metric.temporality = value
      else metric.monotonic = value !== 0
    }
  }
}

function readNumberPoint(metric: Metric, end: number): void {
  const { wire, context } = metric.place
  const { keys, sink } = context
  const start = wire.at
  keys.resume(metric.low, metric.high)
  let timeMs = 0
  let value = 0
  let given = false
  let flags = 0
  wire.end = end
  while (wire.at < end) {
    const tag = readTag(wire)
    const field = tag >>> 3
    if (field === 7) {
      expectType(tag, BYTES)
      const attributeEnd = readLength(wire)
      keys.fold(wire.view, wire.at, attributeEnd)
      wire.at = attributeEnd
    } else if (field === 3) {
      expectType(tag, FIXED64)
      timeMs = Math.floor(readFixed64(wire) / NANOS_PER_MS)
    } else if (field === 4 || field === 6) {
      expectType(tag, FIXED64)
      value = field === 4 ? readDouble(wire) : readSfixed64(wire)
      given = true
    } else if (field === 8) {
      expectType(tag, VARINT)
      flags = readVarint32(wire)
    } else skip(wire, tag)
  }
  if ((flags & NO_RECORDED_VALUE) !== 0 || !given) {
    sink.skip('no_recorded_value', 1)
    return
  }
  const known = keys.find()
  if (known >= 0) {
    sink.add(known, timeMs, value)
    return
  }
  const low = keys.low()
  const high = keys.high()
  const series = seriesOf(metric, start, end, 7)
  const handle = 'reason' in series ? series : sink.define(series)
  if (typeof handle === 'number') {
    keys.resume(low, high)
    keys.keep(handle)
    sink.add(handle, timeMs, value)
  } else {
    const raw = wire.bytes.slice(start, end)
    sink.refuse({
      ...handle,
      count: 1,
      payload: () => ('reason' in series ? raw : sampleLetter(series, timeMs, value)),
      replayable: !('reason' in series),
    })
  }
}

/** A level for what goes up and down: only sums that never fall are counted. */
function kindOf({ type, temporality, monotonic }: Metric): MetricKind | null {
  if (type === GAUGE) return MetricKind.GAUGE
  if (type === SUM && temporality === DELTA) return MetricKind.DELTA
  if (type === SUM && temporality === CUMULATIVE) return monotonic ? MetricKind.CUMULATIVE : MetricKind.GAUGE
  if (type === SUMMARY) return MetricKind.CUMULATIVE
  if (temporality === DELTA || temporality === CUMULATIVE) return MetricKind.GAUGE
  return null
}

function seriesOf(metric: Metric, start: number, end: number, attributesField: number): SeriesText | Refused {
  const { wire, scopes } = metric.place
  const origin = scopes.origin()
  if ('reason' in origin) return origin
  metric.text ??= textsOf(metric)
  if (metric.text === null) return { reason: 'text_invalid', detail: 'the name or unit of a metric is not UTF-8' }
  const kind = kindOf(metric)
  if (kind === null) return { reason: 'kind_unknown', detail: 'a sum or histogram is delta or cumulative' }
  const attributes = Object.create(null) as Record<string, string>
  for (const key in origin.attributes) attributes[key] = origin.attributes[key]!
  const scope = scopes.scopeName()
  if (scope !== '') attributes['otel.scope.name'] = scope
  const own = Object.create(null) as { [key: string]: AnyJson }
  wire.at = start
  const count = readKeyValueField(wire, end, attributesField, own, ATTRIBUTES_MAX)
  wire.at = end
  wire.end = end
  if (count > ATTRIBUTES_MAX) {
    return { reason: 'attributes_invalid', detail: `a data point has more than ${ATTRIBUTES_MAX} attributes` }
  }
  for (const key in own) attributes[key] = textOfValue(own[key]!)
  return { process: origin.process, metric: metric.text.name, unit: metric.text.unit, kind, attributes }
}

function textsOf(metric: Metric): Metric['text'] {
  const { wire } = metric.place
  const name = textOf(wire, metric.nameStart, metric.nameEnd)
  const unit = textOf(wire, metric.unitStart, metric.unitEnd)
  return name === null || unit === null ? null : { name, unit }
}

/** Which field of the point holds the attributes, by type of metric. */
const attributesFieldOf: Readonly<Record<number, number>> = { [HISTOGRAM]: 9, [EXPONENTIAL]: 1, [SUMMARY]: 7 }

function readDistribution(metric: Metric, end: number): void {
  const { wire, context } = metric.place
  const { keys, memberKeys, sink, histograms } = context
  const start = wire.at
  const attributesField = attributesFieldOf[metric.type]!
  keys.resume(metric.low, metric.high)
  foldField(wire, end, attributesField, context)
  memberKeys.resume(keys.low(), keys.high())
  wire.at = start
  const point = readPoint(metric, end)
  if ((point.flags & NO_RECORDED_VALUE) !== 0) {
    sink.skip('no_recorded_value', 1)
    return
  }
  let index = memberKeys.find()
  if (index < 0) {
    const series = seriesOf(metric, start, end, attributesField)
    if ('reason' in series) {
      refusePoint(context, series, wire.bytes.slice(start, end))
      return
    }
    const temporality: Temporality = metric.temporality === DELTA ? 'delta' : 'cumulative'
    index = histograms.join(series, temporality)
    if (index < 0) {
      const full = { reason: 'series_too_many', detail: 'the source has too many histograms' }
      refusePoint(context, full, distributionLetter(series, point))
      return
    }
    memberKeys.keep(index)
  }
  const refused = histograms.add(index, point, sink)
  if (refused !== null) refusePoint(context, refused, wire.bytes.slice(start, end))
}

function refusePoint({ sink }: MetricsContext, refused: Refused, payload: Uint8Array): void {
  sink.refuse({ ...refused, count: 1, payload: () => payload })
}

function readPoint(metric: Metric, end: number): DistributionPoint {
  const { wire } = metric.place
  if (metric.type === HISTOGRAM) return readHistogramPoint(wire, end)
  return metric.type === EXPONENTIAL ? readExponentialPoint(wire, end) : readSummaryPoint(wire, end)
}

function foldField(wire: Wire, end: number, number: number, { keys }: MetricsContext): void {
  wire.end = end
  while (wire.at < end) {
    const tag = readTag(wire)
    if (tag >>> 3 !== number) skip(wire, tag)
    else {
      expectType(tag, BYTES)
      const attributeEnd = readLength(wire)
      keys.fold(wire.view, wire.at, attributeEnd)
      wire.at = attributeEnd
    }
  }
}
