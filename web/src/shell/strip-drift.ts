import { glyphOf } from '../alerts/view.ts'
import type { Anomaly, EstateDrift } from '../api/types.ts'
import type { GlyphState } from '../components/StatusGlyph.vue'
import type { DriftLine } from '../drift/lines.ts'
import { levelOf, normalSigma } from '../drift/score.ts'
import { type Axis, xOf } from './strip.ts'

/** Width of a bucket of the estate's drift. */
export const bucketMs = 300_000
const minuteMs = 60_000

/** One bucket of the strip; `up` and `down` are levels of 0 to 3 beyond the estate's own median, `calm` is the rest. */
export interface StripBucket {
  readonly fromMs: number
  readonly up: number
  readonly down: number
  /** 0 to 1 of the ripple that is drawn in grey. */
  readonly calmUp: number
  readonly calmDown: number
}

function median(values: readonly number[]): number {
  if (values.length === 0) return 0
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}

/**
 * What is usual of the estate stays grey: its median, and as much above it as it is wont to move. Beyond that, one
 * level is one process four standard deviations off, or more where the whole estate moves more.
 */
function scaleOf(values: readonly number[]): { readonly middle: number; readonly unit: number } {
  const middle = median(values)
  return { middle, unit: Math.max(1, 3 * median(values.map((value) => Math.abs(value - middle)))) }
}

/** Levels of the buckets, oldest first. */
export function stripBuckets(buckets: readonly EstateDrift[]): StripBucket[] {
  const up = scaleOf(buckets.map((one) => one.up))
  const down = scaleOf(buckets.map((one) => one.down))
  const level = (value: number, { middle, unit }: typeof up) => Math.max(0, Math.min(3, (value - middle) / unit))
  const calm = (value: number, { middle, unit }: typeof up) => Math.max(0, Math.min(1, value / (middle + unit / 2)))
  return buckets.map((one) => ({
    fromMs: Date.parse(one.time),
    up: level(one.up, up),
    down: level(one.down, down),
    calmUp: calm(one.up, up),
    calmDown: calm(one.down, down),
  }))
}

/**
 * The newest buckets from the drift lines at hand: the server tells of a bucket when it is over, and the strip shows
 * trouble at once. Means over the minutes of each bucket from `fromMs` on.
 */
export function freshBuckets(lines: Iterable<DriftLine>, fromMs: number, toMs: number): EstateDrift[] {
  const minutes = new Map<number, { up: number; down: number }>()
  for (const { endsAtMs, deviations } of lines) {
    for (let i = deviations.length - 1; i >= 0; i--) {
      const at = endsAtMs - (deviations.length - 1 - i) * minuteMs
      if (at < fromMs) break
      const deviation = deviations[i]
      if (at > toMs || deviation === null || deviation === undefined) continue
      const sum = minutes.get(at) ?? { up: 0, down: 0 }
      if (deviation > normalSigma) sum.up += levelOf(deviation)
      else if (deviation < -normalSigma) sum.down += levelOf(deviation)
      minutes.set(at, sum)
    }
  }
  const buckets = new Map<number, { up: number; down: number; count: number }>()
  for (const [at, { up, down }] of minutes) {
    const from = Math.floor(at / bucketMs) * bucketMs
    const sum = buckets.get(from) ?? { up: 0, down: 0, count: 0 }
    buckets.set(from, { up: sum.up + up, down: sum.down + down, count: sum.count + 1 })
  }
  return [...buckets]
    .sort(([a], [b]) => a - b)
    .map(([from, { up, down, count }]) => ({
      time: new Date(from).toISOString(),
      up: up / count,
      down: down / count,
    }))
}

/** What the server told, then what is newer than its last whole bucket. */
export function wholeStrip(told: readonly EstateDrift[], lines: Iterable<DriftLine>, nowMs: number): EstateDrift[] {
  const last = told.at(-1)
  const fromMs = last ? Date.parse(last.time) : Math.floor((nowMs - 12 * bucketMs) / bucketMs) * bucketMs
  const fresh = freshBuckets(lines, fromMs, nowMs)
  const from = fresh[0] ? Date.parse(fresh[0].time) : Number.POSITIVE_INFINITY
  return [...told.filter((one) => Date.parse(one.time) < from), ...fresh]
}

/** Where the buckets are drawn: the middle between above and below, and how far each side reaches, px. */
export interface StripPlace {
  readonly middle: number
  readonly above: number
  readonly below: number
  readonly ripple: number
}

export interface StripPaths {
  readonly calm: string
  readonly up: readonly string[]
  readonly down: readonly string[]
}

const round = (value: number): string => String(Math.round(value * 10) / 10)

/** Areas of the strip, in stretches without a hole. */
export function stripPaths(buckets: readonly StripBucket[], axis: Axis, place: StripPlace): StripPaths {
  const stretches: StripBucket[][] = []
  for (const bucket of buckets) {
    if (bucket.fromMs + bucketMs < axis.fromMs || bucket.fromMs > axis.toMs) continue
    const last = stretches.at(-1)
    const before = last?.at(-1)
    if (last && before && bucket.fromMs - before.fromMs <= 2.5 * bucketMs) last.push(bucket)
    else stretches.push([bucket])
  }
  const clamp = (x: number) => Math.max(0, Math.min(axis.width, x))
  const x = (bucket: StripBucket) => clamp(xOf(axis, bucket.fromMs + bucketMs / 2))
  const edges = (stretch: readonly StripBucket[]) => ({
    from: clamp(xOf(axis, stretch[0]!.fromMs)),
    to: clamp(xOf(axis, Math.min(stretch.at(-1)!.fromMs + bucketMs, axis.toMs))),
  })
  const area = (height: (bucket: StripBucket) => number): string =>
    stretches
      .filter((stretch) => stretch.some((bucket) => height(bucket) !== 0))
      .map((stretch) => {
        const { from, to } = edges(stretch)
        const y = (bucket: StripBucket) => round(place.middle - height(bucket))
        const points = stretch.map((bucket) => `L${round(x(bucket))} ${y(bucket)}`).join('')
        return `M${round(from)} ${round(place.middle)}L${round(from)} ${y(stretch[0]!)}${points}L${round(to)} ${y(stretch.at(-1)!)}V${round(place.middle)}Z`
      })
      .join('')
  const share = (level: number, k: number) => Math.max(0, Math.min(1, level - k))
  return {
    calm: area((one) => one.calmUp * place.ripple) + area((one) => -one.calmDown * place.ripple),
    up: [0, 1, 2].map((k) => area((one) => share(one.up, k) * place.above)),
    down: [0, 1, 2].map((k) => area((one) => -share(one.down, k) * place.below)),
  }
}

/** Glyphs above the strip, those that would touch merged into the worst of them. */
export interface StripGlyph {
  readonly x: number
  readonly state: GlyphState
  readonly count: number
  readonly fromMs: number
  readonly toMs: number
}

const order: readonly GlyphState[] = ['pending', 'silent', 'warning', 'critical']

/** Anomalies where they began; within `mergePx` of the first of them they become one glyph with a count. */
export function stripGlyphs(anomalies: Iterable<Anomaly>, axis: Axis, mergePx: number): StripGlyph[] {
  const marks = [...anomalies]
    .map((one) => ({ ms: Date.parse(one.timestamp), state: glyphOf(one) }))
    .filter(({ ms }) => ms >= axis.fromMs && ms <= axis.toMs)
    .sort((a, b) => a.ms - b.ms)
  const merged: { first: number; last: number; state: GlyphState; count: number; fromMs: number; toMs: number }[] = []
  for (const { ms, state } of marks) {
    const x = xOf(axis, ms)
    const before = merged.at(-1)
    if (before && x - before.first < mergePx) {
      before.last = x
      before.toMs = ms
      before.count += 1
      if (order.indexOf(state) > order.indexOf(before.state)) before.state = state
    } else merged.push({ first: x, last: x, state, count: 1, fromMs: ms, toMs: ms })
  }
  const placed = merged.map(({ first, last, ...rest }) => ({ x: (first + last) / 2, ...rest }))
  // A glyph stands in the middle of what it stands for, which may be too near to the next one.
  const apart: StripGlyph[] = []
  for (const glyph of placed) {
    const before = apart.at(-1)
    if (before && glyph.x - before.x < mergePx) apart[apart.length - 1] = together(before, glyph)
    else apart.push(glyph)
  }
  return apart
}

function together(a: StripGlyph, b: StripGlyph): StripGlyph {
  const count = a.count + b.count
  return {
    x: (a.x * a.count + b.x * b.count) / count,
    state: order.indexOf(a.state) > order.indexOf(b.state) ? a.state : b.state,
    count,
    fromMs: a.fromMs,
    toMs: b.toMs,
  }
}
