import { MetricKind } from '@driftline/proto'
import { type PointSink, type Refused, type SeriesText, sampleLetter } from '../point-sink.ts'
import { bucketsOf, type Exponential, subtractExponential } from './exponential.ts'
import type { DistributionPoint } from './histogram-point.ts'
import { type Buckets, floorOf, quantileOf, quantiles, subtractCounts } from './quantiles.ts'
import { createServiceKpis, type ServiceKpis } from './service-kpis.ts'

/** How a distribution is told: counts since the point before, or since its start. */
export type Temporality = 'delta' | 'cumulative'

/** One series of histograms or summaries, and what it said last. */
interface Member {
  readonly series: SeriesText
  readonly temporality: Temporality
  /** Handles of what it becomes, by suffix and quantile; made when first needed. */
  readonly handles: Map<string, number>
  /** Of cumulative ones only. */
  previous: Previous | null
}

interface Previous {
  readonly startMs: number
  readonly timeMs: number
  readonly count: number
  readonly bounds: Float64Array | null
  readonly counts: Float64Array | null
  readonly exponential: Exponential | null
}

/** What was counted since the point before. */
interface Interval {
  readonly count: number
  readonly buckets: Buckets | null
}

/**
 * The histograms and summaries of one source. Each becomes `<name>.count` and `<name>.sum`, `<name>.min` and
 * `<name>.max` where they are given, and `<name>` with the attribute `quantile`.
 */
export interface HistogramBook {
  /** Index of a member, from 0; -1 when there is no room. */
  join(series: SeriesText, temporality: Temporality): number
  /** Adds what the point says; answers a refusal when its first series found no place. */
  add(index: number, point: DistributionPoint, sink: PointSink): Refused | null
  /** KPIs of what was added since the last call. */
  flush(sink: PointSink): void
  /** Drops the handles of the sink, which are good no more; what was counted before stays known. */
  forgetHandles(): void
  clear(): void
}

/** How old the start of a histogram that we see first may be for its whole to stand for now. */
const YOUNG_MS = 5 * 60_000

export function createHistogramBook(maxSize: number): HistogramBook {
  const members: Member[] = []
  const kpis = createServiceKpis()
  return {
    join(series, temporality) {
      if (members.length >= maxSize) return -1
      return members.push({ series, temporality, handles: new Map(), previous: null }) - 1
    },
    add: (index, point, sink) => addPoint(members[index]!, point, sink, kpis),
    flush: kpis.flush,
    forgetHandles() {
      for (const { handles } of members) handles.clear()
    },
    clear() {
      members.length = 0
    },
  }
}

function addPoint(member: Member, point: DistributionPoint, sink: PointSink, kpis: ServiceKpis): Refused | null {
  const { series, temporality } = member
  const kind = temporality === 'delta' ? MetricKind.DELTA : MetricKind.CUMULATIVE
  const { timeMs } = point
  const count = handleOf(member, sink, '.count', kind, '{event}')
  if (typeof count !== 'number') return count
  // What cannot be taken of a point is refused once, by its count.
  if (!sink.add(count, timeMs, point.count)) return null
  const tell = (suffix: string, value: number | null, as = MetricKind.GAUGE): void => {
    if (value === null || !Number.isFinite(value)) return
    const handle = handleOf(member, sink, suffix, as, series.unit)
    if (typeof handle === 'number') sink.add(handle, timeMs, value)
    // The point itself was taken, by its count.
    else sink.refuse({ ...handle, count: 0, payload: () => distributionLetter(series, point), replayable: true })
  }
  tell('.sum', point.sum, kind)
  tell('.min', point.min)
  tell('.max', point.max)
  for (let i = 0; i < point.quantiles.length; i += 2) {
    // A quantile of nothing is NaN, and is not told.
    tell(`/${point.quantiles[i]}`, point.quantiles[i + 1]!)
  }
  const interval = intervalOf(member, point)
  if (interval === null) return null
  const { buckets } = interval
  if (buckets !== null) for (const q of quantiles) tell(`/${q}`, clamped(quantileOf(buckets, q), point, temporality))
  kpis.observe(series, timeMs, interval.count, buckets)
  return null
}

/** Smallest and largest of a delta are of the same interval, and better than the bounds of a bucket. */
function clamped(value: number | null, { min, max }: DistributionPoint, temporality: Temporality): number | null {
  if (value === null || temporality === 'cumulative') return value
  return Math.max(min ?? value, Math.min(max ?? value, value))
}

/** A suffix of `/<q>` is a quantile: the metric's own name, with the attribute. */
function handleOf(member: Member, sink: PointSink, suffix: string, kind: MetricKind, unit: string): number | Refused {
  const known = member.handles.get(suffix)
  if (known !== undefined) return known
  const { series } = member
  const quantile = suffix.startsWith('/') ? suffix.slice(1) : null
  const handle = sink.define({
    ...series,
    kind,
    unit,
    metric: quantile === null ? `${series.metric}${suffix}` : series.metric,
    attributes: quantile === null ? series.attributes : withQuantile(series.attributes, quantile),
  })
  if (typeof handle === 'number') member.handles.set(suffix, handle)
  return handle
}

function withQuantile(attributes: SeriesText['attributes'], quantile: string): Record<string, string> {
  const copy = Object.create(null) as Record<string, string>
  for (const key in attributes) copy[key] = attributes[key]!
  copy['quantile'] = quantile
  return copy
}

/** What was counted since the point before; null when that cannot be told, or there is nothing new. */
function intervalOf(member: Member, point: DistributionPoint): Interval | null {
  if (member.temporality === 'delta') return wholeOf(point)
  const { previous } = member
  if (previous !== null && point.timeMs <= previous.timeMs) return null
  member.previous = {
    startMs: point.startMs,
    timeMs: point.timeMs,
    count: point.count,
    bounds: point.buckets?.bounds ?? null,
    counts: point.buckets?.counts ?? null,
    exponential: point.exponential,
  }
  if (previous === null) {
    // A histogram that began long ago says how things were, not how they are.
    return point.startMs > 0 && point.timeMs - point.startMs <= YOUNG_MS ? wholeOf(point) : null
  }
  if (point.startMs !== previous.startMs || point.count < previous.count) return wholeOf(point)
  return { count: point.count - previous.count, buckets: since(previous, point) }
}

function wholeOf({ buckets, exponential, count }: DistributionPoint): Interval {
  if (exponential !== null) return { count, buckets: bucketsOf(exponential) }
  return { count, buckets: buckets === null ? null : withEnds(buckets.bounds, buckets.counts) }
}

function since(previous: Previous, { buckets, exponential }: DistributionPoint): Buckets | null {
  if (exponential !== null && previous.exponential !== null) {
    const difference = subtractExponential(exponential, previous.exponential)
    return difference === null ? null : bucketsOf(difference)
  }
  if (buckets === null || previous.counts === null || previous.bounds === null) return null
  const sameBounds = buckets.bounds.every((bound, i) => bound === previous.bounds?.[i])
  const counts = sameBounds ? subtractCounts(buckets.counts, previous.counts) : null
  return counts === null ? null : withEnds(buckets.bounds, counts)
}

function withEnds(bounds: Float64Array, counts: Float64Array): Buckets {
  const upper = new Float64Array(bounds.length + 1)
  upper.set(bounds)
  upper[bounds.length] = Number.POSITIVE_INFINITY
  return { floor: floorOf(bounds), upper, counts }
}

/** What a refused point was, as the samples door would take its count. */
export function distributionLetter(series: SeriesText, point: DistributionPoint): Uint8Array {
  return sampleLetter({ ...series, metric: `${series.metric}.count` }, point.timeMs, point.count)
}
