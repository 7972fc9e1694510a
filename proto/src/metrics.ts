import { MetricKind } from '../gen/driftline/v1/series_pb.ts'

/** A metric that Driftline's own sources produce. */
export interface Metric {
  /** OpenTelemetry semantic-convention name, or in their style where they have none. */
  readonly name: string
  /** UCUM. */
  readonly unit: string
  readonly kind: MetricKind
  /** For people: what it says. */
  readonly about: string
}

const gauge = (name: string, unit: string, about: string): Metric => ({ name, unit, kind: MetricKind.GAUGE, about })

const counted = (name: string, unit: string, about: string): Metric => ({
  name,
  unit,
  kind: MetricKind.CUMULATIVE,
  about,
})

/** Metrics of a group of operating-system processes, summed over its instances. */
export const groupMetrics = {
  cpu: gauge('process.cpu.usage', '{cpu}', 'CPU in cores, all instances'),
  memory: gauge('process.memory.usage', 'By', 'Resident memory, all instances'),
  virtualMemory: gauge('process.memory.virtual', 'By', 'Virtual memory, all instances'),
  read: gauge('process.disk.read', 'By/s', 'Bytes read from storage per second'),
  write: gauge('process.disk.write', 'By/s', 'Bytes written to storage per second'),
  threads: gauge('process.thread.count', '{thread}', 'Threads, all instances'),
  openFiles: gauge('process.unix.file_descriptor.count', '{file_descriptor}', 'Open file descriptors, all instances'),
  instances: gauge('process.count', '{process}', 'Instances alive'),
  cpuLimit: gauge('process.cpu.limit', '{cpu}', 'CPU limit of the cgroup in cores, where there is one'),
  memoryLimit: gauge('process.memory.limit', 'By', 'Memory limit of the cgroup, where there is one'),
} as const

/** Metrics of a host. Those with attributes name them in `about`. */
export const hostMetrics = {
  cpu: gauge('system.cpu.utilization', '1', 'Share of all CPUs that was busy'),
  cpuByState: gauge(
    'system.cpu.time.share',
    '1',
    'Share of CPU time by `cpu.mode` (user, system, iowait, steal, idle)',
  ),
  load1: gauge('system.linux.cpu.load_1m', '{run_queue_item}', 'Load average over 1 min'),
  load5: gauge('system.linux.cpu.load_5m', '{run_queue_item}', 'Load average over 5 min'),
  load15: gauge('system.linux.cpu.load_15m', '{run_queue_item}', 'Load average over 15 min'),
  memoryUsed: gauge('system.memory.usage', 'By', 'Memory in use, without caches'),
  memoryShare: gauge('system.memory.utilization', '1', 'Share of memory in use'),
  memoryLimit: gauge('system.memory.limit', 'By', 'Memory of the host'),
  swapUsed: gauge('system.paging.usage', 'By', 'Swap in use'),
  diskRead: gauge('system.disk.read', 'By/s', 'Bytes read per second, by `system.device`; without attribute: all'),
  diskWrite: gauge('system.disk.write', 'By/s', 'Bytes written per second, by `system.device`; without attribute: all'),
  diskBusy: gauge('system.disk.utilization', '1', 'Share of time the busiest device worked, by `system.device`'),
  filesystemUsed: gauge('system.filesystem.usage', 'By', 'Bytes used, by `system.filesystem.mountpoint`'),
  filesystemShare: gauge('system.filesystem.utilization', '1', 'Share used, by `system.filesystem.mountpoint`'),
  networkReceive: gauge(
    'system.network.receive',
    'By/s',
    'Bytes received per second, by `network.interface.name`; without attribute: all but loopback',
  ),
  networkTransmit: gauge(
    'system.network.transmit',
    'By/s',
    'Bytes sent per second, by `network.interface.name`; without attribute: all but loopback',
  ),
  processes: gauge('system.process.count', '{process}', 'Processes'),
  uptime: gauge('system.uptime', 's', 'Time since boot'),
} as const

/** What an agent tells of itself, on its host. Its CPU and memory are those of its process group. */
export const agentMetrics = {
  scanDuration: gauge('driftline.agent.scan.duration', 's', 'Time that the last scan took'),
  skippedScans: counted('driftline.agent.scan.skipped', '{scan}', 'Scans skipped since the agent started'),
  droppedBatches: counted('driftline.agent.batch.dropped', '{batch}', 'Batches lost because the spool was full'),
  refusedBatches: counted('driftline.agent.batch.refused', '{batch}', 'Batches that the server refused'),
  leftOutValues: counted('driftline.agent.value.left_out', '{value}', 'Values of the host that found no series free'),
  spoolBytes: gauge('driftline.agent.spool.size', 'By', 'Bytes that wait on disk for the server'),
} as const

const delta = (name: string, unit: string, about: string): Metric => ({ name, unit, kind: MetricKind.DELTA, about })

/**
 * What makes the KPIs of devices, logs and services, whatever they call it themselves. Without attributes: with them a
 * series is a plain one.
 */
export const processMetrics = {
  executionTime: gauge('process.execution.time', 's', 'How long one execution, request or cycle took; median'),
  events: delta('process.events', '{event}', 'Messages, lines, requests, executions'),
  failedEvents: delta('process.events.failed', '{event}', 'Those of them that failed or were not valid'),
} as const

/** Metrics that are made of lines of logs. */
export const logMetrics = {
  lines: delta('log.lines', '{line}', 'Lines by `log.level`, or `http.response.status_class`'),
  duration: gauge('log.duration', 's', 'How long what the lines tell of took, by `quantile` (0.5, 0.95, 0.99)'),
  patternLines: delta('log.pattern.lines', '{line}', 'Lines by template, `log.pattern` (16 hexadecimal digits)'),
} as const

/** Metrics that sources of devices make beside those that are mapped. */
export const deviceMetrics = {
  up: gauge('device.up', '1', '1 while the device is born, 0 after its death certificate'),
} as const
