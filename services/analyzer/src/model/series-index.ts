import { createIdTable, type IdTable } from '@driftline/platform/id-table'
import type { Series } from '@driftline/proto'
import { columnOf } from './columns.ts'
import type { HostState, SeriesState } from './state.ts'

/** Finds what a series id means. The state holds the facts; this is the look-up over it, rebuilt after a restart. */
export interface SeriesIndex {
  readonly state: SeriesState
  readonly table: IdTable
  /** Place of each of the state's names. */
  readonly nameAt: Map<string, number>
}

/** Ids are parts of SHA-256 digests, which nobody can make collide: the look-up needs no secret seed. */
const SEED = 0x5eed

export function createSeriesIndex(state: SeriesState, maxSize: number): SeriesIndex {
  const table = createIdTable({ maxSize, seed: SEED })
  for (let i = 0; i < state.size; i++) table.set(state.low[i]!, state.high[i]!, i)
  return { state, table, nameAt: new Map(state.names.map((name, at) => [name, at])) }
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

/** Learns a series. Answers false when there is no room. Series that feed no KPI are learned too, to be passed over. */
export function defineSeries(index: SeriesIndex, series: Series, hostKey: string): boolean {
  const { state, table } = index
  const low = Number(series.id & 0xffff_ffffn)
  const high = Number(series.id >> 32n)
  const known = table.get(low, high)
  if (known !== -1) return true
  if (!table.set(low, high, state.size)) return false
  if (state.size >= state.low.length) growSeries(state)
  const at = state.size
  const column = columnOf(series)
  state.low[at] = low
  state.high[at] = high
  state.column[at] = column
  state.slot[at] = -1
  state.host[at] = column === -1 ? -1 : placeOfName(index, hostKey)
  state.process[at] = column === -1 ? -1 : placeOfName(index, series.process)
  state.size += 1
  return true
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
}
