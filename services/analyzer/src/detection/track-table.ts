import { kpis } from '@driftline/proto'
import type { Processes, Tracks } from './detector.ts'

export const kpiCount = kpis.length
const INITIAL = 256

/** The columns of tracks and processes. Plain data: it is stored as it is. */
export interface TrackTableState {
  trackSize: number
  trackProcess: Int32Array
  trackKpi: Int8Array
  /** The next track of the same process that is no KPI; -1 ends the list. */
  trackNext: Int32Array
  /** Mean of the last bucket with data, and its start in seconds; 0 before the first. */
  lastValue: Float64Array
  lastBucketS: Uint32Array
  /** Of plain series: metric, attributes, unit; empty for KPIs. */
  metric: string[]
  attributes: string[]
  unit: string[]
  freeTracks: number[]
  processSize: number
  processId: string[]
  processTenant: string[]
  processUnit: Int32Array
  /** `kpiCount` tracks per process; -1 for none. */
  kpiTracks: Int32Array
  /** First track that is no KPI; -1 for none. */
  firstPlain: Int32Array
  /** Bits of `processFlag`. */
  flags: Uint8Array
  freeProcesses: number[]
}

export const processFlag = {
  /** An instance has run for a minute, now or a while ago: not one of the programs that come and go. */
  longRunning: 1,
  /** The process table no longer has an instance of it. */
  gone: 2,
  /** The same instances have been running for minutes: what they do now can be compared with what they did. */
  steady: 4,
  /** Instances change, but one has run for half an hour: comparable when that much has been learnt. */
  settled: 8,
} as const

/** Gives numbers to processes and tracks, and takes them back. A number is given again, the last freed one first. */
export interface TrackTable {
  readonly state: TrackTableState
  readonly tracks: Tracks
  readonly processes: Processes
  /** Tracks and processes that have a number. */
  readonly trackCount: number
  readonly processCount: number
  /** -1 when there is no room. */
  addProcess(id: string, tenant: string, unit: number): number
  /** The track of a KPI, made if there is room; else -1. */
  kpiTrack(process: number, kpi: number): number
  /** A track for a plain series; -1 when there is no room. */
  addPlainTrack(process: number, series: { metric: string; attributes: string; unit: string }): number
  /** All tracks of a process, KPIs first. */
  tracksOf(process: number): number[]
  freeTrack(track: number): void
  /** Its tracks must be free. */
  freeProcess(process: number): void
}

export function createTrackTableState(): TrackTableState {
  return {
    trackSize: 0,
    trackProcess: new Int32Array(INITIAL),
    trackKpi: new Int8Array(INITIAL),
    trackNext: new Int32Array(INITIAL),
    lastValue: new Float64Array(INITIAL),
    lastBucketS: new Uint32Array(INITIAL),
    metric: [],
    attributes: [],
    unit: [],
    freeTracks: [],
    processSize: 0,
    processId: [],
    processTenant: [],
    processUnit: new Int32Array(INITIAL),
    kpiTracks: new Int32Array(INITIAL * kpiCount),
    firstPlain: new Int32Array(INITIAL),
    flags: new Uint8Array(INITIAL),
    freeProcesses: [],
  }
}

/** Works on `state` in place. `tracksMax` bounds tracks, and processes too: each has at least one track. */
export function createTrackTable(state: TrackTableState, tracksMax: number): TrackTable {
  const tracks: Tracks = {
    get size() {
      return state.trackSize
    },
    get process() {
      return state.trackProcess
    },
    get kpi() {
      return state.trackKpi
    },
    metric: (track) => kpis[state.trackKpi[track]!]?.name ?? state.metric[track]!,
    attributes: (track) => state.attributes[track]!,
    unit: (track) => kpis[state.trackKpi[track]!]?.unit ?? state.unit[track]!,
    ofPrograms: (track) => state.processId[state.trackProcess[track]!]!.startsWith('os:'),
  }
  const processes: Processes = {
    get size() {
      return state.processSize
    },
    id: (process) => state.processId[process]!,
    tenant: (process) => state.processTenant[process]!,
    unit: (process) => state.processUnit[process]!,
    track: (process, kpi) => state.kpiTracks[process * kpiCount + kpi]!,
  }
  const addTrack = (process: number, kpi: number): number => {
    const track = takeNumber(state.freeTracks, state.trackSize, tracksMax)
    if (track === -1) return -1
    if (track === state.trackSize) state.trackSize += 1
    if (track >= state.trackProcess.length) growTracks(state)
    state.trackProcess[track] = process
    state.trackKpi[track] = kpi
    state.trackNext[track] = -1
    state.lastValue[track] = Number.NaN
    state.lastBucketS[track] = 0
    state.metric[track] = ''
    state.attributes[track] = ''
    state.unit[track] = ''
    return track
  }
  return {
    state,
    tracks,
    processes,
    get trackCount() {
      return state.trackSize - state.freeTracks.length
    },
    get processCount() {
      return state.processSize - state.freeProcesses.length
    },
    addProcess(id, tenant, unit) {
      const process = takeNumber(state.freeProcesses, state.processSize, tracksMax)
      if (process === -1) return -1
      if (process === state.processSize) state.processSize += 1
      if (process >= state.processUnit.length) growProcesses(state)
      state.processId[process] = id
      state.processTenant[process] = tenant
      state.processUnit[process] = unit
      state.kpiTracks.fill(-1, process * kpiCount, (process + 1) * kpiCount)
      state.firstPlain[process] = -1
      // Only a process table can say that something comes and goes.
      state.flags[process] = processFlag.longRunning | processFlag.steady
      return process
    },
    kpiTrack(process, kpi) {
      const at = process * kpiCount + kpi
      const known = state.kpiTracks[at]!
      if (known !== -1) return known
      const track = addTrack(process, kpi)
      state.kpiTracks[at] = track
      return track
    },
    addPlainTrack(process, series) {
      const track = addTrack(process, -1)
      if (track === -1) return -1
      state.metric[track] = series.metric
      state.attributes[track] = series.attributes
      state.unit[track] = series.unit
      state.trackNext[track] = state.firstPlain[process]!
      state.firstPlain[process] = track
      return track
    },
    tracksOf(process) {
      const all: number[] = []
      for (let kpi = 0; kpi < kpiCount; kpi++) {
        const track = state.kpiTracks[process * kpiCount + kpi]!
        if (track !== -1) all.push(track)
      }
      for (let track = state.firstPlain[process]!; track !== -1; track = state.trackNext[track]!) all.push(track)
      return all
    },
    freeTrack(track) {
      unlink(state, track)
      state.trackProcess[track] = -1
      state.metric[track] = ''
      state.attributes[track] = ''
      state.unit[track] = ''
      state.freeTracks.push(track)
    },
    freeProcess(process) {
      state.processId[process] = ''
      state.processUnit[process] = -1
      state.freeProcesses.push(process)
    },
  }
}

function takeNumber(free: number[], size: number, max: number): number {
  return free.pop() ?? (size < max ? size : -1)
}

function unlink(state: TrackTableState, track: number): void {
  const process = state.trackProcess[track]!
  const kpi = state.trackKpi[track]!
  if (kpi !== -1) {
    state.kpiTracks[process * kpiCount + kpi] = -1
    return
  }
  if (state.firstPlain[process] === track) {
    state.firstPlain[process] = state.trackNext[track]!
    return
  }
  let before = state.firstPlain[process]!
  while (state.trackNext[before] !== track) before = state.trackNext[before]!
  state.trackNext[before] = state.trackNext[track]!
}

/** A longer copy of a typed array. */
export function grown<T extends Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array | Int8Array>(
  from: T,
  length: number,
): T {
  const to = new (from.constructor as new (length: number) => T)(length)
  to.set(from as never)
  return to
}

function growTracks(state: TrackTableState): void {
  const length = state.trackProcess.length * 2
  state.trackProcess = grown(state.trackProcess, length)
  state.trackKpi = grown(state.trackKpi, length)
  state.trackNext = grown(state.trackNext, length)
  state.lastValue = grown(state.lastValue, length)
  state.lastBucketS = grown(state.lastBucketS, length)
}

function growProcesses(state: TrackTableState): void {
  const length = state.processUnit.length * 2
  state.processUnit = grown(state.processUnit, length)
  state.kpiTracks = grown(state.kpiTracks, length * kpiCount)
  state.firstPlain = grown(state.firstPlain, length)
  state.flags = grown(state.flags, length)
}
