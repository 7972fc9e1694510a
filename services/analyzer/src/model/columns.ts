import { groupMetrics, hostMetrics, MetricKind, type Series } from '@driftline/proto'

/** What is measured of a process and feeds its KPIs; the number is the column in a bucket. */
export const column = {
  cpuCores: 0,
  memoryBytes: 1,
  readBytes: 2,
  writeBytes: 3,
  receiveBytes: 4,
  transmitBytes: 5,
  instances: 6,
  uptimeSeconds: 7,
  cpuShare: 8,
  memoryShare: 9,
  ioShare: 10,
  cpuLimit: 11,
  memoryLimit: 12,
} as const

export const columnCount = 13

const groupColumns = new Map<string, number>([
  [groupMetrics.cpu.name, column.cpuCores],
  [groupMetrics.memory.name, column.memoryBytes],
  [groupMetrics.read.name, column.readBytes],
  [groupMetrics.write.name, column.writeBytes],
  [groupMetrics.instances.name, column.instances],
  [groupMetrics.cpuLimit.name, column.cpuLimit],
  [groupMetrics.memoryLimit.name, column.memoryLimit],
])

const hostColumns = new Map<string, number>([
  [hostMetrics.cpu.name, column.cpuShare],
  [hostMetrics.memoryUsed.name, column.memoryBytes],
  [hostMetrics.memoryShare.name, column.memoryShare],
  [hostMetrics.memoryLimit.name, column.memoryLimit],
  [hostMetrics.diskRead.name, column.readBytes],
  [hostMetrics.diskWrite.name, column.writeBytes],
  [hostMetrics.diskBusy.name, column.ioShare],
  [hostMetrics.networkReceive.name, column.receiveBytes],
  [hostMetrics.networkTransmit.name, column.transmitBytes],
  [hostMetrics.processes.name, column.instances],
  [hostMetrics.uptime.name, column.uptimeSeconds],
])

/** The column that a series feeds, or -1. Series with attributes are parts of one without: they feed none. */
export function columnOf(series: Pick<Series, 'process' | 'metric' | 'kind' | 'attributes'>): number {
  if (series.attributes !== '{}' || series.kind !== MetricKind.GAUGE) return -1
  if (series.process.startsWith('os:')) return groupColumns.get(series.metric) ?? -1
  if (series.process.startsWith('host:')) return hostColumns.get(series.metric) ?? -1
  return -1
}
