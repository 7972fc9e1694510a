import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { type KpiColumn, type KpiValues, kpiColumns, tidyNumber } from '../estate/kpi-columns.ts'
import type { StoredNormal } from '../queries/drift.ts'

/** Processes of a tenant over a range, milliseconds, in steps of whole minutes. */
export interface ProcessScope {
  readonly tenant: string
  readonly processes: readonly string[]
  readonly fromMs: number
  readonly toMs: number
  readonly stepMs: number
}

const parametersOf = ({ tenant, processes, fromMs, toMs, stepMs }: ProcessScope): Record<string, unknown> => ({
  tenant,
  processes,
  from: Math.floor(fromMs),
  to: Math.ceil(toMs),
  step: stepMs,
})

const MINUTES = `tenant = {tenant: String} AND process IN {processes: Array(String)}
    AND minute >= toDateTime(intDiv({from: Int64}, 1000), 'UTC')
    AND minute < fromUnixTimestamp64Milli({to: Int64}, 'UTC')`
const STEP = 'toFloat64(intDiv(toInt64(toUnixTimestamp(minute)) * 1000, {step: Int64}) * {step: Int64})'

export interface KpiStep {
  readonly process: string
  readonly timeMs: number
  /** Means, in the order of `kpiColumns`; the least and the highest value of each. */
  readonly values: KpiValues
  readonly lowest: KpiValues
  readonly highest: KpiValues
}

const RANGED = kpiColumns.map(({ column }) => column)
const KPIS = `SELECT process, ${STEP} AS timeMs,
    ${RANGED.map((column) => `sum(${column}_sum) / nullIf(sum(${column}_count), 0) AS ${column}`).join(', ')},
    ${RANGED.map((column) => `min(${column}_min) AS lowest_${column}, max(${column}_max) AS highest_${column}`).join(', ')}
  FROM kpis_1m WHERE ${MINUTES}
  GROUP BY process, timeMs ORDER BY process, timeMs`

/** KPIs of processes over a range, a row per process and step. */
export async function readKpiSteps(store: AnalyticsStore, scope: ProcessScope): Promise<KpiStep[]> {
  const rows = await store.query<Record<string, number | null> & { process: string }>(KPIS, parametersOf(scope))
  const pick = (row: Record<string, number | string | null>, of: (column: KpiColumn) => string): KpiValues =>
    RANGED.map((column) => tidyNumber(row[of(column)] as number | null))
  return rows.map((row) => ({
    process: row.process,
    timeMs: Number(row['timeMs']),
    values: pick(row, (column) => column),
    lowest: pick(row, (column) => `lowest_${column}`),
    highest: pick(row, (column) => `highest_${column}`),
  }))
}

export interface DriftStep {
  readonly process: string
  readonly timeMs: number
  readonly up: number
  readonly down: number
}

/** The largest deviation to either side of each process and step. */
export function readDriftSteps(store: AnalyticsStore, scope: ProcessScope): Promise<DriftStep[]> {
  return store.query<DriftStep>(
    `SELECT process, ${STEP} AS timeMs, max(drift.up) AS up, min(drift.down) AS down
     FROM drift WHERE ${MINUTES} GROUP BY process, timeMs ORDER BY process, timeMs`,
    parametersOf(scope),
  )
}

/** What was usual of each KPI at the end of the range. */
export function readNormalsOf(store: AnalyticsStore, scope: ProcessScope): Promise<StoredNormal[]> {
  return store.query<StoredNormal>(
    `SELECT {tenant: String} AS tenant, process, groupArray((metric, at, newest.1, newest.2)) AS lines FROM (
       SELECT process, metric, toFloat64(intDiv(toUnixTimestamp(max(minute)), 60)) AS at,
         argMax((centre, spread), minute) AS newest
       FROM baselines WHERE ${MINUTES} AND attributes = '' GROUP BY process, metric)
     GROUP BY process`,
    parametersOf(scope),
  )
}

/** Excursions that were open at some time of the range; `openMs` is how long within it. */
const OPEN_MS = `toFloat64(greatest(0, least(toUnixTimestamp64Milli(ifNull(end_time, fromUnixTimestamp64Milli({to: Int64},
    'UTC'))), {to: Int64}) - greatest(toUnixTimestamp64Milli(start_time), {from: Int64})))`
const TOUCHED = `tenant = {tenant: String} AND start_time < fromUnixTimestamp64Milli({to: Int64}, 'UTC')
    AND (end_time IS NULL OR end_time > fromUnixTimestamp64Milli({from: Int64}, 'UTC'))`

export interface AnomalyTypeRow {
  readonly process: string
  readonly type: string
  readonly count: number
  readonly open: number
  readonly openMs: number
  readonly severity: string
}

type AnomalyScope = Omit<ProcessScope, 'stepMs' | 'processes'>

/** Anomalies by process and type, of every process of the tenant: which processes a report shows follows from them. */
export function readAnomalyTypes(
  store: AnalyticsStore,
  { tenant, fromMs, toMs }: AnomalyScope,
): Promise<AnomalyTypeRow[]> {
  return store.query<AnomalyTypeRow>(
    `SELECT process, type, toFloat64(count()) AS count, toFloat64(countIf(end_time IS NULL)) AS open,
       sum(${OPEN_MS}) AS openMs, toString(max(severity)) AS severity
     FROM anomalies FINAL WHERE ${TOUCHED}
     GROUP BY process, type ORDER BY openMs DESC LIMIT 20000`,
    { tenant, from: Math.floor(fromMs), to: Math.ceil(toMs) },
  )
}

export interface LongAnomalyRow {
  readonly process: string
  readonly id: string
  readonly type: string
  readonly severity: string
  readonly startMs: number
  readonly endMs: number | null
  readonly openMs: number
  readonly description: string
}

/** The longest of each process. */
export function readLongestAnomalies(
  store: AnalyticsStore,
  scope: ProcessScope,
  limit: number,
): Promise<LongAnomalyRow[]> {
  return store.query<LongAnomalyRow>(
    `SELECT process, id, type, toString(severity) AS severity, toFloat64(toUnixTimestamp64Milli(start_time)) AS startMs,
       toFloat64(toUnixTimestamp64Milli(end_time)) AS endMs, ${OPEN_MS} AS openMs, description
     FROM anomalies FINAL WHERE ${TOUCHED} AND process IN {processes: Array(String)}
     ORDER BY process, openMs DESC, id LIMIT {limit: UInt32} BY process`,
    { ...parametersOf(scope), limit },
  )
}
