import type { KpiTrend } from '../schemas/analytics.ts'

export interface TimedValue {
  readonly timeMs: number
  readonly value: number
}

const HOUR_MS = 3_600_000
/** Fewer points than this have no direction. */
const POINTS_MIN = 5
/** A change over the period counts when it is this much of the level, and twice the scatter around the line. */
const CHANGE_SHARE_MIN = 0.05
const CHANGE_SCATTERS_MIN = 2

/** Level, range and direction of a KPI over a period: the least-squares line, and whether it stands out of the scatter. */
export function trendOf(points: readonly TimedValue[]): KpiTrend {
  if (points.length === 0) {
    return { current: null, average: null, minimum: null, maximum: null, changePerHour: null, trend: null }
  }
  const values = points.map((point) => point.value)
  const average = mean(values)
  const lastQuarter = values.slice(-Math.max(1, Math.floor(values.length / 4)))
  const summary = {
    current: mean(lastQuarter),
    average,
    minimum: Math.min(...values),
    maximum: Math.max(...values),
  }
  if (points.length < POINTS_MIN) return { ...summary, changePerHour: null, trend: null }
  const line = fitLine(points)
  const spanMs = points.at(-1)!.timeMs - points[0]!.timeMs
  const change = line.slopePerMs * spanMs
  const standsOut =
    Math.abs(change) > CHANGE_SHARE_MIN * Math.max(Math.abs(average), Number.EPSILON) &&
    Math.abs(change) > CHANGE_SCATTERS_MIN * line.scatter
  const direction = change > 0 ? 'rising' : 'falling'
  return { ...summary, changePerHour: line.slopePerMs * HOUR_MS, trend: standsOut ? direction : 'steady' }
}

function fitLine(points: readonly TimedValue[]): { slopePerMs: number; scatter: number } {
  const meanTime = mean(points.map((point) => point.timeMs))
  const meanValue = mean(points.map((point) => point.value))
  let covariance = 0
  let variance = 0
  for (const { timeMs, value } of points) {
    covariance += (timeMs - meanTime) * (value - meanValue)
    variance += (timeMs - meanTime) ** 2
  }
  const slopePerMs = variance === 0 ? 0 : covariance / variance
  let squares = 0
  for (const { timeMs, value } of points) squares += (value - meanValue - slopePerMs * (timeMs - meanTime)) ** 2
  return { slopePerMs, scatter: Math.sqrt(squares / points.length) }
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
