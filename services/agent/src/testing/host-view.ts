import { fromBinary } from '@bufbuild/protobuf'
import { type AgentBatch, PackedSampleBatchSchema, ProcessTableSchema } from '@driftline/proto'
import type { Collector } from './collector.ts'

/** One instance as a consumer of frames rebuilds it. */
export interface ViewRow {
  readonly pid: number
  readonly startTimeMs: number
  readonly parentPid: number
  readonly name: string
  readonly command: string
  readonly user: string
  readonly group: string
  readonly state: number
  readonly cpuCores: number
  readonly readBytesPerSecond: number
  readonly writeBytesPerSecond: number
  readonly openFiles: number
}

export interface ViewEnd {
  readonly pid: number
  readonly startTimeMs: number
  readonly kind: number
}

/** The table after all batches that a collector received, and all ends that they told of. */
export function viewOf(collector: Collector): { rows: Map<number, ViewRow>; ends: ViewEnd[] } {
  const rows = new Map<number, ViewRow>()
  const ends: ViewEnd[] = []
  for (const { batch } of collector.batches) applyBatch(rows, ends, batch)
  return { rows, ends }
}

function applyBatch(rows: Map<number, ViewRow>, ends: ViewEnd[], batch: AgentBatch): void {
  const { strings, started, values, ended } = fromBinary(ProcessTableSchema, batch.table)
  if (batch.keyFrame) rows.clear()
  for (const [at, pid] of (ended?.pid ?? []).entries()) {
    rows.delete(pid)
    ends.push({ pid, startTimeMs: Number(ended!.startTimeMs[at]), kind: ended!.kind[at]! })
  }
  for (const [at, pid] of (started?.pid ?? []).entries()) {
    const text = (column: number[]): string => strings[column[at]!]!
    rows.set(pid, {
      ...NO_VALUES,
      pid,
      startTimeMs: Number(started!.startTimeMs[at]),
      parentPid: started!.parentPid[at]!,
      name: text(started!.name),
      command: text(started!.command),
      user: text(started!.user),
      group: text(started!.group),
    })
  }
  for (const [at, pid] of (values?.pid ?? []).entries()) {
    rows.set(pid, {
      ...rows.get(pid)!,
      state: values!.state[at]!,
      cpuCores: values!.cpuCores[at]!,
      readBytesPerSecond: values!.readBytesPerSecond[at]!,
      writeBytesPerSecond: values!.writeBytesPerSecond[at]!,
      openFiles: values!.openFiles[at]!,
    })
  }
}

const NO_VALUES = {
  state: 0,
  cpuCores: Number.NaN,
  readBytesPerSecond: Number.NaN,
  writeBytesPerSecond: Number.NaN,
  openFiles: 0,
}

/** The last value of a metric that a collector received, by process and attributes; undefined if none came. */
export function lastValue(
  collector: Collector,
  process: string,
  metric: string,
  attributes = '{}',
): number | undefined {
  const wanted = [...collector.definitions.values()].find(
    (each) => each.process === process && each.metric === metric && each.attributes === attributes,
  )
  for (const { batch } of collector.batches.toReversed()) {
    const { series, value } = fromBinary(PackedSampleBatchSchema, batch.samples)
    const ids = new DataView(series.buffer, series.byteOffset, series.byteLength)
    const values = new DataView(value.buffer, value.byteOffset, value.byteLength)
    for (let at = 0; at < series.byteLength; at += 8) {
      if (ids.getBigUint64(at, true) === wanted?.id) return values.getFloat64(at, true)
    }
  }
  return undefined
}
