import { createIdTable, type IdTable } from '@driftline/platform/id-table'
import { MetricKind, type Series } from '@driftline/proto'
import type { DetectionEngine } from '../detection/engine.ts'
import { grown } from '../detection/track-table.ts'
import { columnOf, ownTrack, passedOver } from './columns.ts'
import { freeLane, takeLane } from './lanes.ts'
import type { HostState, SeriesState } from './state.ts'

/** Finds what a series id means. The state holds the facts; this is the look-up over it, rebuilt after a restart. */
export interface SeriesIndex {
  readonly state: SeriesState
  readonly seriesMax: number
  /** Replaced when series are forgotten. */
  table: IdTable
  /** Place of each of the state's names. */
  nameAt: Map<string, number>
  /** Series that are not passed over. */
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
    if (state.column[at] !== passedOver) index.feeding += 1
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

/** Takes the slots and lanes of a host's series away: of one slot, or of all. Tracks go with their process. */
export function detachSeries(index: SeriesIndex, host: HostState, slot: number | null): void {
  const { state } = index
  for (let at = 0; at < state.size; at++) {
    const place = state.slot[at]!
    if (place === -1 || !belongsTo(index, at, host.key)) continue
    const isLane = state.column[at] === ownTrack
    if (slot !== null && slot !== (isLane ? host.lanes.slot[place] : place)) continue
    if (isLane) freeLane(host.lanes, host.buckets, place)
    state.slot[at] = -1
  }
}

/** What became of a definition: learnt or known before, or how many series were forgotten to learn it. */
export interface Definition {
  readonly isKnown: boolean
  readonly forgotten: number
}

const KNOWN: Definition = { isKnown: true, forgotten: 0 }

/**
 * Learns a series, if there is room; those that are passed over, too. `forget` is told of each that makes room and had
 * a lane.
 */
export function defineSeries(
  index: SeriesIndex,
  series: Series,
  hostKey: string,
  forget: (hostKey: string, lane: number) => void,
): Definition {
  const { state } = index
  const low = Number(series.id & 0xffff_ffffn)
  const high = Number(series.id >> 32n)
  const known = index.table.get(low, high)
  if (known !== -1) {
    state.usedAtS[known] = state.nowS
    return KNOWN
  }
  const column = columnOf(series)
  const forgotten = hasRoom(index, column) ? 0 : forgetUnused(index, forget)
  if (!hasRoom(index, column)) return { isKnown: false, forgotten }
  if (state.size >= state.low.length) growSeries(state)
  const at = state.size
  index.table.set(low, high, at)
  if (column !== passedOver) index.feeding += 1
  state.low[at] = low
  state.high[at] = high
  state.column[at] = column
  state.slot[at] = -1
  const name = (text: string, isNeeded: boolean): number => (isNeeded ? placeOfName(index, text) : -1)
  state.host[at] = name(hostKey, column !== passedOver)
  state.process[at] = name(series.process, column !== passedOver)
  state.metric[at] = name(series.metric, column === ownTrack)
  state.attributes[at] = name(series.attributes, column === ownTrack)
  state.unit[at] = name(series.unit, column === ownTrack)
  state.kind[at] = column === ownTrack ? series.kind : 0
  state.usedAtS[at] = state.nowS
  state.size += 1
  return forgotten === 0 ? KNOWN : { isKnown: true, forgotten }
}

/** Series that are passed over have room of their own, so that they take none from those that are not. */
function hasRoom({ state, seriesMax, feeding }: SeriesIndex, column: number): boolean {
  return column === passedOver ? state.size - feeding < PASSED_OVER_FACTOR * seriesMax : feeding < seriesMax
}

const numberColumns = ['low', 'high', 'column', 'slot', 'usedAtS', 'kind'] as const
const nameColumns = ['host', 'process', 'metric', 'attributes', 'unit'] as const

/** Forgets the series that had no sample for long, and names that only they used. Answers how many it forgot. */
function forgetUnused(index: SeriesIndex, forget: (hostKey: string, lane: number) => void): number {
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
    if (state.nowS - state.usedAtS[from]! >= UNUSED_S) {
      if (state.column[from] === ownTrack && state.slot[from] !== -1)
        forget(names[state.host[from]!]!, state.slot[from]!)
      continue
    }
    const at = state.size++
    for (const column of numberColumns) state[column][at] = state[column][from]!
    for (const column of nameColumns) {
      const name = state[column][from]!
      state[column][at] = name === -1 ? -1 : placeOfName(index, names[name]!)
    }
  }
  lookUpAnew(index)
  return before - state.size
}

/** The slot that a series writes to, taken now if it has none; -1 when the host has no slot to give. */
export function slotOfSeries(index: SeriesIndex, at: number, host: HostState, rooms: Rooms): number {
  const { slot, process, names } = index.state
  if (slot[at] === -1) slot[at] = takeSlot(host, names[process[at]!]!, index, rooms)
  return slot[at]!
}

/** What gives room to slots and tracks. */
export interface Rooms {
  readonly groupsMax: number
  readonly engine: DetectionEngine
}

/** The lane that a track of its own writes to, taken now if it has none; -1 without room for its process or itself. */
export function laneOfSeries(index: SeriesIndex, at: number, host: HostState, rooms: Rooms): number {
  const known = index.state.slot[at]!
  return known === -1 ? takeLaneFor(index, at, host, rooms) : known
}

function takeLaneFor(index: SeriesIndex, at: number, host: HostState, rooms: Rooms): number {
  const { state } = index
  const name = (column: Int32Array): string => state.names[column[at]!]!
  const slot = takeSlot(host, name(state.process), index, rooms)
  const process = slot === -1 ? -1 : processOfSlot(host, slot, rooms.engine)
  if (process === -1) return -1
  const [metric, attributes, measured] = [name(state.metric), name(state.attributes), name(state.unit)]
  // What is counted becomes a rate per second.
  const isCounted = state.kind[at]! !== MetricKind.GAUGE
  const unit = isCounted ? `${measured === '1' ? '' : measured}/s` : measured
  const track = rooms.engine.addPlainTrack(process, { metric, attributes, unit })
  if (track === -1) return -1
  state.slot[at] = takeLane(host.lanes, track, slot, state.kind[at]!)
  return state.slot[at]!
}

/** The number of a slot's process, taken now if it has none; -1 without room. */
export function processOfSlot(host: HostState, slot: number, engine: DetectionEngine): number {
  const known = host.processNumber[slot]!
  if (known !== -1) return known
  host.processNumber[slot] = engine.addProcess(host.unit, host.processes[slot]!)
  return host.processNumber[slot]!
}

/** How long a group has no data and no instance before its slot may be given to another, milliseconds. */
const SLOT_IDLE_MS = 600_000

/** The slot of a process, made if there is room. */
export function takeSlot(host: HostState, process: string, index: SeriesIndex, rooms: Rooms): number {
  const known = host.slotOf.get(process)
  if (known !== undefined) return known
  const slot = host.processes.length < rooms.groupsMax ? host.processes.length : freeIdleSlot(host, index, rooms)
  if (slot === -1) return -1
  host.processes[slot] = process
  host.processNumber[slot] = -1
  host.slotSeenMs[slot] = host.closedThroughMs
  host.slotOf.set(process, slot)
  return slot
}

function freeIdleSlot(host: HostState, index: SeriesIndex, { engine }: Rooms): number {
  const { table } = host
  const idleSinceMs = host.closedThroughMs - SLOT_IDLE_MS
  for (let slot = 1; slot < host.processes.length; slot++) {
    if (host.slotSeenMs[slot]! >= idleSinceMs || table.alive.has(slot)) continue
    host.slotOf.delete(host.processes[slot]!)
    table.longRunningUntilMs.delete(slot)
    table.turnover.delete(slot)
    for (const [key, seat] of table.seats) if (seat.slot === slot) table.seats.delete(key)
    detachSeries(index, host, slot)
    const process = host.processNumber[slot]!
    if (process !== -1) engine.forgetProcess(process)
    return slot
  }
  return -1
}

function growSeries(state: SeriesState): void {
  const length = Math.max(256, state.low.length * 2)
  state.low = grown(state.low, length)
  state.high = grown(state.high, length)
  state.column = grown(state.column, length)
  state.slot = grown(state.slot, length)
  state.usedAtS = grown(state.usedAtS, length)
  state.kind = grown(state.kind, length)
  for (const column of nameColumns) state[column] = grown(state[column], length)
}
