import type { DetectionState } from '../detection/engine-core.ts'
import { columnCount } from './columns.ts'
import { createLanes, type Lanes } from './lanes.ts'
import { createOutages, type Outages } from './outages.ts'
import type { Seats } from './seats.ts'

/** Everything that the analyzer knows of one partition. Plain data and typed arrays: it is stored as it is. */
export interface PartitionState {
  readonly hosts: Map<string, HostState>
  readonly series: SeriesState
  readonly waiting: WaitingSamples
  /** Times that count as nobody's silence. */
  readonly outages: Outages
  /** As of the checkpoint that it was restored from; the engine goes on with it. Null before the first. */
  readonly detection: DetectionState | null
}

/** What series ids mean, as parallel arrays; `size` elements of each are in use. The look-up is rebuilt from it. */
export interface SeriesState {
  size: number
  low: Uint32Array
  high: Uint32Array
  /** A column of buckets, `ownTrack` or `passedOver`. */
  column: Int8Array
  /** Slot of the process in its host, or lane of a series that is a track of its own; -1 while it has none. */
  slot: Int32Array
  /** Routing key of the host, and process id, as indexes into `names`; -1 for series that are passed over. */
  host: Int32Array
  process: Int32Array
  /** Likewise what names a track of its own, and its MetricKind; -1 and 0 for all others. */
  metric: Int32Array
  attributes: Int32Array
  unit: Int32Array
  kind: Uint8Array
  /** When a series was last defined or had a sample: seconds of `nowS`; 0 before there was a time. */
  usedAtS: Uint32Array
  /** The latest time at which the bus stored an input, seconds since the epoch. */
  nowS: number
  names: string[]
}

/** Samples whose series is not yet defined: definitions come on another topic and may come a moment later. */
export interface WaitingSamples {
  readonly samples: WaitingSample[]
}

export interface WaitingSample {
  readonly low: number
  readonly high: number
  readonly timeMs: number
  readonly value: number
}

/**
 * One host and its groups: slot 0 is the host itself, the others are groups. A device, a service, or whatever else has
 * a routing key of its own, is kept as a host without groups. Times are event time.
 */
export interface HostState {
  /** Routing key, such as `default/host:web-1`. */
  readonly key: string
  readonly tenant: string
  /** Process id per slot; empty for a free slot. */
  readonly processes: string[]
  readonly slotOf: Map<string, number>
  /** Number among the units of detection, and per slot among its processes; -1 while it has none. */
  readonly unit: number
  readonly processNumber: number[]
  /** Series that are tracks of their own. */
  readonly lanes: Lanes
  readonly samples: Feed
  readonly snapshots: Feed
  /** Buckets that start before this are closed. */
  closedThroughMs: number
  /** In the order of their starts. */
  readonly buckets: Bucket[]
  facts: HostFacts
  readonly table: TableState
  /** Last bucket in which a device, a log or a service counted events, start in ms; -Infinity before the first. */
  eventsMs: number
  /** Last bucket in which a slot had data, start in ms; decides which slot is given away when all are taken. */
  readonly slotSeenMs: number[]
}

/** How far one topic has come for one host. */
export interface Feed {
  /** Highest event time; -Infinity before the first record. */
  timeMs: number
  /** When the bus stored the last record. */
  storedAtMs: number
}

/** What is known of a host; NaN where it is not. */
export interface HostFacts {
  readonly logicalCpus: number
  readonly memoryBytes: number
  readonly bootTimeMs: number
}

export interface Instance {
  readonly startTimeMs: number
  /** -1 when it belongs to no group. */
  readonly slot: number
  /** Who started it, as far as it was seen, and the seat that it has there. */
  readonly parentPid: number
  readonly seat: string
  readonly isContained: boolean
}

/** The process table of a host, as far as KPIs need it. */
export interface TableState {
  readonly instances: Map<number, Instance>
  /** Time of the last frame; -Infinity before the first. */
  frameTimeMs: number
  /** Places of programs that ran for long and ended, and may yet come back or have. */
  readonly seats: Seats
  /** Ends of instances within about ten minutes before a moment, by slot. */
  readonly turnover: Map<number, Turnover>
  /** Until when a group counts as one that runs for long, by slot. */
  readonly longRunningUntilMs: Map<number, number>
  /** Instances, and start of the oldest, per slot after the last frame. */
  alive: AliveGroups
}

export interface Turnover {
  ends: number
  atMs: number
}

/** Replaced, never changed: buckets keep the one of their last frame. */
export type AliveGroups = ReadonlyMap<number, { readonly count: number; readonly oldestStartMs: number }>

/** What happened in one second of event time, per slot. */
export interface Bucket {
  readonly startMs: number
  /** `columnCount` numbers per slot. */
  sums: Float64Array
  counts: Uint32Array
  /** Per lane: sum, and what to divide it by; 0 without data. */
  laneSums: Float64Array
  laneWeights: Float64Array
  /** The groups alive at the last frame of the bucket; null without a frame. */
  alive: AliveGroups | null
  readonly starts: Map<number, number>
  readonly lifetimes: Map<number, number[]>
  readonly expectedEnds: Map<number, number>
  readonly unexpectedEnds: Map<number, number>
  /** Starts that followed an end in the same seat. */
  readonly restarts: Map<number, number>
  /** Groups of which an instance in a container ended. */
  readonly containedEnds: Set<number>
}

const INITIAL_SERIES = 256

export function createPartitionState(): PartitionState {
  return {
    hosts: new Map(),
    series: {
      size: 0,
      low: new Uint32Array(INITIAL_SERIES),
      high: new Uint32Array(INITIAL_SERIES),
      column: new Int8Array(INITIAL_SERIES),
      slot: new Int32Array(INITIAL_SERIES),
      host: new Int32Array(INITIAL_SERIES),
      process: new Int32Array(INITIAL_SERIES),
      metric: new Int32Array(INITIAL_SERIES),
      attributes: new Int32Array(INITIAL_SERIES),
      unit: new Int32Array(INITIAL_SERIES),
      kind: new Uint8Array(INITIAL_SERIES),
      usedAtS: new Uint32Array(INITIAL_SERIES),
      nowS: 0,
      names: [],
    },
    waiting: { samples: [] },
    outages: createOutages(),
    detection: null,
  }
}

/** `process` is the id of the host itself: it takes slot 0. */
export function createHostState(key: string, tenant: string, process: string, unit: number): HostState {
  return {
    key,
    tenant,
    processes: [process],
    slotOf: new Map([[process, 0]]),
    unit,
    processNumber: [-1],
    lanes: createLanes(),
    samples: { timeMs: Number.NEGATIVE_INFINITY, storedAtMs: Number.NEGATIVE_INFINITY },
    snapshots: { timeMs: Number.NEGATIVE_INFINITY, storedAtMs: Number.NEGATIVE_INFINITY },
    closedThroughMs: Number.NEGATIVE_INFINITY,
    eventsMs: Number.NEGATIVE_INFINITY,
    buckets: [],
    facts: { logicalCpus: Number.NaN, memoryBytes: Number.NaN, bootTimeMs: Number.NaN },
    table: {
      instances: new Map(),
      frameTimeMs: Number.NEGATIVE_INFINITY,
      seats: new Map(),
      turnover: new Map(),
      longRunningUntilMs: new Map(),
      alive: new Map(),
    },
    slotSeenMs: [Number.NEGATIVE_INFINITY],
  }
}

export function createBucket(startMs: number, slots: number, lanes: number): Bucket {
  return {
    startMs,
    sums: new Float64Array(slots * columnCount),
    counts: new Uint32Array(slots * columnCount),
    laneSums: new Float64Array(lanes),
    laneWeights: new Float64Array(lanes),
    alive: null,
    starts: new Map(),
    lifetimes: new Map(),
    expectedEnds: new Map(),
    unexpectedEnds: new Map(),
    restarts: new Map(),
    containedEnds: new Set(),
  }
}

/** Adds a row's value to a column; the bucket grows when the slot is new since it was opened. */
export function addToBucket(
  bucket: Bucket,
  slot: number,
  columnIndex: number,
  value: Float64Array,
  row: number,
  slots: number,
): void {
  const at = slot * columnCount + columnIndex
  if (at >= bucket.sums.length) widen(bucket, slots)
  bucket.sums[at]! += value[row]!
  bucket.counts[at]! += 1
}

function widen(bucket: Bucket, slots: number): void {
  // Room beyond what is needed now, so that a host whose groups arrive one by one does not copy for each.
  const length = (slots + 16) * columnCount
  const sums = new Float64Array(length)
  const counts = new Uint32Array(length)
  sums.set(bucket.sums)
  counts.set(bucket.counts)
  bucket.sums = sums
  bucket.counts = counts
}

export function bump(counts: Map<number, number>, slot: number, by: number): void {
  if (by > 0) counts.set(slot, (counts.get(slot) ?? 0) + by)
}
