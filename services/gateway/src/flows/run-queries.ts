import { create, type MessageInitShape } from '@bufbuild/protobuf'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { type RunEvent, RunEventSchema, type RunLine, RunLineSchema, StepStateSchema } from '@driftline/proto'
import { createBinder, type SearchTerm } from '../queries/log-search.ts'
import { statusNumber, triggerNumber } from './run-names.ts'
import { termConditions } from './run-words.ts'

/** A place among runs: the newest first, by when they were asked for. */
export interface RunPlace {
  readonly requestedMs: number
  readonly id: string
}

export interface RunSearch {
  readonly process?: string | undefined
  readonly status?: readonly string[] | undefined
  readonly trigger?: string | undefined
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
  readonly terms: readonly SearchTerm[]
}

/** Its dynamic filter loses rows that the index of words found. */
export const RUN_SETTINGS = 'SETTINGS use_top_k_dynamic_filtering = 0, max_execution_time = 8'

const ms = (column: string): string => `toFloat64(toUnixTimestamp64Milli(${column}))`
export const timeOf = (placeholder: string): string => `fromUnixTimestamp64Milli(${placeholder}, 'UTC')`

const HEADER = `process, run, toFloat64(revision) AS rev, toString(status) AS state, toString(trigger) AS begun_by,
  initiated_by, initiated_by_name, flow_name, toFloat64(flow_version) AS version, toFloat64(step_count) AS count,
  toFloat64(current_step) AS current, ${ms('requested_time')} AS requested_ms, ${ms('start_time')} AS start_ms,
  ${ms('end_time')} AS end_ms, execution_time AS seconds, message, correlation`

interface HeaderRow {
  readonly process: string
  readonly run: string
  readonly rev: number
  readonly state: string
  readonly begun_by: string
  readonly initiated_by: string
  readonly initiated_by_name: string
  readonly flow_name: string
  readonly version: number
  readonly count: number
  readonly current: number
  readonly requested_ms: number
  readonly start_ms: number | null
  readonly end_ms: number
  readonly seconds: number | null
  readonly message: string
  readonly correlation: string
}

const big = (value: number | string | null): bigint => BigInt(value ?? 0)

function initOf(tenant: string, row: HeaderRow): MessageInitShape<typeof RunEventSchema> {
  return {
    tenant,
    process: row.process,
    run: row.run,
    revision: row.rev,
    timeMs: big(row.end_ms),
    status: statusNumber(row.state),
    trigger: triggerNumber(row.begun_by),
    initiatedBy: row.initiated_by,
    initiatedByName: row.initiated_by_name,
    flowName: row.flow_name,
    flowVersion: row.version,
    stepCount: row.count,
    currentStep: row.current,
    requestedMs: big(row.requested_ms),
    startMs: big(row.start_ms),
    endMs: big(row.end_ms),
    executionTime: row.seconds ?? 0,
    message: row.message,
    correlation: row.correlation,
  }
}

/** Conditions of a search within a tenant; no text of a user is part of the statement. */
function conditionsOf(tenant: string, search: RunSearch, after: RunPlace | null) {
  const bind = createBinder('p')
  const where = [`tenant = ${bind(tenant, 'String')}`]
  if (search.process !== undefined) where.push(`process = ${bind(search.process, 'String')}`)
  if (search.status !== undefined) where.push(`toString(status) IN ${bind(search.status, 'Array(String)')}`)
  if (search.trigger !== undefined) where.push(`toString(trigger) = ${bind(search.trigger, 'String')}`)
  if (search.fromMs !== undefined) where.push(`requested_time >= ${timeOf(bind(Math.floor(search.fromMs), 'Int64'))}`)
  if (search.toMs !== undefined) where.push(`requested_time < ${timeOf(bind(Math.ceil(search.toMs), 'Int64'))}`)
  where.push(...termConditions(search.terms, bind))
  if (after !== null) {
    const place = `(${timeOf(bind(after.requestedMs, 'Int64'))}, ${bind(after.id, 'String')})`
    where.push(`(requested_time, run) < ${place}`)
  }
  return { where, parameters: bind.parameters }
}

export interface StoredPage {
  readonly runs: RunEvent[]
  /** How far was read, where there may be more behind it; null at the end. */
  readonly readTo: RunPlace | null
}

/** Ended runs without steps, the newest first. A run whose end was told twice is there once, as it was told last. */
export async function readRuns(
  store: AnalyticsStore,
  tenant: string,
  search: RunSearch,
  page: { readonly limit: number; readonly after: RunPlace | null },
): Promise<StoredPage> {
  const { where, parameters } = conditionsOf(tenant, search, page.after)
  const rows = await store.query<HeaderRow>(
    `SELECT ${HEADER} FROM runs WHERE ${where.join(' AND ')}
     ORDER BY requested_time DESC, run DESC, runs.revision DESC LIMIT {limit: UInt32} ${RUN_SETTINGS}`,
    { ...parameters, limit: page.limit },
  )
  const first = new Map<string, HeaderRow>()
  for (const row of rows) if (!first.has(row.run)) first.set(row.run, row)
  const found = [...first.values()]
  // Only a condition on what an end says can have found the older of two.
  const mayBeOlder = search.status !== undefined || search.terms.length > 0
  const newest = mayBeOlder && found.length > 0 ? await newestRevisions(store, tenant, found) : new Map()
  const runs = found.filter(({ run, rev }) => rev >= (newest.get(run) ?? 0))
  const last = rows.length < page.limit ? undefined : rows.at(-1)
  return {
    runs: runs.map((row) => create(RunEventSchema, initOf(tenant, row))),
    readTo: last === undefined ? null : { requestedMs: last.requested_ms, id: last.run },
  }
}

async function newestRevisions(
  store: AnalyticsStore,
  tenant: string,
  rows: readonly HeaderRow[],
): Promise<Map<string, number>> {
  const found = await store.query<{ run: string; rev: number }>(
    `SELECT run, toFloat64(max(revision)) AS rev FROM runs
     WHERE tenant = {tenant: String} AND requested_time >= ${timeOf('{from: Int64}')}
       AND requested_time <= ${timeOf('{to: Int64}')} AND run IN {runs: Array(String)}
     GROUP BY run HAVING count() > 1 ${RUN_SETTINGS}`,
    {
      tenant,
      from: rows.at(-1)?.requested_ms ?? 0,
      to: rows[0]?.requested_ms ?? 0,
      runs: rows.map(({ run }) => run),
    },
  )
  return new Map(found.map(({ run, rev }) => [run, rev]))
}

/** Runs without their steps, by their ids. */
export async function readRunHeaders(
  store: AnalyticsStore,
  tenant: string,
  of: { readonly runs: readonly string[]; readonly fromMs: number },
): Promise<RunEvent[]> {
  const rows = await store.query<HeaderRow>(
    `SELECT ${HEADER} FROM runs FINAL WHERE tenant = {tenant: String} AND run IN {runs: Array(String)}
       AND requested_time >= ${timeOf('{from: Int64}')} LIMIT 20000 ${RUN_SETTINGS}`,
    { tenant, runs: of.runs, from: Math.floor(of.fromMs) },
  )
  return rows.map((row) => create(RunEventSchema, initOf(tenant, row)))
}

type LineTuple = {
  readonly attempt: number
  readonly time_ms: string | number
  readonly elapsed: number
  readonly level: string
  readonly text: string
}

interface StepRow {
  readonly run: string
  readonly number: number
  readonly key: string
  readonly name: string
  readonly check_type: string
  readonly target: string
  readonly state: string
  readonly attempt: number
  readonly attempts_max: number
  readonly start_ms: number | null
  readonly end_ms: number | null
  readonly seconds: number | null
  readonly reason: string
  readonly error_message: string
  readonly hint: string
  readonly result: string
  readonly values: readonly { readonly name: string; readonly value: string; readonly secret: number }[]
  readonly attempts: readonly {
    readonly attempt: number
    readonly status: number
    readonly start_ms: string | number
    readonly execution_time: number
    readonly reason: string
    readonly error_message: string
  }[]
  readonly evidence: number
  readonly lines: readonly LineTuple[]
}

const STEP = `run, toFloat64(step_number) AS number, key, name, check_type, target, toString(status) AS state,
  toFloat64(run_steps.attempt) AS attempt, toFloat64(run_steps.attempts_max) AS attempts_max,
  ${ms('start_time')} AS start_ms, ${ms('end_time')} AS end_ms, execution_time AS seconds, reason, error_message, hint,
  result, values, attempts, toFloat64(has_evidence) AS evidence, lines`

const lineInit = (stepNumber: number, line: LineTuple): MessageInitShape<typeof RunLineSchema> => ({
  stepNumber,
  attempt: line.attempt,
  timeMs: big(line.time_ms),
  elapsed: line.elapsed,
  level: line.level,
  text: line.text,
})

function stepInit(row: StepRow): MessageInitShape<typeof StepStateSchema> {
  return {
    number: row.number,
    key: row.key,
    name: row.name,
    checkType: row.check_type,
    target: row.target,
    status: statusNumber(row.state),
    attempt: row.attempt,
    attemptsMax: row.attempts_max,
    startMs: big(row.start_ms),
    endMs: big(row.end_ms),
    executionTime: row.seconds ?? 0,
    reason: row.reason,
    errorMessage: row.error_message,
    hint: row.hint,
    result: row.result,
    values: row.values.map(({ name, value, secret }) => ({ name, value, secret: secret !== 0 })),
    attempts: row.attempts.map((each) => ({
      attempt: each.attempt,
      status: each.status,
      startMs: big(each.start_ms),
      executionTime: each.execution_time,
      reason: each.reason,
      errorMessage: each.error_message,
    })),
    hasEvidence: row.evidence !== 0,
  }
}

/** A run with its steps and lines; null when it is not stored. */
export async function readRun(store: AnalyticsStore, tenant: string, id: string): Promise<RunEvent | null> {
  const [header] = await store.query<HeaderRow & { lines: readonly LineTuple[] }>(
    `SELECT ${HEADER}, lines FROM runs WHERE tenant = {tenant: String} AND run = {id: String}
     ORDER BY runs.revision DESC LIMIT 1 ${RUN_SETTINGS}`,
    { tenant, id },
  )
  if (header === undefined) return null
  const rows = await store.query<StepRow>(
    `SELECT ${STEP} FROM run_steps WHERE tenant = {tenant: String} AND process = {process: String}
       AND step_number <= {count: UInt32} AND requested_time = ${timeOf('{requested: Int64}')} AND run = {id: String}
       AND revision = {revision: UInt32}
     ORDER BY step_number LIMIT 1 BY step_number ${RUN_SETTINGS}`,
    {
      tenant,
      process: header.process,
      requested: header.requested_ms,
      id,
      revision: header.rev,
      count: Math.max(header.count, STEPS_MAX),
    },
  )
  const lines = [
    ...header.lines.map((line) => lineInit(0, line)),
    ...rows.flatMap((row) => row.lines.map((line) => lineInit(row.number, line))),
  ]
  const event = create(RunEventSchema, initOf(tenant, header))
  event.steps = rows.map((row) => create(StepStateSchema, stepInit(row)))
  event.lines = lines.map((line) => create(RunLineSchema, line)).sort(byTime)
  return event
}

const STEPS_MAX = 100
const byTime = (a: RunLine, b: RunLine): number => Number(a.timeMs - b.timeMs)

export interface EvidenceRow {
  readonly attempt: number
  readonly kind: string
  readonly mediaType: string
  readonly base64: string
}

/** What steps of a run saw; of one step, or of all. */
export function readEvidence(
  store: AnalyticsStore,
  tenant: string,
  of: { readonly run: string; readonly step?: number; readonly kind?: string },
): Promise<(EvidenceRow & { readonly step: number })[]> {
  return store.query(
    `SELECT toFloat64(step_number) AS step, toFloat64(run_evidence.attempt) AS attempt, kind, media_type AS mediaType,
       base64Encode(content) AS base64
     FROM run_evidence FINAL
     WHERE tenant = {tenant: String} AND run = {run: String}
       ${of.step === undefined ? '' : 'AND step_number = {step: UInt32}'}
       ${of.kind === undefined ? '' : 'AND kind = {kind: String}'}
     ORDER BY step_number, run_evidence.attempt, kind LIMIT 100`,
    { tenant, ...of },
  )
}
