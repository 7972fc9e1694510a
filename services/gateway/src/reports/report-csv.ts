import type { KpiName } from '../schemas/analytics.ts'
import { type CsvValue, writeCsv } from './csv.ts'
import type { CompletionReport, PerformanceReport, Report } from './report-schemas.ts'

/** One table per report; the first column says what a line is about. Columns are only ever added at the end. */
export function reportCsv(report: Report): Uint8Array<ArrayBuffer> {
  return report.report === 'completion'
    ? writeCsv(completionColumns, completionRows(report))
    : writeCsv(performanceColumns, performanceRows(report))
}

const completionColumns = [
  'record',
  'process_id',
  'process_name',
  'category',
  'day',
  'step_number',
  'step_key',
  'step_name',
  'runs',
  'succeeded',
  'failed',
  'timeout',
  'cancelled',
  'interrupted',
  'success_rate',
  'median_ms',
  'p95_ms',
  'longest_failure_streak',
  'status',
  'reason',
  'message',
  'count',
  'first_time',
  'last_time',
] as const

type Line<Column extends string> = Partial<Record<Column, CsvValue>>

function lineOf<Column extends string>(columns: readonly Column[], line: Line<Column>): CsvValue[] {
  return columns.map((column) => line[column] ?? null)
}

type Outcome = CompletionReport['totals']

function outcomeOf(outcome: Outcome): Line<(typeof completionColumns)[number]> {
  const { runs, succeeded, failed, timeout, cancelled, interrupted, successRate, medianTime, p95Time } = outcome
  const counts = { runs, succeeded, failed, timeout, cancelled, interrupted }
  return { ...counts, success_rate: successRate, median_ms: medianTime, p95_ms: p95Time }
}

function* completionRows({ flows, period }: CompletionReport): Generator<CsvValue[]> {
  const line = (each: Line<(typeof completionColumns)[number]>): CsvValue[] => lineOf(completionColumns, each)
  for (const flow of flows) {
    const of = { process_id: flow.processId, process_name: flow.name, category: flow.category }
    const streak = flow.longestFailureStreak?.runs ?? 0
    const range = { first_time: period.from, last_time: period.to }
    yield line({ record: 'process', ...of, ...outcomeOf(flow), longest_failure_streak: streak, ...range })
    for (const day of flow.days) yield line({ record: 'day', ...of, day: day.day, ...outcomeOf(day) })
    for (const step of flow.steps) {
      const { stepNumber: step_number, key: step_key, name: step_name } = step
      yield line({ record: 'step', ...of, step_number, step_key, step_name, ...outcomeOf(step) })
    }
    for (const { stepNumber, stepName, status, reason, message, count, firstTime, lastTime } of flow.failures) {
      const what = { step_number: stepNumber, step_name: stepName, status, reason, message, count }
      yield line({ record: 'failure', ...of, ...what, first_time: firstTime, last_time: lastTime })
    }
  }
}

const performanceColumns = [
  'record',
  'process_id',
  'kind',
  'kpi',
  'unit',
  'average',
  'minimum',
  'maximum',
  'current',
  'baseline_centre',
  'baseline_spread',
  'change_per_hour',
  'trend',
  'anomaly_type',
  'severity',
  'count',
  'open',
  'open_ms',
  'anomaly_id',
  'start_time',
  'end_time',
  'description',
] as const

const unitOf: Readonly<Record<KpiName, string>> = {
  executionTime: 'ms',
  successRate: '1',
  errorRate: '1',
  throughput: '1/s',
  cpu: '1',
  memory: '1',
  io: '1',
  network: '1',
}

function* performanceRows({ processes }: PerformanceReport): Generator<CsvValue[]> {
  const line = (each: Line<(typeof performanceColumns)[number]>): CsvValue[] => lineOf(performanceColumns, each)
  for (const { processId, kind, kpis, anomalies } of processes) {
    const of = { process_id: processId, kind }
    for (const [kpi, figures] of Object.entries(kpis)) {
      const { average, minimum, maximum, current, changePerHour, trend, baseline } = figures
      const usual = { baseline_centre: baseline.centre, baseline_spread: baseline.spread }
      const numbers = { average, minimum, maximum, current, ...usual, change_per_hour: changePerHour, trend }
      yield line({ record: 'kpi', ...of, kpi, unit: unitOf[kpi as KpiName], ...numbers })
    }
    for (const { type, count, open, openTime, severity } of anomalies.byType) {
      yield line({ record: 'anomalies', ...of, anomaly_type: type, severity, count, open, open_ms: openTime })
    }
    for (const { id, type, severity, startTime, endTime, openTime, description } of anomalies.longest) {
      const when = { start_time: startTime, end_time: endTime, open_ms: openTime }
      yield line({ record: 'anomaly', ...of, anomaly_id: id, anomaly_type: type, severity, ...when, description })
    }
  }
}
