/** Points in the order of their times: a ring of `capacity` of them. Plain data. */
export interface Points {
  readonly capacity: number
  /** Times and values of the ring; `size` of them are in use, the oldest at `first`. */
  readonly times: Float64Array
  readonly values: Float64Array
  first: number
  size: number
}

/** A rise that is no chance. Times in the unit of the points. */
export interface Trend {
  /** Rise per unit of time: the median of the slopes of all pairs (Theil and Sen). */
  readonly slope: number
  /** Value of the line at the last point. */
  readonly level: number
  /** From the first point to the last. */
  readonly span: number
}

export function createPoints(capacity: number): Points {
  return { capacity, times: new Float64Array(capacity), values: new Float64Array(capacity), first: 0, size: 0 }
}

/** Adds a point; one that is not later than the last is ignored. The oldest goes when there is no room. */
export function addPoint(points: Points, time: number, value: number): void {
  const { capacity, times, values } = points
  if (points.size > 0 && time <= times[(points.first + points.size - 1) % capacity]!) return
  const at = (points.first + points.size) % capacity
  times[at] = time
  values[at] = value
  if (points.size < capacity) points.size += 1
  else points.first = (points.first + 1) % capacity
}

export function clearPoints(points: Points): void {
  points.size = 0
  points.first = 0
}

/** Fewer points than this say nothing; up to `FEW`, nearly all of them must rise. */
const POINTS_MIN = 10
const FEW = 20
/** Kendall's tau: share of pairs that rise less those that fall. A random walk rarely comes so far. */
const TAU_MIN = 0.8
const TAU_MIN_OF_FEW = 0.95
/** Standard normal quantile of a chance of one in a thousand, both sides. */
const Z_MIN = 3.29
/** What has all but stopped rising in its last third has reached its level. */
const STILL_RISING = 0.3

/**
 * The rise of the points that are at most `window` older than the last; null when there is none, or when chance
 * explains it (Mann and Kendall), or when it has come to a rest.
 */
export function risingTrend(points: Points, window: number): Trend | null {
  const { times, values } = inOrder(points, window)
  const n = times.length
  if (n < POINTS_MIN) return null
  const { tau, z } = kendall(values)
  if (tau < (n < FEW ? TAU_MIN_OF_FEW : TAU_MIN) || z < Z_MIN) return null
  const slope = medianSlope(times, values, 0)
  if (slope <= 0 || medianSlope(times, values, Math.floor((2 * n) / 3)) < STILL_RISING * slope) return null
  const offsets = values.map((value, at) => value - slope * (times[at]! - times[n - 1]!))
  return { slope, level: median(offsets), span: times[n - 1]! - times[0]! }
}

function inOrder(points: Points, window: number): { times: Float64Array; values: Float64Array } {
  const { capacity, first, size } = points
  const last = points.times[(first + size - 1) % capacity]!
  let skipped = 0
  while (skipped < size && points.times[(first + skipped) % capacity]! < last - window) skipped += 1
  const times = new Float64Array(size - skipped)
  const values = new Float64Array(size - skipped)
  for (let i = skipped; i < size; i++) {
    times[i - skipped] = points.times[(first + i) % capacity]!
    values[i - skipped] = points.values[(first + i) % capacity]!
  }
  return { times, values }
}

/** Kendall's tau of values against their order, and the score of Mann and Kendall's test, corrected for ties. */
function kendall(values: Float64Array): { tau: number; z: number } {
  const n = values.length
  let rises = 0
  for (let j = 1; j < n; j++) {
    for (let i = 0; i < j; i++) rises += Math.sign(values[j]! - values[i]!)
  }
  const sorted = values.slice().sort()
  let variance = n * (n - 1) * (2 * n + 5)
  for (let from = 0, to = 0; from < n; from = to) {
    while (to < n && sorted[to] === sorted[from]) to += 1
    const ties = to - from
    variance -= ties * (ties - 1) * (2 * ties + 5)
  }
  const tau = rises / ((n * (n - 1)) / 2)
  return { tau, z: variance === 0 ? 0 : (rises - Math.sign(rises)) / Math.sqrt(variance / 18) }
}

/** The median of the slopes of all pairs from a point on. */
function medianSlope(times: Float64Array, values: Float64Array, from: number): number {
  const n = times.length
  const slopes = new Float64Array(((n - from) * (n - from - 1)) / 2)
  let at = 0
  for (let j = from + 1; j < n; j++) {
    for (let i = from; i < j; i++) slopes[at++] = (values[j]! - values[i]!) / (times[j]! - times[i]!)
  }
  return median(slopes)
}

function median(values: Float64Array): number {
  const sorted = values.slice().sort()
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
