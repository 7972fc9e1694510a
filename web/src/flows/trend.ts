import type { TrendPoint } from '../api/flow-types.ts'
import type { ChartSeries } from '../charts/series.ts'

const stepsS = [60, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400]

/** Seconds per point: about a hundred points, at least a minute each. */
export function trendStep(rangeMs: number): number {
  return stepsS.find((step) => rangeMs / 1000 / step <= 120) ?? stepsS.at(-1)!
}

/** p50 as a line with p95 above it as a band; runs far apart are still one line. Milliseconds. */
export function durationSeries(points: readonly TrendPoint[], stepS: number): ChartSeries {
  const known = points.filter((point) => point.p50 !== null)
  return {
    times: known.map((point) => Date.parse(point.time)),
    values: known.map((point) => point.p50 ?? 0),
    low: known.map((point) => point.p50 ?? 0),
    high: known.map((point) => point.p95 ?? point.p50 ?? 0),
    stepMs: gapOf(known, stepS),
    resolution: '1m',
  }
}

/** Share of runs that succeeded, of those that came to an end by themselves. */
export function successSeries(points: readonly TrendPoint[], stepS: number): ChartSeries {
  const known = points.filter((point) => point.succeeded + point.failed > 0)
  return {
    times: known.map((point) => Date.parse(point.time)),
    values: known.map((point) => point.succeeded / (point.succeeded + point.failed)),
    low: null,
    high: null,
    stepMs: gapOf(known, stepS),
    resolution: '1m',
  }
}

/** What runs once an hour has an hour between its points: that is no gap. */
function gapOf(points: readonly TrendPoint[], stepS: number): number {
  const apart: number[] = []
  for (let at = 1; at < points.length; at++) apart.push(Date.parse(points[at]!.time) - Date.parse(points[at - 1]!.time))
  apart.sort((a, b) => a - b)
  return Math.max(stepS * 1000, apart[apart.length >> 1] ?? 0)
}

export interface TrendSum {
  readonly runs: number
  readonly succeeded: number
  readonly failed: number
  /** Weighted by runs: close to the median of all, and said as such. */
  readonly p50: number | null
  readonly p95: number | null
}

export function sumOf(points: readonly TrendPoint[]): TrendSum {
  const runs = points.reduce((sum, point) => sum + point.runs, 0)
  const mean = (pick: (point: TrendPoint) => number | null): number | null => {
    let sum = 0
    let weight = 0
    for (const point of points) {
      const value = pick(point)
      if (value === null) continue
      sum += value * Math.max(1, point.runs)
      weight += Math.max(1, point.runs)
    }
    return weight === 0 ? null : sum / weight
  }
  return {
    runs,
    succeeded: points.reduce((sum, point) => sum + point.succeeded, 0),
    failed: points.reduce((sum, point) => sum + point.failed, 0),
    p50: mean((point) => point.p50),
    p95: mean((point) => point.p95),
  }
}
