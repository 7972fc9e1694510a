import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { kpiNumber } from '@driftline/proto'
import { clientNormals, type Normal, type NormalOf } from '../analysis/normal.ts'
import { trendOf } from '../analysis/trend.ts'
import { kpiColumns } from '../estate/kpi-columns.ts'
import type { KpiName } from '../schemas/analytics.ts'
import type { ReportScope } from './completion.ts'
import { performanceFinding } from './findings.ts'
import {
  type AnomalyTypeRow,
  type DriftStep,
  type KpiStep,
  type LongAnomalyRow,
  readAnomalyTypes,
  readDriftSteps,
  readKpiSteps,
  readLongestAnomalies,
  readNormalsOf,
} from './performance-queries.ts'
import type { ReportFormat } from './report-format.ts'
import { type KpiFigures, type PerformanceReport, PROCESSES_MAX, type ProcessPerformance } from './report-schemas.ts'

/** A process that a report may be about. */
export interface KnownProcess {
  readonly id: string
  readonly kind: string
}

const LONGEST_MAX = 10
const MINUTE_MS = 60_000
/** Points of one process, and of all processes of a report together. */
const POINTS_MAX = 200
const POINTS_MIN = 24
const POINTS_OF_ALL = 6000

const COLUMN_OF: Readonly<Record<KpiName, (typeof kpiColumns)[number]['column']>> = {
  executionTime: 'execution_time_ms',
  successRate: 'success_rate',
  errorRate: 'error_rate',
  throughput: 'throughput_per_second',
  cpu: 'cpu_share',
  memory: 'memory_share',
  io: 'io_share',
  network: 'network_share',
}
const KPIS = (Object.keys(COLUMN_OF) as KpiName[]).map((name) => ({
  name,
  index: kpiColumns.findIndex(({ column }) => column === COLUMN_OF[name]),
}))

/** How processes performed in a period: of these, those that were off longest come first. */
export async function makePerformanceReport(
  store: AnalyticsStore,
  scope: Omit<ReportScope, 'processes'>,
  processes: readonly KnownProcess[],
  format: ReportFormat,
): Promise<PerformanceReport> {
  const { tenant, fromMs, toMs } = scope
  const types = group(await readAnomalyTypes(store, { tenant, fromMs, toMs }))
  const openMs = ({ id }: KnownProcess): number => sum(types.get(id) ?? [], (row) => row.openMs)
  const ranked = [...processes].sort((a, b) => openMs(b) - openMs(a) || (a.id < b.id ? -1 : 1))
  const chosen = ranked.slice(0, PROCESSES_MAX)
  const these = { tenant, processes: chosen.map(({ id }) => id), fromMs, toMs, stepMs: stepOf(scope, chosen.length) }
  const [kpis, drift, normals, longest] =
    chosen.length === 0
      ? [[], [], [], []]
      : await Promise.all([
          readKpiSteps(store, these),
          readDriftSteps(store, these),
          readNormalsOf(store, { ...these, fromMs: Math.max(fromMs, toMs - NORMALS_FROM_MS) }),
          readLongestAnomalies(store, these, LONGEST_MAX),
        ])
  const rows: RowsOfProcesses = { types, kpis: group(kpis), drift: group(drift), longest: group(longest) }
  const usual = new Map(normals.map(({ process, lines }) => [process, normalOf(lines)]))
  const shown = chosen.map((each) => processOf(each, rows, usual.get(each.id) ?? (() => NO_NORMAL), scope))
  return {
    report: 'performance',
    generatedAt: iso(scope.nowMs),
    period: { from: iso(fromMs), to: iso(toMs), timeZone: scope.timeZone },
    processesLeftOut: ranked.length - chosen.length,
    finding: performanceFinding({ processes: shown }, format),
    processes: shown,
  }
}

/** Baselines are told every minute; those of the last day say what was usual at the end. */
const NORMALS_FROM_MS = 24 * 60 * MINUTE_MS
const NO_NORMAL: Normal = { centre: null, spread: null }

function stepOf({ fromMs, toMs }: { fromMs: number; toMs: number }, processes: number): number {
  const points = Math.min(POINTS_MAX, Math.max(POINTS_MIN, Math.floor(POINTS_OF_ALL / Math.max(1, processes))))
  return Math.max(1, Math.ceil((toMs - fromMs) / points / MINUTE_MS)) * MINUTE_MS
}

function normalOf(lines: readonly (readonly [string, number, number | null, number | null])[]): NormalOf {
  const byKpi = new Map(lines.map(([metric, , centre, spread]) => [kpiNumber(metric), { centre, spread }]))
  return (kpi) => byKpi.get(kpi) ?? NO_NORMAL
}

interface RowsOfProcesses {
  readonly types: Map<string, AnomalyTypeRow[]>
  readonly kpis: Map<string, KpiStep[]>
  readonly drift: Map<string, DriftStep[]>
  readonly longest: Map<string, LongAnomalyRow[]>
}

function processOf(
  { id, kind }: KnownProcess,
  rows: RowsOfProcesses,
  usual: NormalOf,
  { fromMs }: { readonly fromMs: number },
): ProcessPerformance {
  const steps = rows.kpis.get(id) ?? []
  const types = rows.types.get(id) ?? []
  const baselines = clientNormals(usual, steps.at(-1)?.values ?? null)
  const kpis = KPIS.map(({ name, index }) => [name, figuresOf(steps, index, baselines[name])])
  const at = (timeMs: number): string => iso(Math.max(fromMs, timeMs))
  return {
    processId: id,
    kind,
    kpis: Object.fromEntries(kpis) as Record<KpiName, KpiFigures>,
    points: steps.map(({ timeMs, values }) => ({
      time: at(timeMs),
      values: Object.fromEntries(KPIS.map(({ name, index }) => [name, values[index] ?? null])) as Record<
        KpiName,
        number | null
      >,
    })),
    drift: (rows.drift.get(id) ?? []).map(({ timeMs, up, down }) => ({
      time: at(timeMs),
      score: Math.round((up >= -down ? up : down) * 1000) / 1000,
    })),
    anomalies: {
      count: sum(types, (row) => row.count),
      open: sum(types, (row) => row.open),
      openTime: sum(types, (row) => row.openMs),
      byType: types.map(({ type, count, open, openMs, severity }) => ({
        type,
        count,
        open,
        openTime: openMs,
        severity: severityOf(severity),
      })),
      longest: (rows.longest.get(id) ?? []).map(({ startMs, endMs, openMs, severity, ...row }) => ({
        id: row.id,
        type: row.type,
        severity: severityOf(severity),
        startTime: iso(startMs),
        endTime: endMs === null ? null : iso(endMs),
        openTime: openMs,
        description: row.description,
      })),
    },
  }
}

function figuresOf(steps: readonly KpiStep[], index: number, baseline: Normal): KpiFigures {
  const points = steps.flatMap(({ timeMs, values }) => {
    const value = values[index]
    return value === null || value === undefined ? [] : [{ timeMs, value }]
  })
  const known = (of: 'lowest' | 'highest'): number[] =>
    steps.flatMap((step) => (typeof step[of][index] === 'number' ? [step[of][index]] : []))
  const [low, high] = [known('lowest'), known('highest')]
  const { current, average, changePerHour, trend } = trendOf(points)
  return {
    average,
    minimum: low.length === 0 ? null : Math.min(...low),
    maximum: high.length === 0 ? null : Math.max(...high),
    current,
    changePerHour,
    trend,
    baseline,
  }
}

const severityOf = (name: string) => (name === 'critical' || name === 'warning' ? name : 'info')
const sum = <Row>(rows: readonly Row[], of: (row: Row) => number): number =>
  rows.reduce((total, row) => total + of(row), 0)

function group<Row extends { readonly process: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) groups.set(row.process, [...(groups.get(row.process) ?? []), row])
  return groups
}

const iso = (timeMs: number): string => new Date(timeMs).toISOString()
