import { groupMetrics } from '@driftline/proto/metrics'
import type { SampleColumns } from './samples.ts'
import type { SeriesBook } from './series.ts'
import type { Columns, InstanceTable } from './table.ts'

/** Sums the instances of each group and adds them to the samples of the scan: all groups, all metrics. */
export interface GroupSums {
  /** An emptied group is told once with zeros, so that charts fall instead of stopping. */
  add(table: InstanceTable, samples: SampleColumns): void
  /** Groups with instances. */
  size(): number
}

const METRICS = [
  groupMetrics.cpu,
  groupMetrics.memory,
  groupMetrics.virtualMemory,
  groupMetrics.read,
  groupMetrics.write,
  groupMetrics.threads,
  groupMetrics.openFiles,
  groupMetrics.instances,
] as const
const WIDTH = METRICS.length
const INSTANCES = WIDTH - 1

/** A group without instances for so long gives its place to another one. */
const EMPTY_MS = 600_000

export interface GroupSumsOptions {
  readonly groupsMax?: number
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number
}

/**
 * Groups beyond `groupsMax` that are named at random would fill the book of series; their instances are summed as
 * the group `overflowId`. Instances keep their own group in the table.
 */
export function createGroupSums(book: SeriesBook, overflowId: string, options: GroupSumsOptions = {}): GroupSums {
  const { groupsMax = 4096, nowMs = () => performance.now() } = options
  const numbers = new Map<string, number>()
  const firstSeries: number[] = []
  /** When a group was last seen with instances. */
  const seenAt: number[] = []
  const free: number[] = []
  let groupOfSlot = new Int32Array(512)
  let sums = new Float64Array(64 * WIDTH)
  let filled = new Uint8Array(64)
  let alive = 0
  let sweptAt = Number.NEGATIVE_INFINITY

  const isFull = (): boolean => numbers.size - (numbers.has(overflowId) ? 1 : 0) >= groupsMax

  const numberOf = (group: string): number => {
    const known = numbers.get(group)
    if (known !== undefined) return known
    if (group !== overflowId && isFull()) {
      freeEmptyGroups()
      if (isFull()) return numberOf(overflowId)
    }
    const reused = free.pop()
    const number = reused ?? firstSeries.length
    numbers.set(group, number)
    seenAt[number] = nowMs()
    if (reused === undefined) addGroup(group)
    else for (const [at, metric] of METRICS.entries()) book.redefine(firstSeries[number]! + at, group, metric)
    return number
  }

  const addGroup = (group: string): void => {
    // The series of a group are defined together, so their numbers follow each other.
    firstSeries.push(book.size())
    for (const metric of METRICS) book.define(group, metric)
    if (firstSeries.length <= filled.length) return
    filled = grown(filled, new Uint8Array(filled.length * 2))
    sums = new Float64Array(filled.length * WIDTH)
  }

  const freeEmptyGroups = (): void => {
    const now = nowMs()
    // Where names are random, every scan has some that find no room: all groups are not looked at for each of them.
    if (now - sweptAt < EMPTY_MS / 60) return
    sweptAt = now
    for (const [group, number] of numbers) {
      if (group === overflowId || filled[number] === 1 || now - seenAt[number]! < EMPTY_MS) continue
      numbers.delete(group)
      free.push(number)
    }
  }

  const refreshGroups = (table: InstanceTable, columns: Columns): void => {
    if (groupOfSlot.length < columns.pid.length) groupOfSlot = grown(groupOfSlot, new Int32Array(columns.pid.length))
    for (let slot = 0; slot < table.size(); slot++) {
      if (columns.fresh[slot] === 1) groupOfSlot[slot] = numberOf(table.identity(slot).group)
    }
  }

  return {
    add: (table, samples) => {
      const columns = table.columns()
      refreshGroups(table, columns)
      sums.fill(0)
      for (let group = 0; group < firstSeries.length; group++) {
        // NaN until an instance has the value: no data is not zero.
        for (let metric = 0; metric < INSTANCES; metric++) sums[group * WIDTH + metric] = Number.NaN
      }
      for (let slot = 0; slot < table.size(); slot++) {
        if (columns.visible[slot] === 1) addInstance(sums, groupOfSlot[slot]! * WIDTH, columns, slot)
      }
      alive = 0
      const now = nowMs()
      for (let group = 0; group < firstSeries.length; group++) {
        const instances = sums[group * WIDTH + INSTANCES]!
        if (instances > 0) alive++
        else if (filled[group] === 0) continue
        for (let metric = 0; metric < WIDTH; metric++) {
          samples.add(firstSeries[group]! + metric, instances > 0 ? sums[group * WIDTH + metric]! : 0)
        }
        if (instances > 0) seenAt[group] = now
        filled[group] = instances > 0 ? 1 : 0
      }
    },
    size: () => alive,
  }
}

function addInstance(sums: Float64Array, at: number, columns: Columns, slot: number): void {
  addTo(sums, at, columns.cpuCores[slot]!)
  addTo(sums, at + 1, columns.residentBytes[slot]!)
  addTo(sums, at + 2, columns.virtualBytes[slot]!)
  addTo(sums, at + 3, columns.readBytesPerSecond[slot]!)
  addTo(sums, at + 4, columns.writeBytesPerSecond[slot]!)
  addTo(sums, at + 5, columns.threads[slot]!)
  if (columns.openFiles[slot]! >= 0) addTo(sums, at + 6, columns.openFiles[slot]!)
  sums[at + INSTANCES]! += 1
}

function addTo(sums: Float64Array, at: number, value: number): void {
  if (Number.isNaN(value)) return
  const sum = sums[at]!
  sums[at] = Number.isNaN(sum) ? value : sum + value
}

function grown<T extends Uint8Array | Int32Array>(from: T, to: T): T {
  to.set(from)
  return to
}
