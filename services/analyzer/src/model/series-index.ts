import { createIdTable, type IdTable } from '@driftline/platform/id-table'
import type { Series } from '@driftline/proto'
import { columnOf } from './columns.ts'
import type { HostState, SeriesState } from './state.ts'

/** Finds what a series id means. The state holds the facts; this is the look-up over it, rebuilt after a restart. */
export interface SeriesIndex {
  readonly state: SeriesState
  readonly seriesMax: number
  /** Replaced when series are forgotten. */
  table: IdTable
  /** Place of each of the state's names. */
  nameAt: Map<string, number>
  /** Series that feed a KPI. */
  feeding: number
  /** When room was last looked for, in seconds as in the state. */
  sweptAtS: number
}

/** Ids are parts of SHA-256 digests, which nobody can make collide: the look-up needs no secret seed. */
const SEED = 0x5eed
/** Series that feed no KPI are remembered by their ids only to be passed over: so many times `seriesMax` in all. */
const PASSED_OVER_FACTOR = 4
/** A series that had no sample for so long makes room when there is none: its group or its host is gone. */
const UNUSED_S = 3600
/** Looking at all series takes a while, so it is not done for each one that finds no room. */
const SWEEP_EVERY_S = 60

export function createSeriesIndex(state: SeriesState, seriesMax: number): SeriesIndex {
  const empty = { table: createTable(seriesMax), nameAt: new Map<string, number>(), feeding: 0 }
  const index: SeriesIndex = { state, seriesMax, ...empty, sweptAtS: Number.NEGATIVE_INFINITY }
  lookUpAnew(index)
  return index
}

const createTable = (seriesMax: number): IdTable =>
  createIdTable({ maxSize: (1 + PASSED_OVER_FACTOR) * seriesMax, seed: SEED })

function lookUpAnew(index: SeriesIndex): void {
  const { state } = index
  index.table = createTable(index.seriesMax)
  index.feeding = 0
  for (let at = 0; at < state.size; at++) {
    index.table.set(state.low[at]!, state.high[at]!, at)
    if (state.column[at] !== -1) index.feeding += 1
  }
  index.nameAt = new Map(state.names.map((name, at) => [name, at]))
}

function placeOfName({ state, nameAt }: SeriesIndex, name: string): number {
  const known = nameAt.get(name)
  if (known !== undefined) return known
  nameAt.set(name, state.names.length)
  return state.names.push(name) - 1
}

/** Whether a series belongs to the host with this key. */
export function belongsTo({ state }: SeriesIndex, at: number, hostKey: string): boolean {
  return state.names[state.host[at]!] === hostKey
}

/** Takes the slots of a host's series away: of one slot, or of all. */
export function detachSeries(index: SeriesIndex, hostKey: string, slot: number | null): void {
  const { state } = index
  for (let at = 0; at < state.size; at++) {
    if ((slot === null || state.slot[at] === slot) && belongsTo(index, at, hostKey)) state.slot[at] = -1
  }
}

/** What became of a definition: learnt or known before, or how many series were forgotten to learn it. */
export interface Definition {
  readonly isKnown: boolean
  readonly forgotten: number
}

const KNOWN: Definition = { isKnown: true, forgotten: 0 }

/** Learns a series, if there is room. Series that feed no KPI are learned too, to be passed over. */
export function defineSeries(index: SeriesIndex, series: Series, hostKey: string): Definition {
  const { state } = index
  const low = Number(series.id & 0xffff_ffffn)
  const high = Number(series.id >> 32n)
  const known = index.table.get(low, high)
  if (known !== -1) {
    state.usedAtS[known] = state.nowS
    return KNOWN
  }
  const column = columnOf(series)
  const forgotten = hasRoom(index, column) ? 0 : forgetUnused(index)
  if (!hasRoom(index, column)) return { isKnown: false, forgotten }
  if (state.size >= state.low.length) growSeries(state)
  const at = state.size
  index.table.set(low, high, at)
  if (column !== -1) index.feeding += 1
  state.low[at] = low
  state.high[at] = high
  state.column[at] = column
  state.slot[at] = -1
  state.host[at] = column === -1 ? -1 : placeOfName(index, hostKey)
  state.process[at] = column === -1 ? -1 : placeOfName(index, series.process)
  state.usedAtS[at] = state.nowS
  state.size += 1
  return forgotten === 0 ? KNOWN : { isKnown: true, forgotten }
}

/** Series that feed no KPI have room of their own, so that they take none from those that do. */
function hasRoom({ state, seriesMax, feeding }: SeriesIndex, column: number): boolean {
  return column === -1 ? state.size - feeding < PASSED_OVER_FACTOR * seriesMax : feeding < seriesMax
}

/** Forgets the series that had no sample for long, and names that only they used. Answers how many it forgot. */
function forgetUnused(index: SeriesIndex): number {
  const { state } = index
  if (state.nowS - index.sweptAtS < SWEEP_EVERY_S) return 0
  index.sweptAtS = state.nowS
  const before = state.size
  const names = state.names
  state.size = 0
  state.names = []
  index.nameAt = new Map()
  for (let from = 0; from < before; from++) {
    // What was learnt before there was a time is as old as the first look at it.
    if (state.usedAtS[from] === 0) state.usedAtS[from] = state.nowS
    if (state.nowS - state.usedAtS[from]! >= UNUSED_S) continue
    const at = state.size++
    for (const column of ['low', 'high', 'column', 'slot', 'usedAtS'] as const) state[column][at] = state[column][from]!
    const host = state.host[from]!
    const process = state.process[from]!
    state.host[at] = host === -1 ? -1 : placeOfName(index, names[host]!)
    state.process[at] = process === -1 ? -1 : placeOfName(index, names[process]!)
  }
  lookUpAnew(index)
  return before - state.size
}

/** The slot that a series writes to, taken now if it has none; -1 when the host has no slot to give. */
export function slotOfSeries(index: SeriesIndex, at: number, host: HostState, groupsMax: number): number {
  const { slot, process, names } = index.state
  if (slot[at] === -1) slot[at] = takeSlot(host, names[process[at]!]!, groupsMax, index)
  return slot[at]!
}

/** How long a group has no data and no instance before its slot may be given to another, milliseconds. */
const SLOT_IDLE_MS = 600_000

/** The slot of a process, made if there is room. */
export function takeSlot(host: HostState, process: string, groupsMax: number, index: SeriesIndex): number {
  const known = host.slotOf.get(process)
  if (known !== undefined) return known
  const slot = host.processes.length < groupsMax ? host.processes.length : freeIdleSlot(host, index)
  if (slot === -1) return -1
  host.processes[slot] = process
  host.slotSeenMs[slot] = host.closedThroughMs
  host.slotOf.set(process, slot)
  return slot
}

function freeIdleSlot(host: HostState, index: SeriesIndex): number {
  const { table } = host
  const idleSinceMs = host.closedThroughMs - SLOT_IDLE_MS
  for (let slot = 1; slot < host.processes.length; slot++) {
    if (host.slotSeenMs[slot]! >= idleSinceMs || table.alive.has(slot) || table.lost.has(slot)) continue
    host.slotOf.delete(host.processes[slot]!)
    table.longRunningUntilMs.delete(slot)
    detachSeries(index, host.key, slot)
    return slot
  }
  return -1
}

function growSeries(state: SeriesState): void {
  const length = Math.max(256, state.low.length * 2)
  const grown = <T extends Uint32Array | Int32Array | Int8Array>(from: T, to: T): T => {
    to.set(from)
    return to
  }
  state.low = grown(state.low, new Uint32Array(length))
  state.high = grown(state.high, new Uint32Array(length))
  state.column = grown(state.column, new Int8Array(length))
  state.slot = grown(state.slot, new Int32Array(length))
  state.host = grown(state.host, new Int32Array(length))
  state.process = grown(state.process, new Int32Array(length))
  state.usedAtS = grown(state.usedAtS, new Uint32Array(length))
}
