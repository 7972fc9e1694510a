/** One line of a chart: parallel arrays in time order. `low` and `high` are there when points stand for many values. */
export interface ChartSeries {
  readonly times: number[]
  readonly values: number[]
  readonly low: number[] | null
  readonly high: number[] | null
  /** Distance of points. */
  readonly stepMs: number
  /** Distance at which the source itself speaks; `stepMs` where that is not known. */
  readonly intervalMs?: number
  readonly resolution: Resolution
}

/** What points are made from: raw seconds, or 1-minute roll-ups. */
export type Resolution = 'raw' | '1m'

export function emptySeries(stepMs: number): ChartSeries {
  return { times: [], values: [], low: null, high: null, stepMs, resolution: 'raw' }
}

const stepsS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400]

/** Step of a query in seconds: a point for every one and a half pixels, never finer than the source's own interval. */
export function stepFor(rangeMs: number, pixels: number, intervalS = 1): number {
  const least = Math.max(intervalS, rangeMs / 1000 / Math.max(40, pixels / 1.5))
  return stepsS.find((step) => step >= least * 0.999) ?? stepsS.at(-1)!
}

/** Index of the point nearest to `time`, or -1 in an empty series or further away than a gap. */
export function nearestIndex(series: ChartSeries, time: number): number {
  const { times } = series
  if (times.length === 0) return -1
  let low = 0
  let high = times.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle]! < time) low = middle + 1
    else high = middle
  }
  if (low > 0 && time - times[low - 1]! <= times[low]! - time) low -= 1
  return Math.abs(times[low]! - time) <= gapMs(series) ? low : -1
}

/** A busy machine reads late now and then: so much may be missing before it is a gap. */
const lateMs = 3000

/**
 * A distance between points beyond which something is missing: more than three readings and 3 s, or more than two
 * steps where points stand for many readings.
 */
function gapMs({ stepMs, intervalMs = stepMs, resolution }: ChartSeries): number {
  const summed = resolution === '1m' || stepMs > intervalMs
  // A missing stretch lies between two points, which are one step further apart than it is long.
  return stepMs + (summed ? 2 * stepMs : Math.max(3 * stepMs, lateMs)) + stepMs / 2
}

export function valueAt(series: ChartSeries, time: number): number | null {
  const index = nearestIndex(series, time)
  return index < 0 ? null : series.values[index]!
}

export function lastValue(series: ChartSeries): number | null {
  return series.values.at(-1) ?? null
}

/** Stretches without a gap, as pairs of first and last index. */
export function stretches(series: ChartSeries): [number, number][] {
  const { times } = series
  const gap = gapMs(series)
  const found: [number, number][] = []
  let first = 0
  for (let i = 1; i <= times.length; i++) {
    if (i < times.length && times[i]! - times[i - 1]! <= gap) continue
    if (times.length > 0) found.push([first, i - 1])
    first = i
  }
  return found
}

/** The largest value between two times, its band included; 0 when there is none. */
export function topOf(series: ChartSeries, from: number, to: number): number {
  const source = series.high ?? series.values
  let top = 0
  for (let i = 0; i < source.length; i++) {
    const at = series.times[i]!
    if (at >= from - series.stepMs && at <= to && source[i]! > top) top = source[i]!
  }
  return top
}

/** Least and most of what is in sight; null when nothing is. */
export function extentOf(series: ChartSeries, from: number, to: number): { low: number; high: number } | null {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let i = 0; i < series.values.length; i++) {
    const at = series.times[i]!
    if (at < from - series.stepMs || at > to) continue
    low = Math.min(low, series.low?.[i] ?? series.values[i]!)
    high = Math.max(high, series.high?.[i] ?? series.values[i]!)
  }
  return low <= high ? { low, high } : null
}

/**
 * Appends live values to a series in place. Values of the same step are averaged into one point, so that a
 * live hour has the same grain as the hour that was asked for; points before `from` are let go.
 */
export function createAppender(series: ChartSeries): {
  append(time: number, value: number | null, from: number): void
} {
  let bucket = Number.NaN
  let sum = 0
  let count = 0
  return {
    append(time, value, from) {
      trim(series, from)
      if (value === null || !Number.isFinite(value)) return
      const at = Math.floor(time / series.stepMs) * series.stepMs
      const last = series.times.at(-1)
      if (last !== undefined && at < last) return
      if (last === at) {
        // The point may come from the query: then the first live value starts a mean with it.
        if (bucket !== at) {
          bucket = at
          sum = series.values.at(-1)!
          count = 1
        }
        sum += value
        count += 1
        series.values[series.values.length - 1] = sum / count
        widen(series, value)
        return
      }
      bucket = at
      sum = value
      count = 1
      series.times.push(at)
      series.values.push(value)
      series.low?.push(value)
      series.high?.push(value)
    },
  }
}

function widen(series: ChartSeries, value: number): void {
  const { low, high } = series
  if (low && low.length > 0) low[low.length - 1] = Math.min(low.at(-1)!, value)
  if (high && high.length > 0) high[high.length - 1] = Math.max(high.at(-1)!, value)
}

function trim(series: ChartSeries, from: number): void {
  // One point before the edge stays, so that the line enters from outside.
  let drop = 0
  while (drop + 1 < series.times.length && series.times[drop + 1]! < from) drop += 1
  if (drop === 0) return
  series.times.splice(0, drop)
  series.values.splice(0, drop)
  series.low?.splice(0, drop)
  series.high?.splice(0, drop)
}
