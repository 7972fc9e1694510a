import type { ProcessMetrics } from '../api/types.ts'
import type { ProcessKind } from '../process-id.ts'
import type { ChartSeries, Resolution } from './series.ts'
import type { ChartUnit } from './units.ts'

export type KpiId =
  | 'cpu'
  | 'memory'
  | 'read'
  | 'write'
  | 'receive'
  | 'transmit'
  | 'executionTime'
  | 'successRate'
  | 'errorRate'
  | 'throughput'
  | 'instances'

/** A value of ProcessMetrics that has a readout and a chart of its own. */
export interface Kpi {
  readonly id: KpiId
  readonly label: string
  /** Beside the chart's title: what exactly is drawn. */
  readonly about: string
  /** Under a readout, where there is room for two words. */
  readonly brief: string
  readonly unit: ChartUnit
  readonly pick: (metrics: ProcessMetrics) => number | null | undefined
  /** Metric of `/query` that holds the same values, where there is one: its minima and maxima make the band. */
  readonly metric?: string
}

const resources = (kind: ProcessKind): Kpi[] => {
  const host = kind === 'host'
  const all = host ? 'whole host' : 'all instances'
  return [
    host
      ? {
          id: 'cpu',
          label: 'CPU',
          about: 'share of all CPUs',
          brief: 'of all CPUs',
          unit: 'share',
          pick: (m) => m.resourceUtilization.cpu,
          metric: 'system.cpu.utilization',
        }
      : {
          id: 'cpu',
          label: 'CPU',
          about: 'all instances, 100 % is one core',
          brief: 'of one core',
          unit: 'cores',
          pick: (m) => m.values?.cpuCores,
          metric: 'process.cpu.usage',
        },
    {
      id: 'memory',
      label: 'Memory',
      about: host ? 'in use, without caches' : 'resident, all instances',
      brief: host ? 'in use' : 'resident',
      unit: 'bytes',
      pick: (m) => m.values?.memoryBytes,
      metric: host ? 'system.memory.usage' : 'process.memory.usage',
    },
    {
      id: 'read',
      label: 'Read',
      about: `from storage, ${all}`,
      brief: 'from storage',
      unit: 'byteRate',
      pick: (m) => m.values?.readBytesPerSecond,
      metric: host ? 'system.disk.read' : 'process.disk.read',
    },
    {
      id: 'write',
      label: 'Write',
      about: `to storage, ${all}`,
      brief: 'to storage',
      unit: 'byteRate',
      pick: (m) => m.values?.writeBytesPerSecond,
      metric: host ? 'system.disk.write' : 'process.disk.write',
    },
  ]
}

const network: Kpi[] = [
  {
    id: 'receive',
    label: 'Received',
    about: 'network, without loopback',
    brief: 'network',
    unit: 'byteRate',
    pick: (m) => m.values?.networkReceiveBytesPerSecond,
  },
  {
    id: 'transmit',
    label: 'Sent',
    about: 'network, without loopback',
    brief: 'network',
    unit: 'byteRate',
    pick: (m) => m.values?.networkTransmitBytesPerSecond,
  },
]

const executionAbout: Record<ProcessKind, string> = {
  host: 'time since boot',
  os: 'median life of instances that ended, else age of the oldest',
  device: 'cycle time',
  log: 'median duration in the lines',
  service: 'median duration',
  flow: 'median duration of runs',
}

const executionBrief: Record<ProcessKind, string> = {
  host: 'since boot',
  os: 'median life',
  device: 'cycle',
  log: 'median',
  service: 'median',
  flow: 'median run',
}

const throughputAbout: Record<ProcessKind, string> = {
  host: 'events',
  os: 'starts',
  device: 'messages',
  log: 'lines',
  service: 'calls',
  flow: 'runs',
}

/** The KPIs of a kind in the order they are shown; the first one is the main chart until another is chosen. */
export function kpisOf(kind: ProcessKind): readonly Kpi[] {
  const flow: Kpi[] = [
    {
      id: 'executionTime',
      label: kind === 'host' ? 'Uptime' : 'Execution time',
      about: executionAbout[kind],
      brief: executionBrief[kind],
      unit: 'milliseconds',
      pick: (m) => m.executionTime,
    },
    {
      id: 'successRate',
      label: 'Success',
      about: 'share that ended well',
      brief: 'ended well',
      unit: 'share',
      pick: (m) => m.successRate,
    },
    {
      id: 'errorRate',
      label: 'Errors',
      about: 'share that failed',
      brief: 'failed',
      unit: 'share',
      pick: (m) => m.errorRate,
    },
    {
      id: 'throughput',
      label: 'Throughput',
      about: throughputAbout[kind],
      brief: throughputAbout[kind],
      unit: 'rate',
      pick: (m) => m.throughput,
    },
  ]
  const instances: Kpi = {
    id: 'instances',
    label: 'Instances',
    about: 'alive',
    brief: 'alive',
    unit: 'count',
    pick: (m) => m.values?.instances,
    metric: kind === 'host' ? 'system.process.count' : 'process.count',
  }
  if (kind === 'host') return [...resources(kind), ...network, { ...instances, label: 'Processes' }, flow[0]!]
  if (kind === 'os') return [...resources(kind), ...flow, instances, ...network]
  return [...flow, ...resources(kind), ...network]
}

/** Answer of `/processes/{id}/performance`. */
export interface PerformanceAnswer {
  readonly step: number
  readonly resolution: '1s' | '1m'
  readonly points: readonly ProcessMetrics[]
}

/** Answer of `/query`. */
export interface QueryAnswer {
  readonly unit: string
  readonly step: number
  readonly resolution: Resolution
  readonly series: readonly {
    readonly attributes: Readonly<Record<string, string>>
    readonly points: readonly { readonly time: string; readonly value: number }[]
  }[]
}

/** One KPI out of a history; points without data leave gaps. */
export function seriesOfKpi(answer: PerformanceAnswer, kpi: Kpi, intervalS?: number): ChartSeries {
  const times: number[] = []
  const values: number[] = []
  for (const point of answer.points) {
    const value = kpi.pick(point)
    if (value === null || value === undefined || point.timestamp === null) continue
    times.push(Date.parse(point.timestamp))
    values.push(value)
  }
  return {
    times,
    values,
    low: null,
    high: null,
    stepMs: answer.step * 1000,
    ...(intervalS === undefined ? {} : { intervalMs: intervalS * 1000 }),
    resolution: answer.resolution === '1m' ? '1m' : 'raw',
  }
}

export function seriesOfQuery(answer: QueryAnswer, index = 0, intervalS?: number): ChartSeries {
  const points = answer.series[index]?.points ?? []
  return {
    times: points.map((point) => Date.parse(point.time)),
    values: points.map((point) => point.value),
    low: null,
    high: null,
    stepMs: answer.step * 1000,
    ...(intervalS === undefined ? {} : { intervalMs: intervalS * 1000 }),
    resolution: answer.resolution,
  }
}

/** The same line with its minima and maxima, where both are known for a point; else the value stands for itself. */
export function withBand(series: ChartSeries, low: ChartSeries, high: ChartSeries): ChartSeries {
  const at = (other: ChartSeries) => new Map(other.times.map((time, i) => [time, other.values[i]!]))
  const lows = at(low)
  const highs = at(high)
  return {
    ...series,
    low: series.times.map((time, i) => Math.min(lows.get(time) ?? series.values[i]!, series.values[i]!)),
    high: series.times.map((time, i) => Math.max(highs.get(time) ?? series.values[i]!, series.values[i]!)),
  }
}
