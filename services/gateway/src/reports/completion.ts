import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import {
  type DayRow,
  type FailureRow,
  type FlowRow,
  type OutcomeRow,
  readDays,
  readFailures,
  readFlowOutcomes,
  readStepOutcomes,
  readStreaks,
  type StepRow,
  type StreakRow,
} from './completion-queries.ts'
import { completionFinding } from './findings.ts'
import type { ReportFormat } from './report-format.ts'
import { type CompletionReport, type FlowCompletion, PROCESSES_MAX } from './report-schemas.ts'

/** What a report is about. Times are milliseconds since the Unix epoch. */
export interface ReportScope {
  readonly tenant: string
  readonly fromMs: number
  readonly toMs: number
  readonly nowMs: number
  readonly timeZone: string
  /** Null for all. */
  readonly processes: readonly string[] | null
}

export interface FlowName {
  readonly id: string
  readonly name: string
  readonly category: string
}

const FAILURES_MAX = 20
/** A tenant has at most 1,000 flows, and runs of removed ones live on until they are too old. */
const FLOWS_READ_MAX = 5000

/** Business processes that are defined now. */
export async function readFlowNames(metadata: Metadata, tenant: string): Promise<Map<string, FlowName>> {
  const rows = await metadata.db
    .selectFrom('flows')
    .select(['id', 'name', 'category'])
    .where('tenant', '=', tenant)
    .orderBy('id')
    .execute()
  return new Map(rows.map((row) => [row.id, row]))
}

/** How business processes were completed in a period. A flow without runs is listed when it is asked for by its id. */
export async function makeCompletionReport(
  store: AnalyticsStore,
  scope: ReportScope,
  names: ReadonlyMap<string, FlowName>,
  format: ReportFormat,
): Promise<CompletionReport> {
  const { tenant, fromMs, toMs, processes } = scope
  const all = { tenant, fromMs, toMs, ...(processes === null ? {} : { processes }) }
  const outcomes = await readFlowOutcomes(store, all, FLOWS_READ_MAX)
  const totals = outcomes.find(({ process }) => process === '')
  const ranked = withThoseAskedFor(
    outcomes.filter(({ process }) => process !== ''),
    processes,
  ).sort(byNeed)
  const chosen = ranked.slice(0, PROCESSES_MAX)
  const these = { ...all, processes: chosen.map(({ process }) => process) }
  const [days, streaks, steps, failures] =
    chosen.length === 0
      ? [[], [], [], []]
      : await Promise.all([
          readDays(store, these, scope.timeZone),
          readStreaks(store, these),
          readStepOutcomes(store, these),
          readFailures(store, these, FAILURES_MAX),
        ])
  const rows = { days: group(days), streaks: group(streaks), steps: group(steps), failures: group(failures) }
  const report: Omit<CompletionReport, 'finding'> = {
    report: 'completion',
    generatedAt: iso(scope.nowMs),
    period: { from: iso(fromMs), to: iso(toMs), timeZone: scope.timeZone },
    processesLeftOut: ranked.length - chosen.length,
    totals: outcomeOf(totals ?? NO_RUNS),
    flows: chosen.map((row) => flowOf(row, names.get(row.process), rows)),
  }
  return { ...report, finding: completionFinding(report, format) }
}

const NO_RUNS: OutcomeRow = {
  runs: 0,
  succeeded: 0,
  failed: 0,
  timeout: 0,
  cancelled: 0,
  interrupted: 0,
  medianTime: null,
  p95Time: null,
}

function withThoseAskedFor(rows: readonly FlowRow[], processes: readonly string[] | null): FlowRow[] {
  const had = new Set(rows.map(({ process }) => process))
  const idle = (processes ?? []).filter((process) => !had.has(process))
  return [...rows, ...idle.map((process) => ({ ...NO_RUNS, process, name: '' }))]
}

function outcomeOf(row: OutcomeRow) {
  const { runs, succeeded, failed, timeout, cancelled, interrupted, medianTime, p95Time } = row
  const judged = succeeded + failed + timeout
  const successRate = judged === 0 ? null : Math.round((succeeded / judged) * 1e6) / 1e6
  const tidy = (ms: number | null): number | null => (ms === null ? null : Math.round(ms * 10) / 10)
  return {
    runs,
    succeeded,
    failed,
    timeout,
    cancelled,
    interrupted,
    successRate,
    medianTime: tidy(medianTime),
    p95Time: tidy(p95Time),
  }
}

/** Lowest success rate first; among equals the one with most runs. */
function byNeed(a: FlowRow, b: FlowRow): number {
  const rate = (row: FlowRow): number => outcomeOf(row).successRate ?? 2
  return rate(a) - rate(b) || b.runs - a.runs || (a.process < b.process ? -1 : 1)
}

function group<Row extends { readonly process: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const of = groups.get(row.process)
    if (of === undefined) groups.set(row.process, [row])
    else of.push(row)
  }
  return groups
}

interface RowsOfFlows {
  readonly days: Map<string, DayRow[]>
  readonly streaks: Map<string, StreakRow[]>
  readonly steps: Map<string, StepRow[]>
  readonly failures: Map<string, FailureRow[]>
}

function flowOf(row: FlowRow, known: FlowName | undefined, rows: RowsOfFlows): FlowCompletion {
  const { process } = row
  const streak = rows.streaks.get(process)?.[0]
  const failures = rows.failures.get(process) ?? []
  return {
    processId: process,
    name: known?.name ?? (row.name === '' ? process : row.name),
    category: known?.category ?? '',
    ...outcomeOf(row),
    longestFailureStreak:
      streak === undefined ? null : { runs: streak.runs, from: iso(streak.fromMs), to: iso(streak.toMs) },
    days: (rows.days.get(process) ?? []).map((each) => ({ day: each.day, ...outcomeOf(each) })),
    steps: (rows.steps.get(process) ?? []).map(({ stepNumber, key, name, ...each }) => ({
      stepNumber,
      key,
      name,
      ...outcomeOf(each),
    })),
    failures: failures.map(({ stepNumber, stepName, status, reason, message, count, firstMs, lastMs }) => ({
      stepNumber,
      stepName,
      status,
      reason,
      message,
      count,
      firstTime: iso(firstMs),
      lastTime: iso(lastMs),
    })),
    failuresLeftOut: Math.max(0, (failures[0]?.kinds ?? 0) - failures.length),
  }
}

const iso = (timeMs: number): string => new Date(timeMs).toISOString()
