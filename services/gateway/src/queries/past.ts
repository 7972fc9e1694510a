import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { type KpiValues, kpiColumns, tidyNumber } from '../estate/kpi-columns.ts'
import { TRAIL_POINTS, TRAIL_STEP_MS } from '../estate/trail.ts'
import { ofScope, type TenantScope } from './tenant-scope.ts'

/** Values are of a moment when they came at most this long before it. */
export const MOMENT_MS = 60_000
/** A process is listed this long after its last data, as the live overview does. */
const LISTED_MS = 3_600_000

export interface MomentKpis {
  readonly process: string
  readonly timeMs: number
  readonly values: KpiValues
  /** When it last had an instance, within the stretch that was read; null for not. */
  readonly aliveMs: number | null
}

const COLUMNS = kpiColumns.map(({ column }) => column)
const RANGE = `tenant = {tenant: String} AND ts > fromUnixTimestamp64Milli({from: Int64}, 'UTC')
  AND ts <= fromUnixTimestamp64Milli({to: Int64}, 'UTC')`
const MINUTES = `tenant = {tenant: String} AND minute > toDateTime(intDiv({from: Int64}, 1000), 'UTC')
  AND minute <= toDateTime(intDiv({to: Int64}, 1000), 'UTC')`

const RAW = `SELECT process, toFloat64(toUnixTimestamp64Milli(max(ts))) AS timeMs,
    argMax((${COLUMNS.join(', ')}), ts) AS last, toFloat64(toUnixTimestamp64Milli(maxIf(ts, instances > 0))) AS alive
  FROM kpis WHERE ${RANGE} GROUP BY process LIMIT {limit: UInt32}`

/** Where the seconds are gone, the mean of the minutes stands for the moment. */
const ROLLUP = `SELECT process, toFloat64(toUnixTimestamp(max(minute))) * 1000 AS timeMs,
    (${COLUMNS.map((column) => `sum(${column}_sum) / nullIf(sum(${column}_count), 0)`).join(', ')}) AS last,
    toFloat64(toUnixTimestamp(maxIf(minute, instances_sum > 0))) * 1000 AS alive
  FROM kpis_1m WHERE ${MINUTES} GROUP BY process LIMIT {limit: UInt32}`

/** The last row of every process within a minute before a moment; `raw` while the seconds are kept. */
export async function readKpisAt(
  store: AnalyticsStore,
  tenant: string,
  at: { atMs: number; raw: boolean; limit: number },
): Promise<MomentKpis[]> {
  const from = at.raw ? at.atMs - MOMENT_MS : at.atMs - 2 * MOMENT_MS
  const rows = await store.query<{ process: string; timeMs: number; last: (number | null)[]; alive: number }>(
    at.raw ? RAW : ROLLUP,
    { tenant, from: Math.floor(from), to: Math.floor(at.atMs), limit: at.limit },
  )
  return rows.map(({ process, timeMs, last, alive }) => ({
    process,
    timeMs,
    values: last.map(tidyNumber),
    aliveMs: alive > 0 ? alive : null,
  }))
}

export interface EarlierProcess {
  readonly process: string
  readonly lastMs: number
  readonly aliveMs: number | null
}

/** What was heard of in the hour before a moment, without its last minute; times are minutes. */
export async function readEarlier(
  store: AnalyticsStore,
  tenant: string,
  at: { atMs: number; limit: number },
): Promise<EarlierProcess[]> {
  const rows = await store.query<{ process: string; lastMs: number; alive: number }>(
    `SELECT process, toFloat64(toUnixTimestamp(max(minute))) * 1000 AS lastMs,
       toFloat64(toUnixTimestamp(maxIf(minute, instances_sum > 0))) * 1000 AS alive
     FROM kpis_1m WHERE ${MINUTES} GROUP BY process ORDER BY lastMs DESC LIMIT {limit: UInt32}`,
    { tenant, from: Math.floor(at.atMs - LISTED_MS), to: Math.floor(at.atMs - MOMENT_MS), limit: at.limit },
  )
  return rows.map(({ process, lastMs, alive }) => ({ process, lastMs, aliveMs: alive > 0 ? alive : null }))
}

export interface StoredTrail {
  readonly tenant: string
  readonly process: string
  /** `[moment in ms, cores]`, in no order. */
  readonly points: readonly (readonly [number, number | null])[]
}

/** CPU of every process in the five minutes up to a moment, a point each step. */
export function readTrails(
  store: AnalyticsStore,
  scope: TenantScope,
  at: { atMs: number; limit: number },
): Promise<StoredTrail[]> {
  const { where, parameters } = ofScope(scope, 'kpis')
  return store.query<StoredTrail>(
    `SELECT tenant, process, groupArray((step * ${TRAIL_STEP_MS}, cores)) AS points FROM (
       SELECT tenant, process, toFloat64(intDiv(toUnixTimestamp64Milli(ts), ${TRAIL_STEP_MS})) AS step,
         argMax(cpu_cores, ts) AS cores
       FROM kpis
       WHERE ${where}
         AND ts > fromUnixTimestamp64Milli({from: Int64}, 'UTC') AND ts <= fromUnixTimestamp64Milli({to: Int64}, 'UTC')
       GROUP BY tenant, process, step)
     GROUP BY tenant, process LIMIT {limit: UInt32}`,
    {
      ...parameters,
      from: Math.floor(at.atMs - TRAIL_POINTS * TRAIL_STEP_MS),
      to: Math.floor(at.atMs),
      limit: at.limit,
    },
  )
}
