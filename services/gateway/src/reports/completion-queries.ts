import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'

/** Runs of a tenant that were asked for within a range, milliseconds; of these processes, or of all. */
export interface RunScope {
  readonly tenant: string
  readonly fromMs: number
  readonly toMs: number
  readonly processes?: readonly string[]
}

/** How runs ended; times are of successes, milliseconds. */
export interface OutcomeRow {
  readonly runs: number
  readonly succeeded: number
  readonly failed: number
  readonly timeout: number
  readonly cancelled: number
  readonly interrupted: number
  readonly medianTime: number | null
  readonly p95Time: number | null
}

const OUTCOME = `toFloat64(count()) AS runs,
    toFloat64(countIf(status = 'success')) AS succeeded, toFloat64(countIf(status = 'failed')) AS failed,
    toFloat64(countIf(status = 'timeout')) AS timeout, toFloat64(countIf(status = 'cancelled')) AS cancelled,
    toFloat64(countIf(status = 'interrupted')) AS interrupted,
    quantileExactInclusiveIf(0.5)(execution_time, status = 'success') * 1000 AS median,
    quantileExactInclusiveIf(0.95)(execution_time, status = 'success') * 1000 AS p95,
    if(isFinite(median), median, NULL) AS medianTime, if(isFinite(p95), p95, NULL) AS p95Time`

function parametersOf({ tenant, fromMs, toMs, processes }: RunScope): Record<string, unknown> {
  return { tenant, from: Math.floor(fromMs), to: Math.ceil(toMs), ...(processes ? { processes } : {}) }
}

const whereOf = ({ processes }: RunScope): string => `tenant = {tenant: String}
    AND requested_time >= fromUnixTimestamp64Milli({from: Int64}, 'UTC')
    AND requested_time < fromUnixTimestamp64Milli({to: Int64}, 'UTC')
    ${processes === undefined ? '' : 'AND process IN {processes: Array(String)}'}`

export type FlowRow = OutcomeRow & {
  /** Empty for all flows together. */
  readonly process: string
  readonly name: string
}

/** A row per flow that had runs, and one of all together. */
export async function readFlowOutcomes(store: AnalyticsStore, scope: RunScope, limit: number): Promise<FlowRow[]> {
  const rows = await store.query<Omit<FlowRow, 'process'> & { readonly flow: string }>(
    `SELECT if(grouping(process) = 0, toString(process), '') AS flow,
       argMax(flow_name, requested_time) AS name, ${OUTCOME}
     FROM runs FINAL WHERE ${whereOf(scope)}
     GROUP BY GROUPING SETS ((process), ()) ORDER BY flow LIMIT {limit: UInt32}`,
    { ...parametersOf(scope), limit },
  )
  return rows.map(({ flow, ...row }) => ({ ...row, process: flow }))
}

export type DayRow = OutcomeRow & { readonly process: string; readonly day: string }

/** A row per flow and day of the time zone. */
export function readDays(store: AnalyticsStore, scope: RunScope, timeZone: string): Promise<DayRow[]> {
  return store.query<DayRow>(
    `SELECT process, toString(toDate(requested_time, {tz: String})) AS day, ${OUTCOME}
     FROM runs FINAL WHERE ${whereOf(scope)}
     GROUP BY process, day ORDER BY process, day LIMIT 40000`,
    { ...parametersOf(scope), tz: timeZone },
  )
}

export interface StreakRow {
  readonly process: string
  readonly runs: number
  readonly fromMs: number
  readonly toMs: number
}

/**
 * The longest row of failures of each flow, the newest of the longest. Runs that count neither way, cancelled ones,
 * neither end nor lengthen it.
 */
export function readStreaks(store: AnalyticsStore, scope: RunScope): Promise<StreakRow[]> {
  return store.query<StreakRow>(
    `SELECT process, toFloat64(length) AS runs, first AS fromMs, last AS toMs FROM (
       SELECT process, streak, count() AS length,
         toFloat64(min(toUnixTimestamp64Milli(requested_time))) AS first,
         toFloat64(max(toUnixTimestamp64Milli(requested_time))) AS last
       FROM (
         SELECT process, requested_time, status,
           sum(status = 'success') OVER (PARTITION BY process ORDER BY requested_time, run) AS streak
         FROM runs FINAL WHERE ${whereOf(scope)} AND status IN ('success', 'failed', 'timeout'))
       WHERE status != 'success'
       GROUP BY process, streak)
     ORDER BY process, length DESC, last DESC LIMIT 1 BY process`,
    parametersOf(scope),
  )
}

export type StepRow = OutcomeRow & {
  readonly process: string
  readonly stepNumber: number
  readonly key: string
  readonly name: string
}

/** A row per flow and step that was reached. */
export function readStepOutcomes(store: AnalyticsStore, scope: RunScope): Promise<StepRow[]> {
  return store.query<StepRow>(
    `SELECT process, toFloat64(step_number) AS stepNumber, key, argMax(name, requested_time) AS name, ${OUTCOME}
     FROM run_steps FINAL
     WHERE ${whereOf(scope)} AND status NOT IN ('unspecified', 'pending', 'skipped')
     GROUP BY process, step_number, key ORDER BY process, step_number, key LIMIT 200 BY process`,
    parametersOf(scope),
  )
}

export interface FailureRow {
  readonly process: string
  readonly stepNumber: number
  readonly stepName: string
  readonly status: string
  readonly reason: string
  readonly message: string
  readonly count: number
  readonly firstMs: number
  readonly lastMs: number
  /** Kinds of failures of the flow, also those that are not among the rows. */
  readonly kinds: number
}

/** What failed in each flow, by step and reason, most frequent first. */
export function readFailures(store: AnalyticsStore, scope: RunScope, limit: number): Promise<FailureRow[]> {
  return store.query<FailureRow>(
    `SELECT *, toFloat64(count() OVER (PARTITION BY process)) AS kinds FROM (
       SELECT process, toFloat64(step_number) AS stepNumber, argMax(name, requested_time) AS stepName,
         toString(status) AS status, reason, argMax(error_message, requested_time) AS message,
         toFloat64(count()) AS count, toFloat64(min(toUnixTimestamp64Milli(requested_time))) AS firstMs,
         toFloat64(max(toUnixTimestamp64Milli(requested_time))) AS lastMs
       FROM run_steps FINAL
       WHERE ${whereOf(scope)} AND run_steps.status IN ('failed', 'timeout', 'interrupted')
       GROUP BY process, step_number, run_steps.status, reason)
     ORDER BY process, count DESC, stepNumber, reason LIMIT {limit: UInt32} BY process`,
    { ...parametersOf(scope), limit },
  )
}
