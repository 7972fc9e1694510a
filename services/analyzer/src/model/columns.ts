import { agentMetrics, groupMetrics, hostMetrics, MetricKind, processMetrics, type Series } from '@driftline/proto'

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
  executionSeconds: 13,
  events: 14,
  failedEvents: 15,
} as const

export const columnCount = 16

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

/** Of a device, a log, a service, a flow: what it is, it says of itself. */
const sourceColumns = new Map<string, number>([
  [processMetrics.executionTime.name, column.executionSeconds],
  [groupMetrics.cpu.name, column.cpuCores],
  [groupMetrics.memory.name, column.memoryBytes],
  [groupMetrics.cpuLimit.name, column.cpuLimit],
  [groupMetrics.memoryLimit.name, column.memoryLimit],
])

const countedColumns = new Map<string, number>([
  [processMetrics.events.name, column.events],
  [processMetrics.failedEvents.name, column.failedEvents],
])

/** What becomes of a series that feeds no column. */
export const ownTrack = -2
export const passedOver = -1

/**
 * Series of hosts and process groups that nobody looks at one by one, whatever their attributes: they say again, or in
 * parts, what a KPI or another track says. Every other series of any process is a track of its own.
 */
const repeating: ReadonlySet<string> = new Set([
  // Sums over devices, interfaces and modes are KPIs; of these a machine has dozens.
  hostMetrics.cpuByState.name,
  hostMetrics.diskRead.name,
  hostMetrics.diskWrite.name,
  hostMetrics.diskBusy.name,
  hostMetrics.networkReceive.name,
  hostMetrics.networkTransmit.name,
  // The share of each file system says it, and has a limit.
  hostMetrics.filesystemUsed.name,
  // The load over a minute says it sooner.
  hostMetrics.load5.name,
  hostMetrics.load15.name,
  // Address space that is reserved costs nothing and comes in leaps.
  groupMetrics.virtualMemory.name,
  // The agent's own pace follows that of its machine.
  agentMetrics.scanDuration.name,
])

/** The column that a series feeds, `ownTrack` or `passedOver`. Series with attributes are parts: they feed no column. */
export function columnOf(series: Pick<Series, 'process' | 'metric' | 'kind' | 'attributes'>): number {
  const { process, metric, kind, attributes } = series
  const columns = process.startsWith('os:') ? groupColumns : process.startsWith('host:') ? hostColumns : sourceColumns
  if (attributes === '{}') {
    const isCounted = kind === MetricKind.DELTA && columns === sourceColumns
    const known = kind === MetricKind.GAUGE ? columns.get(metric) : isCounted ? countedColumns.get(metric) : undefined
    if (known !== undefined) return known
  }
  if (columns !== sourceColumns && repeating.has(metric)) return passedOver
  const isKnownKind = kind === MetricKind.GAUGE || kind === MetricKind.DELTA || kind === MetricKind.CUMULATIVE
  return isKnownKind ? ownTrack : passedOver
}
