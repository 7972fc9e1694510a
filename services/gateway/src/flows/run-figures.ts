import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { RUN_SETTINGS, timeOf } from './run-queries.ts'

const ms = (column: string): string => `toFloat64(toUnixTimestamp64Milli(${column}))`
const counts = `toFloat64(count()) AS runs, toFloat64(countIf(status = 'success')) AS succeeded,
  toFloat64(countIf(status IN ('failed', 'timeout'))) AS failed`
const number = (value: number | null | undefined): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null

/** How runs of a flow went lately. */
export interface RunStats {
  readonly process: string
  readonly succeeded: number
  readonly failed: number
  /** Seconds, of those that succeeded; null without one. */
  readonly median: number | null
}

export function readRunStats(store: AnalyticsStore, tenant: string, fromMs: number): Promise<RunStats[]> {
  return store.query<RunStats>(
    `SELECT process, ${counts}, if(succeeded = 0, NULL, quantileIf(0.5)(execution_time, status = 'success')) AS median
     FROM runs FINAL WHERE tenant = {tenant: String} AND requested_time >= ${timeOf('{from: Int64}')}
     GROUP BY process LIMIT 10000 ${RUN_SETTINGS}`,
    { tenant, from: Math.floor(fromMs) },
  )
}

/** The run of each flow that was asked for last and has ended, of every tenant or of one. */
export interface LastRunRow {
  readonly tenant: string
  readonly process: string
  readonly requestedMs: number
  readonly run: string
}

/** Where the last run of each flow is. */
export function readLastRunPlaces(store: AnalyticsStore, fromMs: number): Promise<LastRunRow[]> {
  return store.query<LastRunRow>(
    `SELECT tenant, process, ${ms('newest.1')} AS requestedMs, newest.2 AS run
     FROM (SELECT tenant, process, max((requested_time, run)) AS newest FROM runs
       WHERE requested_time >= ${timeOf('{from: Int64}')} GROUP BY tenant, process)
     LIMIT 20000 ${RUN_SETTINGS}`,
    { from: Math.floor(fromMs) },
  )
}

/** How a step usually is, in seconds, of runs that succeeded in it. */
export interface StepNormal {
  readonly step: number
  readonly count: number
  readonly median: number
  /** Robust standard deviation: the quartiles' distance by 1.349. */
  readonly spread: number
}

export async function readStepNormals(
  store: AnalyticsStore,
  tenant: string,
  process: string,
  fromMs: number,
): Promise<StepNormal[]> {
  const rows = await store.query<{ step: number; count: number; q: readonly number[] }>(
    `SELECT toFloat64(step_number) AS step, toFloat64(count()) AS count, quantiles(0.25, 0.5, 0.75)(execution_time) AS q
     FROM run_steps FINAL
     WHERE tenant = {tenant: String} AND process = {process: String} AND requested_time >= ${timeOf('{from: Int64}')}
       AND status = 'success'
     GROUP BY step_number ORDER BY step_number LIMIT 200 ${RUN_SETTINGS}`,
    { tenant, process, from: Math.floor(fromMs) },
  )
  return rows.map(({ step, count, q }) => ({
    step,
    count,
    median: q[1] ?? 0,
    spread: ((q[2] ?? 0) - (q[0] ?? 0)) / 1.349,
  }))
}

/** Seconds that a step took, by minute; 0 is the first. */
export function readStepMinutes(
  store: AnalyticsStore,
  tenant: string,
  process: string,
  range: { readonly fromMs: number; readonly toMs: number },
): Promise<{ step: number; minute: number; seconds: number }[]> {
  return store.query(
    `SELECT toFloat64(step_number) AS step,
       toFloat64(intDiv(toUnixTimestamp64Milli(requested_time) - {from: Int64}, 60000)) AS minute,
       quantile(0.5)(execution_time) AS seconds
     FROM run_steps FINAL
     WHERE tenant = {tenant: String} AND process = {process: String} AND requested_time >= ${timeOf('{from: Int64}')}
       AND requested_time < ${timeOf('{to: Int64}')} AND status = 'success'
     GROUP BY step_number, minute LIMIT 100000 ${RUN_SETTINGS}`,
    { tenant, process, from: range.fromMs, to: range.toMs },
  )
}

export interface RunPoint {
  /** 0 for the whole run. */
  readonly step: number
  readonly timeMs: number
  readonly runs: number
  readonly succeeded: number
  readonly failed: number
  /** Seconds, of those that succeeded. */
  readonly p50: number | null
  readonly p95: number | null
}

/** Runs of a flow and their steps by time. */
export async function readTrend(
  store: AnalyticsStore,
  tenant: string,
  process: string,
  range: { readonly fromMs: number; readonly toMs: number; readonly stepMs: number },
): Promise<RunPoint[]> {
  const of = (table: string, step: string): Promise<(Omit<RunPoint, 'p50' | 'p95'> & { q: readonly number[] })[]> =>
    store.query(
      `SELECT ${step} AS step,
         toFloat64(intDiv(toUnixTimestamp64Milli(requested_time), {step: Int64}) * {step: Int64}) AS timeMs, ${counts},
         quantilesIf(0.5, 0.95)(execution_time, status = 'success') AS q
       FROM ${table} FINAL
       WHERE tenant = {tenant: String} AND process = {process: String}
         AND requested_time >= ${timeOf('{from: Int64}')} AND requested_time < ${timeOf('{to: Int64}')}
         ${table === 'runs' ? '' : `AND status != 'skipped'`}
       GROUP BY step, timeMs ORDER BY step, timeMs LIMIT 200000 ${RUN_SETTINGS}`,
      { tenant, process, from: Math.floor(range.fromMs), to: Math.ceil(range.toMs), step: range.stepMs },
    )
  const [total, steps] = await Promise.all([of('runs', 'toFloat64(0)'), of('run_steps', 'toFloat64(step_number)')])
  return [...total, ...steps].map(({ q, ...point }) => {
    const known = point.succeeded > 0
    return { ...point, p50: known ? number(q[0]) : null, p95: known ? number(q[1]) : null }
  })
}

/** What each step of runs came to, without what it found. */
export interface StepOutcome {
  readonly run: string
  readonly step: number
  readonly state: string
  readonly seconds: number | null
}

export function readStepOutcomes(
  store: AnalyticsStore,
  tenant: string,
  process: string,
  of: { readonly fromMs: number; readonly toMs: number; readonly runs: readonly string[] },
): Promise<StepOutcome[]> {
  return store.query<StepOutcome>(
    `SELECT run, toFloat64(step_number) AS step, toString(status) AS state, execution_time AS seconds
     FROM run_steps FINAL
     WHERE tenant = {tenant: String} AND process = {process: String} AND requested_time >= ${timeOf('{from: Int64}')}
       AND requested_time <= ${timeOf('{to: Int64}')} AND run IN {runs: Array(String)}
     ORDER BY run, step_number LIMIT 100000 ${RUN_SETTINGS}`,
    { tenant, process, from: of.fromMs, to: of.toMs, runs: of.runs },
  )
}
