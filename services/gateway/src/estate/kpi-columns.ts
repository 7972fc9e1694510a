import type { KpiBatch } from '@driftline/proto'
import type { ProcessMetrics } from '../schemas/processes.ts'

/** The KPI columns: name on the bus, name in the store. The order is that of `KpiRow.values`. */
export const kpiColumns = [
  { field: 'executionTimeMs', column: 'execution_time_ms' },
  { field: 'successRate', column: 'success_rate' },
  { field: 'errorRate', column: 'error_rate' },
  { field: 'throughputPerSecond', column: 'throughput_per_second' },
  { field: 'cpuCores', column: 'cpu_cores' },
  { field: 'memoryBytes', column: 'memory_bytes' },
  { field: 'readBytesPerSecond', column: 'read_bytes_per_second' },
  { field: 'writeBytesPerSecond', column: 'write_bytes_per_second' },
  { field: 'networkReceiveBytesPerSecond', column: 'network_receive_bytes_per_second' },
  { field: 'networkTransmitBytesPerSecond', column: 'network_transmit_bytes_per_second' },
  { field: 'cpuShare', column: 'cpu_share' },
  { field: 'memoryShare', column: 'memory_share' },
  { field: 'ioShare', column: 'io_share' },
  { field: 'networkShare', column: 'network_share' },
  { field: 'instances', column: 'instances' },
] as const satisfies readonly { field: keyof KpiBatch; column: string }[]

export type KpiColumn = (typeof kpiColumns)[number]['column']

/** Values of one process in one bucket, in the order of `kpiColumns`; null is no data. */
export type KpiValues = readonly (number | null)[]

/** Values of element `index` of a batch. */
export function kpiValuesAt(batch: KpiBatch, index: number): KpiValues {
  return kpiColumns.map(({ field }) => tidyNumber(batch[field][index]))
}

/** Six decimals are more than any screen shows, and keep frames short. */
export function tidyNumber(value: number | null | undefined): number | null {
  if (value === undefined || value === null || !Number.isFinite(value)) return null
  return Number.isInteger(value) ? value : Math.round(value * 1e6) / 1e6
}

/** The client's `ProcessMetrics`; the load is no KPI and comes from elsewhere. */
export function toProcessMetrics(
  processId: string,
  bucketTimeMs: number,
  values: KpiValues,
  load1: number | null = null,
): ProcessMetrics {
  const at = (index: number): number | null => values[index] ?? null
  return {
    processId,
    executionTime: at(0),
    successRate: at(1),
    errorRate: at(2),
    throughput: at(3),
    resourceUtilization: { cpu: at(10), memory: at(11), io: at(12), network: at(13) },
    timestamp: new Date(bucketTimeMs).toISOString(),
    values: {
      cpuCores: at(4),
      memoryBytes: at(5),
      readBytesPerSecond: at(6),
      writeBytesPerSecond: at(7),
      networkReceiveBytesPerSecond: at(8),
      networkTransmitBytesPerSecond: at(9),
      instances: at(14),
      load1,
    },
  }
}

/** The age of what runs grows every second; within this share of it, a list need not be told. */
const EXECUTION_TIME_SHARE = 0.02

/** Whether two buckets say the same to a person, so that an idle process costs no frame. */
export function sameValues(told: KpiValues | null, now: KpiValues): boolean {
  if (told === null) return false
  const [toldTime, nowTime] = [told[0] ?? null, now[0] ?? null]
  const sameTime =
    toldTime === nowTime ||
    (toldTime !== null && nowTime !== null && Math.abs(nowTime - toldTime) <= EXECUTION_TIME_SHARE * toldTime)
  return sameTime && told.every((value, index) => index === 0 || value === now[index])
}
