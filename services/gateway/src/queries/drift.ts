import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { ofScope, type TenantScope } from './tenant-scope.ts'

export interface StoredLine {
  readonly tenant: string
  readonly process: string
  /** Minutes since 1970 in no order; a minute may come several times, and its largest deviation counts. */
  readonly minutes: readonly number[]
  /** The deviation of each of `minutes`. */
  readonly deviations: readonly number[]
}

/** Of each process and minute the deviation of largest size, signed. */
const POINTS = `SELECT drift.tenant AS tenant, process, toFloat64(intDiv(toUnixTimestamp(minute), 60)) AS at,
    max(up) AS highest, min(down) AS lowest, if(highest >= -lowest, highest, lowest) AS deviation
  FROM drift`
const RANGE = `minute >= toDateTime(intDiv({from: Int64}, 1000), 'UTC')
    AND minute < toDateTime(intDiv({to: Int64}, 1000), 'UTC')`
/** Rows come in the order of the table, so that no more than a minute's processes are in memory. */
const IN_ORDER = 'SETTINGS optimize_aggregation_in_order = 1'

export interface LineRange {
  readonly fromMs: number
  readonly toMs: number
  /** Only these; all without. */
  readonly processes?: readonly string[]
  readonly limit: number
}

/** Drift lines over a range of whole minutes. */
export function readDriftLines(store: AnalyticsStore, scope: TenantScope, range: LineRange): Promise<StoredLine[]> {
  const { where, parameters } = ofScope(scope, 'drift')
  return store.query<StoredLine>(
    `SELECT drift.tenant AS tenant, process, groupArray(toUInt32(intDiv(toUnixTimestamp(minute), 60))) AS minutes,
       groupArray(round(if(up >= -down, up, down), 3)) AS deviations
     FROM drift
     WHERE ${where} AND ${RANGE}
       ${range.processes === undefined ? '' : 'AND process IN {processes: Array(String)}'}
     GROUP BY tenant, process ORDER BY process LIMIT {limit: UInt32}`,
    {
      ...parameters,
      from: range.fromMs,
      to: range.toMs,
      limit: range.limit,
      ...(range.processes === undefined ? {} : { processes: range.processes }),
    },
  )
}

export interface StoredSums {
  readonly tenant: string
  /** Minute since 1970. */
  readonly at: number
  readonly up: number
  readonly down: number
}

/** Levels of all processes together, per minute of a range. */
export function readDriftSums(
  store: AnalyticsStore,
  scope: TenantScope,
  range: { fromMs: number; toMs: number },
): Promise<StoredSums[]> {
  const { where, parameters } = ofScope(scope, 'drift')
  const level = 'greatest(0, least(3, log2(abs(deviation) / 2)))'
  return store.query<StoredSums>(
    `SELECT tenant, at, sumIf(${level}, deviation > 0) AS up, sumIf(${level}, deviation < 0) AS down FROM (
       ${POINTS}
       WHERE ${where} AND ${RANGE}
       GROUP BY drift.tenant, minute, process)
     GROUP BY tenant, at ORDER BY tenant, at ${IN_ORDER}`,
    { ...parameters, from: range.fromMs, to: range.toMs },
  )
}

export interface StoredNormal {
  readonly tenant: string
  readonly process: string
  /** `[KPI, minute since 1970, centre, spread]`. */
  readonly lines: readonly (readonly [string, number, number | null, number | null])[]
}

/** What was usual of each KPI as of the newest minute of a range; without `process` of all processes. */
export function readNormals(
  store: AnalyticsStore,
  scope: TenantScope,
  range: { fromMs: number; toMs: number; process?: string; limit: number },
): Promise<StoredNormal[]> {
  const { where, parameters } = ofScope(scope, 'baselines')
  return store.query<StoredNormal>(
    `SELECT tenant, process, groupArray((metric, at, newest.1, newest.2)) AS lines FROM (
       SELECT baselines.tenant AS tenant, process, metric, toFloat64(intDiv(toUnixTimestamp(max(minute)), 60)) AS at,
         argMax((centre, spread), minute) AS newest
       FROM baselines
       WHERE ${where} ${range.process === undefined ? '' : 'AND process = {process: String}'} AND attributes = '' AND ${RANGE}
       GROUP BY baselines.tenant, process, metric)
     GROUP BY tenant, process LIMIT {limit: UInt32}`,
    {
      ...parameters,
      ...(range.process === undefined ? {} : { process: range.process }),
      from: range.fromMs,
      to: range.toMs,
      limit: range.limit,
    },
  )
}

export interface BaselinePoint {
  readonly timeMs: number
  readonly value: number | null
  readonly centre: number | null
  readonly spread: number | null
  readonly deviation: number | null
}

/** A line of numbers with what was usual of it; of longer steps the means, and the deviation of largest size. */
export function readBaseline(
  store: AnalyticsStore,
  line: { tenant: string; process: string; metric: string; attributes: string },
  range: { fromMs: number; toMs: number; stepMs: number },
): Promise<BaselinePoint[]> {
  return store.query<BaselinePoint>(
    `SELECT toFloat64(intDiv(toInt64(toUnixTimestamp(minute)) * 1000, {step: Int64}) * {step: Int64}) AS timeMs,
       avg(baselines.value) AS value, avg(baselines.centre) AS centre, avg(baselines.spread) AS spread,
       argMax(baselines.deviation, abs(baselines.deviation)) AS deviation
     FROM baselines
     WHERE tenant = {tenant: String} AND process = {process: String} AND metric = {metric: String}
       AND attributes = {attributes: String} AND ${RANGE}
     GROUP BY timeMs ORDER BY timeMs`,
    { ...line, from: range.fromMs, to: Math.ceil(range.toMs), step: range.stepMs },
  )
}
