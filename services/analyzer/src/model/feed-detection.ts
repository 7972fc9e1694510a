import type { ProcessLife } from '../detection/detector.ts'
import type { DetectionEngine } from '../detection/engine.ts'
import { processFlag } from '../detection/track-table.ts'
import type { KpiRows } from './close.ts'
import { isLongRunning } from './process-table.ts'
import { processOfSlot } from './series-index.ts'
import type { Bucket, HostState } from './state.ts'
import { steadinessOf } from './steadiness.ts'

/** Gives a closed bucket to detection: KPIs of its processes, series that are tracks of their own, starts and ends. */
export function feedDetection(
  engine: DetectionEngine,
  host: HostState,
  bucket: Bucket,
  rows: KpiRows | null,
  bucketMs: number,
): void {
  // Time before the bucket passes first, so that what follows is judged by what is true in it.
  engine.passTime(host.unit, bucket.startMs)
  if (rows !== null) putRows(engine, host, rows)
  putLanes(engine, host, bucket)
  if (bucket.alive !== null) flagProcesses(engine, host, bucket, bucketMs)
  const lives = livesOf(engine, host, bucket, bucketMs)
  engine.judge(host.unit, { startMs: bucket.startMs, endMs: bucket.startMs + bucketMs, lives })
}

/** In the order of `kpis`. Execution times are those of instances that ended: an age, or an uptime, grows for ever. */
const columnsOf = (rows: KpiRows): readonly Float64Array[] => [
  rows.endedTimeMs,
  rows.successRate,
  rows.errorRate,
  rows.throughputPerSecond,
  rows.cpuCores,
  rows.memoryBytes,
  rows.readBytesPerSecond,
  rows.writeBytesPerSecond,
  rows.networkReceiveBytesPerSecond,
  rows.networkTransmitBytesPerSecond,
  rows.cpuShare,
  rows.memoryShare,
  rows.ioShare,
  rows.networkShare,
  rows.instances,
]

function putRows(engine: DetectionEngine, host: HostState, rows: KpiRows): void {
  const columns = columnsOf(rows)
  for (let row = 0; row < rows.slot.length; row++) {
    const process = processOfSlot(host, rows.slot[row]!, engine)
    if (process === -1) continue
    for (let kpi = 0; kpi < columns.length; kpi++) engine.putKpi(process, kpi, columns[kpi]![row]!)
  }
}

function putLanes(engine: DetectionEngine, { lanes }: HostState, { laneSums, laneWeights }: Bucket): void {
  const { track } = lanes
  for (let lane = 0; lane < laneWeights.length; lane++) {
    const weight = laneWeights[lane]!
    if (weight > 0) engine.put(track[lane]!, laneSums[lane]! / weight)
  }
}

/** What the last process table says of groups that have a number. */
function flagProcesses(engine: DetectionEngine, host: HostState, { alive, startMs }: Bucket, bucketMs: number): void {
  for (let slot = 1; slot < host.processes.length; slot++) {
    const process = host.processNumber[slot]!
    if (process === -1) continue
    engine.flag(process, processFlag.gone, !alive!.has(slot))
    engine.flag(process, processFlag.longRunning, isLongRunning(host, slot, alive!, startMs + bucketMs))
    const steadiness = steadinessOf(host, slot, alive!, startMs + bucketMs)
    engine.flag(process, processFlag.steady, steadiness === 'steady')
    engine.flag(process, processFlag.settled, steadiness === 'settled')
  }
}

const nothing: readonly ProcessLife[] = []

function livesOf(engine: DetectionEngine, host: HostState, bucket: Bucket, bucketMs: number): readonly ProcessLife[] {
  const { starts, expectedEnds, unexpectedEnds, lifetimes, restarts, containedEnds, startMs } = bucket
  if (starts.size + expectedEnds.size + unexpectedEnds.size + lifetimes.size === 0) return nothing
  const slots = new Set([...starts.keys(), ...lifetimes.keys(), ...expectedEnds.keys(), ...unexpectedEnds.keys()])
  const alive = bucket.alive ?? host.table.alive
  const lives: ProcessLife[] = []
  for (const slot of slots) {
    const process = processOfSlot(host, slot, engine)
    if (process === -1) continue
    lives.push({
      process,
      starts: starts.get(slot) ?? 0,
      expectedEnds: expectedEnds.get(slot) ?? 0,
      unexpectedEnds: unexpectedEnds.get(slot) ?? 0,
      restarts: restarts.get(slot) ?? 0,
      longestMs: Math.max(0, ...(lifetimes.get(slot) ?? [])),
      isContained: containedEnds.has(slot),
      alive: alive.get(slot)?.count ?? 0,
      longRunning: isLongRunning(host, slot, alive, startMs + bucketMs),
    })
  }
  return lives
}
