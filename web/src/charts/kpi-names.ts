import type { ProcessMetrics } from '../api/types.ts'
import { format, type Quantity } from '../format.ts'
import { type ProcessKind, unescapeName } from '../process-id.ts'
import type { KpiId } from './kpis.ts'
import { metricWords } from './metric-words.ts'
import { type ChartUnit, quantityOf } from './units.ts'

interface Named {
  /** As it stands within a sentence. */
  readonly word: string
  /** The chart and the column that show it; null for shares that are shown with their value only. */
  readonly id: KpiId | null
  readonly unit: ChartUnit
  readonly pick: (metrics: ProcessMetrics) => number | null
}

/** KPIs as baselines, anomalies and expressions name them. */
export const kpiNames: Readonly<Record<string, Named>> = {
  execution_time: {
    word: 'execution time',
    id: 'executionTime',
    unit: 'milliseconds',
    pick: (m) => m.executionTime,
  },
  success_rate: { word: 'success rate', id: 'successRate', unit: 'share', pick: (m) => m.successRate },
  error_rate: { word: 'error rate', id: 'errorRate', unit: 'share', pick: (m) => m.errorRate },
  throughput: { word: 'throughput', id: 'throughput', unit: 'rate', pick: (m) => m.throughput },
  cpu: { word: 'CPU', id: 'cpu', unit: 'cores', pick: (m) => m.values.cpuCores },
  memory: { word: 'memory', id: 'memory', unit: 'bytes', pick: (m) => m.values.memoryBytes },
  disk_read: { word: 'disk read', id: 'read', unit: 'byteRate', pick: (m) => m.values.readBytesPerSecond },
  disk_write: { word: 'disk write', id: 'write', unit: 'byteRate', pick: (m) => m.values.writeBytesPerSecond },
  network_receive: {
    word: 'network received',
    id: 'receive',
    unit: 'byteRate',
    pick: (m) => m.values.networkReceiveBytesPerSecond,
  },
  network_transmit: {
    word: 'network sent',
    id: 'transmit',
    unit: 'byteRate',
    pick: (m) => m.values.networkTransmitBytesPerSecond,
  },
  cpu_share: { word: 'CPU share', id: null, unit: 'share', pick: (m) => m.resourceUtilization.cpu },
  memory_share: { word: 'memory share', id: null, unit: 'share', pick: (m) => m.resourceUtilization.memory },
  io_share: { word: 'disk busy', id: null, unit: 'share', pick: (m) => m.resourceUtilization.io },
  network_share: { word: 'network share', id: null, unit: 'share', pick: (m) => m.resourceUtilization.network },
  instances: { word: 'instances', id: 'instances', unit: 'count', pick: (m) => m.values.instances },
}

/** The name that baselines have for a chart's KPI. */
export function baselineNameOf(id: KpiId): string | null {
  for (const [name, kpi] of Object.entries(kpiNames)) if (kpi.id === id) return name
  return null
}

/** The chart that stands for a KPI's name: a share is seen on the chart of what it is a share of. */
export function chartOf(name: string | null): KpiId | null {
  if (name === 'cpu_share') return 'cpu'
  if (name === 'memory_share') return 'memory'
  return name === null ? null : (kpiNames[name]?.id ?? null)
}

/** `Vibration RMS` within a sentence; a word all in capitals stays one. */
const lowerFirst = (text: string): string =>
  /^[A-Z]{2}/.test(text) ? text : (text[0]?.toLowerCase() ?? '') + text.slice(1)

/** In a sentence: `CPU`, `error rate`; metrics of what runs by what they count: `unix file descriptor count`. */
export function kpiWord(name: string | null): string {
  if (name === null) return 'the whole process'
  const known = kpiNames[name]?.word
  if (known) return known
  if (/^(process|system)\./.test(name)) return name.replace(/^(process|system)\.(linux\.)?/, '').replace(/[._]/g, ' ')
  return /^(device|log|service)\./.test(name) ? lowerFirst(metricWords(name)) : unescapeName(name)
}

const ucum: Readonly<Record<string, ChartUnit>> = {
  '{cpu}': 'cores',
  By: 'bytes',
  'By/s': 'byteRate',
  '1': 'share',
  ms: 'milliseconds',
  s: 'seconds',
  '/s': 'rate',
  '{process}': 'count',
}

/** Units that people write otherwise than UCUM does. */
const written: Readonly<Record<string, string>> = { Cel: '°C', '[degF]': '°F', '%': '%', Ohm: 'Ω', um: 'µm', us: 'µs' }

/** A value of an anomaly or a baseline: a KPI as its column shows it, a metric with its own unit. */
export function quantityOfUnit(
  unit: string,
  value: number | null | undefined,
  name: string | null = null,
): Quantity | null {
  if (value === null || value === undefined || !Number.isFinite(value)) return null
  // A plain number is a share only where a KPI says so: the unit of a bare count is `1`, too.
  const known = (name === null ? undefined : kpiNames[name]?.unit) ?? (unit === '1' ? undefined : ucum[unit])
  if (known) return quantityOf(known, value)
  const shown = unit.startsWith('{') || unit === '1' ? unit.replace(/^1$|[{}]/g, '') : (written[unit] ?? unit)
  return format.number(value, shown, digitsOf(value))
}

function digitsOf(value: number): number {
  const size = Math.abs(value)
  return Number.isInteger(value) || size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3
}

/** How a host's own chart of CPU relates to its baseline: shown as a share of all CPUs, learned in cores. */
export function chartFactor(kind: ProcessKind, name: string, metrics: ProcessMetrics | null): number {
  if (kind !== 'host' || name !== 'cpu') return 1
  const { cpu } = metrics?.resourceUtilization ?? { cpu: null }
  const cores = metrics?.values.cpuCores ?? null
  return cpu && cores ? cpu / cores : Number.NaN
}
