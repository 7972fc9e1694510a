import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { type KpiValues, kpiColumns, tidyNumber } from '../estate/kpi-columns.ts'
import type { RangePlan } from './plan.ts'

export interface KpiPoint {
  readonly timeMs: number
  readonly values: KpiValues
}

/** KPIs of a process over a range: the mean of each step, null where no bucket of the step had data. */
export async function readKpis(
  store: AnalyticsStore,
  tenant: string,
  process: string,
  plan: RangePlan,
): Promise<KpiPoint[]> {
  const rows = await store.query<Record<string, number | null>>(plan.raw ? RAW : ROLLUP, {
    tenant,
    process,
    from: plan.fromMs,
    to: Math.ceil(plan.toMs),
    step: plan.stepMs,
  })
  return rows.map((row) => ({
    timeMs: row['timeMs'] ?? 0,
    values: kpiColumns.map(({ column }) => tidyNumber(row[column])),
  }))
}

const RAW = `SELECT toFloat64(intDiv(toUnixTimestamp64Milli(ts), {step: Int64}) * {step: Int64}) AS timeMs,
    ${kpiColumns.map(({ column }) => `avg(kpis.${column}) AS ${column}`).join(', ')}
  FROM kpis
  WHERE tenant = {tenant: String} AND process = {process: String}
    AND ts >= fromUnixTimestamp64Milli({from: Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to: Int64}, 'UTC')
  GROUP BY timeMs ORDER BY timeMs`

const ROLLUP = `SELECT
    toFloat64(intDiv(toInt64(toUnixTimestamp(minute)) * 1000, {step: Int64}) * {step: Int64}) AS timeMs,
    ${kpiColumns.map(({ column }) => `sum(${column}_sum) / nullIf(sum(${column}_count), 0) AS ${column}`).join(', ')}
  FROM kpis_1m
  WHERE tenant = {tenant: String} AND process = {process: String}
    AND minute >= toDateTime(intDiv({from: Int64}, 1000), 'UTC')
    AND minute < fromUnixTimestamp64Milli({to: Int64}, 'UTC')
  GROUP BY timeMs ORDER BY timeMs`

/** The first minute that the store has of a process, milliseconds; null for none. */
export async function readFirstSeen(store: AnalyticsStore, tenant: string, process: string): Promise<number | null> {
  const [row] = await store.query<{ firstMs: number; rows: number }>(
    `SELECT toFloat64(toUnixTimestamp(min(minute))) * 1000 AS firstMs, toFloat64(count()) AS rows FROM kpis_1m
     WHERE tenant = {tenant: String} AND process = {process: String}`,
    { tenant, process },
  )
  return row && row.rows > 0 ? row.firstMs : null
}

/** The first minute that the store has of any host, milliseconds; null for none. */
export async function readBeginning(store: AnalyticsStore, tenant: string): Promise<number | null> {
  const [row] = await store.query<{ firstMs: number; rows: number }>(
    `SELECT toFloat64(toUnixTimestamp(min(minute))) * 1000 AS firstMs, toFloat64(count()) AS rows FROM kpis_1m
     WHERE tenant = {tenant: String} AND startsWith(process, 'host:')`,
    { tenant },
  )
  return row && row.rows > 0 ? row.firstMs : null
}
