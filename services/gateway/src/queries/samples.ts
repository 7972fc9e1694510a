import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Aggregation } from '../schemas/analytics.ts'
import type { RangePlan } from './plan.ts'

export interface SeriesDefinition {
  readonly id: bigint
  readonly unit: string
  /** A JSON object of strings. */
  readonly attributes: string
}

/** More attribute sets than this of one metric are not drawn. */
const SERIES_MAX = 200

/** The series of a metric of a process, inside its tenant. */
export async function readSeriesOf(
  store: AnalyticsStore,
  tenant: string,
  process: string,
  metric: string,
): Promise<SeriesDefinition[]> {
  const rows = await store.query<{ id: string; unit: string; attributes: string }>(
    `SELECT toString(id) AS id, any(unit) AS unit, any(attributes) AS attributes FROM series
     WHERE tenant = {tenant: String} AND process = {process: String} AND metric = {metric: String}
     GROUP BY id ORDER BY attributes LIMIT ${SERIES_MAX}`,
    { tenant, process, metric },
  )
  return rows.map((row) => ({ id: BigInt(row.id), unit: row.unit, attributes: row.attributes }))
}

const RAW_EXPRESSIONS: Readonly<Record<Aggregation, string>> = {
  avg: 'avg(value)',
  min: 'min(value)',
  max: 'max(value)',
  sum: 'sum(value)',
  count: 'toFloat64(count())',
  last: 'argMax(value, ts)',
}

/** A roll-up knows no last sample: `last` is the mean of the last minute of a step. */
const ROLLUP_EXPRESSIONS: Readonly<Record<Aggregation, string>> = {
  avg: 'sum(sum) / sum(count)',
  min: 'min(min)',
  max: 'max(max)',
  sum: 'sum(sum)',
  count: 'toFloat64(sum(count))',
  last: 'argMax(sum / count, minute)',
}

export interface SeriesPoint {
  readonly id: bigint
  readonly timeMs: number
  readonly value: number
}

/** Points of series over a range, by series and time. The ids come from `readSeriesOf`, so the tenant is settled. */
export async function readPoints(
  store: AnalyticsStore,
  ids: readonly bigint[],
  plan: RangePlan,
  aggregation: Aggregation,
): Promise<SeriesPoint[]> {
  const rows = await store.query<{ id: string; timeMs: number; value: number | null }>(
    plan.raw ? rawStatement(aggregation) : rollupStatement(aggregation),
    { ids, from: plan.fromMs, to: Math.ceil(plan.toMs), step: plan.stepMs },
  )
  const points: SeriesPoint[] = []
  for (const { id, timeMs, value } of rows) if (value !== null) points.push({ id: BigInt(id), timeMs, value })
  return points
}

function rawStatement(aggregation: Aggregation): string {
  return `SELECT toString(series) AS id,
      toFloat64(intDiv(toUnixTimestamp64Milli(ts), {step: Int64}) * {step: Int64}) AS timeMs,
      ${RAW_EXPRESSIONS[aggregation]} AS value
    FROM samples
    WHERE series IN {ids: Array(UInt64)} AND ts >= fromUnixTimestamp64Milli({from: Int64}, 'UTC')
      AND ts < fromUnixTimestamp64Milli({to: Int64}, 'UTC')
    GROUP BY id, timeMs ORDER BY id, timeMs`
}

function rollupStatement(aggregation: Aggregation): string {
  return `SELECT toString(series) AS id,
      toFloat64(intDiv(toInt64(toUnixTimestamp(minute)) * 1000, {step: Int64}) * {step: Int64}) AS timeMs,
      ${ROLLUP_EXPRESSIONS[aggregation]} AS value
    FROM samples_1m
    WHERE series IN {ids: Array(UInt64)} AND minute >= toDateTime(intDiv({from: Int64}, 1000), 'UTC')
      AND minute < fromUnixTimestamp64Milli({to: Int64}, 'UTC')
    GROUP BY id, timeMs ORDER BY id, timeMs`
}

export interface LastSample {
  readonly timeMs: number
  readonly value: number
}

/** The newest sample of each series since a moment. The ids are of the caller's tenant. */
export async function readLastSamples(
  store: AnalyticsStore,
  ids: readonly bigint[],
  sinceMs: number,
): Promise<Map<bigint, LastSample>> {
  const rows = await store.query<{ id: string; timeMs: number; value: number | null }>(
    `SELECT toString(series) AS id, toFloat64(toUnixTimestamp64Milli(max(ts))) AS timeMs, argMax(value, ts) AS value
     FROM samples WHERE series IN {ids: Array(UInt64)} AND ts >= fromUnixTimestamp64Milli({since: Int64}, 'UTC')
     GROUP BY id`,
    { ids, since: Math.floor(sinceMs) },
  )
  return new Map(rows.map(({ id, timeMs, value }) => [BigInt(id), { timeMs, value: value ?? Number.NaN }]))
}
