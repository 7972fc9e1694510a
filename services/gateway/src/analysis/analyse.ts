import { type KpiColumn, kpiColumns } from '../estate/kpi-columns.ts'
import type { KpiPoint } from '../queries/kpis.ts'
import type { KpiName, KpiTrend } from '../schemas/analytics.ts'
import { type TimedValue, trendOf } from './trend.ts'
import { formatAmount, formatBytes, formatDuration, formatShare } from './words.ts'

const COLUMN_OF: Readonly<Record<KpiName, KpiColumn>> = {
  executionTime: 'execution_time_ms',
  successRate: 'success_rate',
  errorRate: 'error_rate',
  throughput: 'throughput_per_second',
  cpu: 'cpu_share',
  memory: 'memory_share',
  io: 'io_share',
  network: 'network_share',
}

const KPI_NAMES = Object.keys(COLUMN_OF) as KpiName[]
const INDEX_OF = new Map<KpiColumn, number>(kpiColumns.map(({ column }, index) => [column, index]))
const NEAR_LIMIT = 0.9

/** Trends of every KPI, and findings in words that the points themselves bear out. */
export function analyse(
  kind: string,
  points: readonly KpiPoint[],
): { kpis: Record<KpiName, KpiTrend>; insights: string[] } {
  const kpis = Object.fromEntries(
    KPI_NAMES.map((name) => [name, trendOf(columnOf(points, COLUMN_OF[name]))]),
  ) as Record<KpiName, KpiTrend>
  if (points.length === 0) return { kpis, insights: ['Nothing was recorded in this period.'] }
  return { kpis, insights: [...usage(points), ...limits(kpis), ...outcomes(kpis), ...presence(kind, points)] }
}

function columnOf(points: readonly KpiPoint[], column: KpiColumn): TimedValue[] {
  const index = INDEX_OF.get(column)!
  const timed: TimedValue[] = []
  for (const { timeMs, values } of points) {
    const value = values[index]
    if (value !== null && value !== undefined) timed.push({ timeMs, value })
  }
  return timed
}

/** What measured amounts did: these are in cores and bytes, which people know, not in shares. */
function usage(points: readonly KpiPoint[]): string[] {
  const lines: string[] = []
  const memory = trendOf(columnOf(points, 'memory_bytes'))
  if (memory.average !== null) lines.push(memorySentence(memory))
  const cpu = trendOf(columnOf(points, 'cpu_cores'))
  if (cpu.average !== null && cpu.maximum !== null) {
    const peak = cpu.maximum > 2 * cpu.average && cpu.maximum > 0.1
    lines.push(
      `CPU averaged ${formatAmount(cpu.average)} cores${peak ? `, with a peak of ${formatAmount(cpu.maximum)}` : ''}${
        cpu.trend === 'rising' || cpu.trend === 'falling' ? `, and is ${cpu.trend}` : ''
      }.`,
    )
  }
  return lines
}

function memorySentence(memory: KpiTrend): string {
  const now = formatBytes(memory.current ?? 0)
  if ((memory.trend !== 'rising' && memory.trend !== 'falling') || memory.changePerHour === null) {
    return `Memory is steady at ${now}.`
  }
  const word = memory.trend === 'rising' ? 'grows' : 'falls'
  return `Memory ${word} by ${formatBytes(Math.abs(memory.changePerHour))} per hour and is at ${now}.`
}

/** How many anomalies there were and of which types, and the worst of them in its own words. */
export function anomalyInsights(
  counts: readonly { type: string; count: number }[],
  worst: { description: string } | undefined,
): string[] {
  const total = counts.reduce((sum, { count }) => sum + count, 0)
  if (total === 0) return []
  const sorted = [...counts].sort((a, b) => b.count - a.count)
  const parts = sorted.map(({ type, count }) => `${count} of ${type.replaceAll('_', ' ')}`).join(', ')
  const lines = [`${total === 1 ? 'One anomaly' : `${total} anomalies`}: ${parts}.`]
  return worst ? [...lines, `The worst: ${worst.description.replace(/\.$/, '')}.`] : lines
}

const LIMITED: readonly (readonly [KpiName, string])[] = [
  ['cpu', 'CPU'],
  ['memory', 'Memory'],
  ['io', 'Storage I/O'],
  ['network', 'Network'],
]

function limits(kpis: Record<KpiName, KpiTrend>): string[] {
  return LIMITED.flatMap(([name, word]) => {
    const { current, maximum } = kpis[name]
    if (current !== null && current >= NEAR_LIMIT) return [`${word} is at ${formatShare(current)} of its limit now.`]
    if (maximum !== null && maximum >= NEAR_LIMIT) return [`${word} reached ${formatShare(maximum)} of its limit.`]
    return []
  })
}

function outcomes(kpis: Record<KpiName, KpiTrend>): string[] {
  const lines: string[] = []
  const { errorRate, executionTime } = kpis
  if (errorRate.average !== null && errorRate.average > 0) {
    lines.push(
      `${formatShare(errorRate.average)} of what ended failed, at worst ${formatShare(errorRate.maximum ?? 0)}.`,
    )
  }
  if (executionTime.trend === 'rising' && executionTime.current !== null && executionTime.average !== null) {
    lines.push(
      `Execution time is rising: ${formatDuration(executionTime.current)}, on average ${formatDuration(executionTime.average)}.`,
    )
  }
  return lines
}

function presence(kind: string, points: readonly KpiPoint[]): string[] {
  const instances = columnOf(points, 'instances').map((point) => point.value)
  if (kind !== 'os' || instances.length === 0) return []
  const least = Math.min(...instances)
  const most = Math.max(...instances)
  if (least < 0.5) return ['It was not running all of the time.']
  if (most - least >= 1) return [`Between ${Math.round(least)} and ${Math.round(most)} instances ran.`]
  return []
}
