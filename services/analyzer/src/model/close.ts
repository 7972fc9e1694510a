import { column, columnCount } from './columns.ts'
import type { Bucket, HostState } from './state.ts'

/** KPIs of the processes of one host over one closed bucket. Parallel arrays, one element per process; NaN: no data. */
export interface KpiRows {
  readonly hostKey: string
  readonly tenant: string
  readonly bucketTimeMs: number
  readonly process: string[]
  /** Slot of each process in its host. */
  readonly slot: readonly number[]
  readonly executionTimeMs: Float64Array
  /** Median lifetime of instances that ended in the bucket: the part of the execution time that does not just grow. */
  readonly endedTimeMs: Float64Array
  readonly successRate: Float64Array
  readonly errorRate: Float64Array
  readonly throughputPerSecond: Float64Array
  readonly cpuCores: Float64Array
  readonly memoryBytes: Float64Array
  readonly readBytesPerSecond: Float64Array
  readonly writeBytesPerSecond: Float64Array
  readonly networkReceiveBytesPerSecond: Float64Array
  readonly networkTransmitBytesPerSecond: Float64Array
  readonly cpuShare: Float64Array
  readonly memoryShare: Float64Array
  readonly ioShare: Float64Array
  readonly networkShare: Float64Array
  readonly instances: Float64Array
}

/** Turns a bucket into KPIs of every process that has data in it; null when none has. */
export function closeBucket(host: HostState, bucket: Bucket, bucketMs: number): KpiRows | null {
  const slots = slotsWithData(host, bucket)
  if (slots.length === 0) return null
  const rows = createRows(host, bucket.startMs, slots)
  const endMs = bucket.startMs + bucketMs
  for (const [row, slot] of slots.entries()) {
    host.slotSeenMs[slot] = bucket.startMs
    fillCommon(rows, row, bucket, slot)
    if (slot !== 0) fillGroup(rows, row, host, bucket, slot, bucketMs)
    else if (isHost(host)) fillHost(rows, row, host, bucket, endMs)
    else fillSource(rows, row, host, bucket, bucketMs)
  }
  return rows
}

function slotsWithData(host: HostState, bucket: Bucket): number[] {
  const slots: number[] = []
  for (let slot = 0; slot < host.processes.length; slot++) {
    let has = bucket.starts.has(slot) || bucket.lifetimes.has(slot)
    has ||= bucket.expectedEnds.has(slot) || bucket.unexpectedEnds.has(slot)
    const first = slot * columnCount
    const end = Math.min(first + columnCount, bucket.counts.length)
    for (let at = first; at < end && !has; at++) has = bucket.counts[at]! > 0
    if (has) slots.push(slot)
  }
  return slots
}

function createRows(host: HostState, bucketTimeMs: number, slots: readonly number[]): KpiRows {
  const empty = (): Float64Array => new Float64Array(slots.length).fill(Number.NaN)
  return {
    hostKey: host.key,
    tenant: host.tenant,
    bucketTimeMs,
    process: slots.map((slot) => host.processes[slot]!),
    slot: slots,
    executionTimeMs: empty(),
    endedTimeMs: empty(),
    successRate: empty(),
    errorRate: empty(),
    throughputPerSecond: empty(),
    cpuCores: empty(),
    memoryBytes: empty(),
    readBytesPerSecond: empty(),
    writeBytesPerSecond: empty(),
    networkReceiveBytesPerSecond: empty(),
    networkTransmitBytesPerSecond: empty(),
    cpuShare: empty(),
    memoryShare: empty(),
    ioShare: empty(),
    networkShare: empty(),
    instances: empty(),
  }
}

/** The mean of a column's samples in the bucket; NaN without any. */
function mean(bucket: Bucket, slot: number, columnIndex: number): number {
  const at = slot * columnCount + columnIndex
  const count = bucket.counts[at] ?? 0
  return count === 0 ? Number.NaN : bucket.sums[at]! / count
}

function fillCommon(rows: KpiRows, row: number, bucket: Bucket, slot: number): void {
  rows.cpuCores[row] = mean(bucket, slot, column.cpuCores)
  rows.memoryBytes[row] = mean(bucket, slot, column.memoryBytes)
  rows.readBytesPerSecond[row] = mean(bucket, slot, column.readBytes)
  rows.writeBytesPerSecond[row] = mean(bucket, slot, column.writeBytes)
  rows.networkReceiveBytesPerSecond[row] = mean(bucket, slot, column.receiveBytes)
  rows.networkTransmitBytesPerSecond[row] = mean(bucket, slot, column.transmitBytes)
  rows.instances[row] = mean(bucket, slot, column.instances)
}

function fillHost(rows: KpiRows, row: number, host: HostState, bucket: Bucket, endMs: number): void {
  const { logicalCpus, memoryBytes, bootTimeMs } = host.facts
  const uptimeMs = mean(bucket, 0, column.uptimeSeconds) * 1000
  const memoryLimit = firstKnown(mean(bucket, 0, column.memoryLimit), memoryBytes)
  rows.executionTimeMs[row] = firstKnown(uptimeMs, Math.max(0, endMs - bootTimeMs))
  rows.cpuShare[row] = mean(bucket, 0, column.cpuShare)
  rows.cpuCores[row] = rows.cpuShare[row]! * logicalCpus
  rows.memoryShare[row] = firstKnown(mean(bucket, 0, column.memoryShare), shareOf(rows.memoryBytes[row]!, memoryLimit))
  rows.ioShare[row] = mean(bucket, 0, column.ioShare)
}

const isHost = ({ processes }: HostState): boolean => processes[0]!.startsWith('host:')

/**
 * A device, a log, a service: it counts what it does. The rate is over the time since it did something before, or one
 * that does something every ten seconds would seem to do it every second.
 */
function fillSource(rows: KpiRows, row: number, host: HostState, bucket: Bucket, bucketMs: number): void {
  rows.executionTimeMs[row] = mean(bucket, 0, column.executionSeconds) * 1000
  rows.endedTimeMs[row] = rows.executionTimeMs[row]!
  rows.cpuShare[row] = shareOf(rows.cpuCores[row]!, mean(bucket, 0, column.cpuLimit))
  rows.memoryShare[row] = shareOf(rows.memoryBytes[row]!, mean(bucket, 0, column.memoryLimit))
  if (bucket.counts[column.events] === 0) return
  const events = bucket.sums[column.events]!
  const isFirst = host.eventsMs === Number.NEGATIVE_INFINITY
  const sinceMs = isFirst ? bucketMs : bucket.startMs - host.eventsMs
  host.eventsMs = Math.max(host.eventsMs, bucket.startMs)
  // Of the first run of a flow nobody knows how long it took to come: a run a second would be far from it.
  const isUnknown = isFirst && host.processes[0]!.startsWith('flow:')
  rows.throughputPerSecond[row] = isUnknown ? Number.NaN : (events * 1000) / Math.max(bucketMs, sinceMs)
  const failed = Math.min(events, bucket.sums[column.failedEvents]!)
  // Without events 0 / 0 is NaN, as above.
  rows.errorRate[row] = failed / events
  rows.successRate[row] = 1 - failed / events
}

function fillGroup(rows: KpiRows, row: number, host: HostState, bucket: Bucket, slot: number, bucketMs: number): void {
  const { logicalCpus, memoryBytes } = host.facts
  const alive = bucket.alive?.get(slot)
  const ageMs = alive === undefined ? Number.NaN : Math.max(0, bucket.startMs + bucketMs - alive.oldestStartMs)
  rows.endedTimeMs[row] = median(bucket.lifetimes.get(slot))
  rows.executionTimeMs[row] = firstKnown(rows.endedTimeMs[row]!, ageMs)
  const expected = bucket.expectedEnds.get(slot) ?? 0
  const unexpected = bucket.unexpectedEnds.get(slot) ?? 0
  // Without ends 0 / 0 is NaN, which is what "no data" is written as.
  rows.successRate[row] = expected / (expected + unexpected)
  rows.errorRate[row] = unexpected / (expected + unexpected)
  // Without a frame nobody has looked for starts.
  if (bucket.alive !== null) rows.throughputPerSecond[row] = ((bucket.starts.get(slot) ?? 0) * 1000) / bucketMs
  if (Number.isNaN(rows.instances[row]!) && bucket.alive !== null) rows.instances[row] = alive?.count ?? 0
  const cpuLimit = firstKnown(mean(bucket, slot, column.cpuLimit), logicalCpus)
  const memoryLimit = firstKnown(mean(bucket, slot, column.memoryLimit), memoryBytes)
  rows.cpuShare[row] = shareOf(rows.cpuCores[row]!, cpuLimit)
  rows.memoryShare[row] = shareOf(rows.memoryBytes[row]!, memoryLimit)
}

const firstKnown = (first: number, second: number): number => (Number.isNaN(first) ? second : first)

/** NaN when either is unknown or there is no limit. Readings are taken one after the other, so shares may pass 1. */
function shareOf(value: number, limit: number): number {
  return limit > 0 ? Math.min(1, Math.max(0, value / limit)) : Number.NaN
}

function median(values: readonly number[] | undefined): number {
  if (values === undefined || values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
