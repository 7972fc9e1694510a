import type { KpiName } from '../../schemas/analytics.ts'
import type { ReportFormat } from '../report-format.ts'
import type { KpiFigures, PerformanceReport, ProcessPerformance } from '../report-schemas.ts'
import { amountTicks, durationTicks, shareTicks, timesAlong } from './axis.ts'
import type { AxisTick, Block, Cell, Column, Tone } from './blocks.ts'
import { beyond, periodText } from './period-text.ts'

/** A performance report as it is read: all processes first, then each that was seen. */
export function performanceBlocks(report: PerformanceReport, format: ReportFormat): Block[] {
  const { processes, processesLeftOut } = report
  const several = processes.length > 1
  return [
    ...(several ? [processTable(processes, format)] : []),
    ...beyond(processesLeftOut, format),
    ...processes.flatMap((process) => processBlocks(process, report, several, format)),
  ]
}

export const performanceTitle = ({ processes }: PerformanceReport): string =>
  processes.length === 1 ? `Performance of ${processes[0]!.processId}` : 'Process performance'

export const performancePeriod = ({ period }: PerformanceReport, format: ReportFormat): string =>
  periodText(period, format)

interface Kpi {
  readonly name: KpiName
  readonly title: string
  value(value: number | null, format: ReportFormat): string
  ticks(highest: number, format: ReportFormat): AxisTick[]
}

const share = (name: KpiName, title: string): Kpi => ({
  name,
  title,
  value: (value, format) => format.share(value),
  ticks: shareTicks,
})

const kpis: readonly Kpi[] = [
  {
    name: 'executionTime',
    title: 'Execution time',
    value: (value, format) => format.duration(value),
    ticks: durationTicks,
  },
  share('successRate', 'Success rate'),
  share('errorRate', 'Error rate'),
  {
    name: 'throughput',
    title: 'Throughput',
    value: (value, format) => (value === null ? format.amount(null) : `${format.amount(value)} /s`),
    ticks: (highest, format) => amountTicks(highest, '/s', format),
  },
  share('cpu', 'CPU'),
  share('memory', 'Memory'),
  share('io', 'Storage I/O'),
  share('network', 'Network'),
]

const column = (title: string, align: Column['align'], weight: number): Column => ({ title, align, weight })

function processTable(processes: readonly ProcessPerformance[], format: ReportFormat): Block {
  const cell = (name: KpiName, { kpis: figures }: ProcessPerformance): Cell => {
    const kpi = kpis.find((each) => each.name === name)!
    return { text: kpi.value(figures[name]?.average ?? null, format) }
  }
  return {
    kind: 'table',
    columns: [
      column('Process', 'left', 38),
      column('Anomalies', 'right', 11),
      column('Open for', 'right', 16),
      column('Execution', 'right', 14),
      column('Success', 'right', 11),
      column('Throughput', 'right', 13),
      column('CPU', 'right', 9),
      column('Memory', 'right', 9),
    ],
    rows: processes.map((each) => {
      const { count, openTime } = each.anomalies
      const tone: Tone = count === 0 ? 'quiet' : worstTone(each)
      return [
        { text: each.processId, tone: 'strong' },
        { text: format.count(count), tone },
        { text: count === 0 ? '–' : format.duration(openTime), tone },
        ...(['executionTime', 'successRate', 'throughput', 'cpu', 'memory'] as const).map((name) => cell(name, each)),
      ]
    }),
  }
}

const worstTone = ({ anomalies }: ProcessPerformance): Tone =>
  anomalies.byType.some(({ severity }) => severity === 'critical') ? 'crit' : 'warn'

function processBlocks(
  process: ProcessPerformance,
  { period }: PerformanceReport,
  several: boolean,
  format: ReportFormat,
): Block[] {
  const blocks: Block[] = several ? [{ kind: 'heading', level: 1, text: process.processId, aside: process.kind }] : []
  if (process.points.length === 0 && process.anomalies.count === 0) {
    return [...blocks, { kind: 'paragraph', tone: 'quiet', text: 'Nothing was recorded in this period.' }]
  }
  const range = { fromMs: Date.parse(period.from), toMs: Date.parse(period.to) }
  return [
    ...blocks,
    ...driftBlocks(process, range),
    kpiTable(process, format),
    ...charts(process, range, format),
    ...anomalyBlocks(process, format),
  ]
}

interface Range {
  readonly fromMs: number
  readonly toMs: number
}

function driftBlocks({ drift }: ProcessPerformance, range: Range): Block[] {
  if (drift.length < 2) return []
  const points = drift.map(({ time, score }) => ({ atMs: Date.parse(time), score }))
  return [{ kind: 'drift', title: 'Distance from normal', ...range, points }]
}

function kpiTable({ kpis: figures }: ProcessPerformance, format: ReportFormat): Block {
  const rows = kpis.flatMap(({ name, title, value }) => {
    const of = figures[name]
    if (of === undefined || of.average === null) return []
    const { average, minimum, maximum, current, trend, baseline } = of
    return [
      [
        { text: title, tone: 'strong' as const },
        { text: value(average, format), tone: 'strong' as const },
        { text: value(minimum, format) },
        { text: value(maximum, format) },
        { text: value(current, format) },
        { text: usual(baseline, value, format) },
        { text: trend ?? '–', tone: trend === 'steady' || trend === null ? ('quiet' as const) : ('plain' as const) },
      ],
    ]
  })
  const columns = [
    column('KPI', 'left', 17),
    column('Average', 'right', 13),
    column('Lowest', 'right', 13),
    column('Highest', 'right', 13),
    column('Last quarter', 'right', 14),
    column('Usual at the end', 'right', 22),
    column('Trend', 'right', 9),
  ]
  return { kind: 'table', columns, rows }
}

/** Two spreads to either side, as the web app says it. */
function usual({ centre, spread }: KpiFigures['baseline'], value: Kpi['value'], format: ReportFormat): string {
  if (centre === null || spread === null) return '–'
  return `${value(Math.max(0, centre - 2 * spread), format)} to ${value(centre + 2 * spread, format)}`
}

function charts(process: ProcessPerformance, range: Range, format: ReportFormat): Block[] {
  const times = timesAlong(range.fromMs, range.toMs, format)
  const stepMs = stepOf(process)
  const spans = process.anomalies.longest.map(({ startTime, endTime, severity }) => ({
    fromMs: Math.max(range.fromMs, Date.parse(startTime)),
    toMs: endTime === null ? range.toMs : Math.min(range.toMs, Date.parse(endTime)),
    tone: severity === 'critical' ? ('crit' as const) : ('warn' as const),
  }))
  return kpis.flatMap(({ name, title, ticks }): Block[] => {
    const values = process.points.map(({ time, values: of }) => ({ atMs: Date.parse(time), value: of[name] ?? null }))
    const known = values.flatMap(({ value }) => (value === null ? [] : [value]))
    if (known.length < 2) return []
    const { centre, spread } = process.kpis[name]?.baseline ?? { centre: null, spread: null }
    const band =
      centre === null || spread === null ? null : { low: centre - 2 * spread, high: centre + 2 * spread, centre }
    const highest = Math.max(...known, Math.min(band?.high ?? 0, 3 * Math.max(...known)))
    const line = { name: 'mean', style: 'ink' as const, points: withGaps(values, stepMs) }
    const axis = ticks(highest, format)
    return [{ kind: 'lines', title, ...range, ticks: axis, times, lines: [line], spans, ...(band ? { band } : {}) }]
  })
}

function stepOf({ points }: ProcessPerformance): number {
  const times = points.map(({ time }) => Date.parse(time))
  const steps = times.slice(1).map((time, index) => time - times[index]!)
  return steps.length === 0 ? 0 : Math.min(...steps)
}

/** No line is drawn over steps without data. */
function withGaps(points: readonly { atMs: number; value: number | null }[], stepMs: number) {
  return points.flatMap((point, index) => {
    const before = points[index - 1]
    const isGap = before !== undefined && point.atMs - before.atMs > 1.5 * stepMs
    return isGap ? [{ atMs: before.atMs + stepMs, value: null }, point] : [point]
  })
}

function anomalyBlocks({ anomalies }: ProcessPerformance, format: ReportFormat): Block[] {
  if (anomalies.count === 0) return [{ kind: 'paragraph', tone: 'quiet', text: 'No anomaly was open in this period.' }]
  const tone = (severity: string): Tone =>
    severity === 'critical' ? 'crit' : severity === 'warning' ? 'warn' : 'plain'
  return [
    { kind: 'heading', level: 2, text: 'Anomalies by type' },
    {
      kind: 'table',
      columns: [
        column('Type', 'left', 40),
        column('Worst severity', 'left', 20),
        column('Count', 'right', 12),
        column('Still open', 'right', 12),
        column('Open for', 'right', 18),
      ],
      rows: anomalies.byType.map(({ type, severity, count, open, openTime }) => [
        { text: type.replaceAll('_', ' '), tone: 'strong' },
        { text: severity, tone: tone(severity) },
        { text: format.count(count) },
        { text: format.count(open), tone: open === 0 ? 'quiet' : 'warn' },
        { text: format.duration(openTime) },
      ]),
    },
    { kind: 'heading', level: 2, text: 'Longest anomalies' },
    {
      kind: 'table',
      columns: [
        column('Since', 'left', 22),
        column('For', 'right', 14),
        column('Severity', 'left', 11),
        column('What', 'left', 53),
      ],
      rows: anomalies.longest.map(({ startTime, openTime, endTime, severity, description }) => [
        { text: format.moment(Date.parse(startTime)) },
        { text: `${format.duration(openTime)}${endTime === null ? ', open' : ''}` },
        { text: severity, tone: tone(severity) },
        { text: description },
      ]),
    },
  ]
}
