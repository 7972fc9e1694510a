import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { MetricKind } from '@driftline/proto'
import { type KpiValues, kpiColumns, tidyNumber } from '../estate/kpi-columns.ts'

/** Reads of a start, over all tenants; their rows name the tenant and go into its estate only. */

export interface StoredSeries {
  readonly tenant: string
  readonly id: string
  readonly process: string
  readonly metric: string
  readonly unit: string
  readonly kind: MetricKind
  readonly attributes: string
  readonly definedAtMs: number
}

/** The newest definitions. */
export function readSeriesDefinitions(store: AnalyticsStore, limit: number): Promise<StoredSeries[]> {
  return store.query<StoredSeries>(
    `SELECT tenant, toString(id) AS id, process, metric, any(unit) AS unit, toInt8(any(kind)) AS kind,
       any(attributes) AS attributes, toFloat64(toUnixTimestamp64Milli(max(defined_at))) AS definedAtMs
     FROM series GROUP BY tenant, id, process, metric ORDER BY definedAtMs DESC LIMIT {limit: UInt32}`,
    { limit },
  )
}

export interface StoredProcess {
  readonly tenant: string
  readonly process: string
  readonly firstMs: number
  readonly lastMs: number
}

/** When each process of the last day was first and last seen, in minutes. */
export function readRecentProcesses(store: AnalyticsStore, sinceMs: number, limit: number): Promise<StoredProcess[]> {
  return store.query<StoredProcess>(
    `SELECT tenant, process, toFloat64(toUnixTimestamp(min(minute))) * 1000 AS firstMs,
       toFloat64(toUnixTimestamp(max(minute))) * 1000 AS lastMs
     FROM kpis_1m WHERE minute >= toDateTime(intDiv({since: Int64}, 1000), 'UTC')
     GROUP BY tenant, process ORDER BY lastMs DESC LIMIT {limit: UInt32}`,
    { since: Math.floor(sinceMs), limit },
  )
}

export interface StoredKpis {
  readonly tenant: string
  readonly process: string
  readonly timeMs: number
  readonly values: KpiValues
}

/** The newest KPIs of each process, out of the last minutes that the store has; an hour of those that speak seldom. */
export async function readLastKpis(store: AnalyticsStore, limit: number): Promise<StoredKpis[]> {
  const rows = await store.query<{ tenant: string; process: string; timeMs: number; last: (number | null)[] }>(
    `SELECT tenant, process, toFloat64(toUnixTimestamp64Milli(max(ts))) AS timeMs,
       argMax((${kpiColumns.map(({ column }) => column).join(', ')}), ts) AS last
     FROM kpis WHERE ts >= (SELECT max(ts) FROM kpis) - if(match(process, '^(os|host):'), 180, 3600)
     GROUP BY tenant, process LIMIT {limit: UInt32}`,
    { limit },
  )
  return rows.map(({ tenant, process, timeMs, last }) => ({ tenant, process, timeMs, values: last.map(tidyNumber) }))
}

export interface StoredHost {
  readonly tenant: string
  readonly host: string
}

/** Hosts with a key frame in the store, the newest first. */
export function readHosts(store: AnalyticsStore, limit: number): Promise<StoredHost[]> {
  return store.query<StoredHost>(
    `SELECT tenant, host FROM snapshots WHERE key_frame GROUP BY tenant, host ORDER BY max(ts) DESC
     LIMIT {limit: UInt32}`,
    { limit },
  )
}
