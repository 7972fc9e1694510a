import { MetricKind } from '@driftline/proto'
import { grown } from '../detection/track-table.ts'
import type { Bucket } from './state.ts'

/**
 * The series of one host that are tracks of their own, by lane: their place in its buckets. Levels are averaged over a
 * bucket; what is counted becomes a rate per second since the sample before. Plain data: it is stored as it is.
 */
export interface Lanes {
  size: number
  /** Number of the track; -1 for a free lane. */
  track: Int32Array
  slot: Int32Array
  /** MetricKind. */
  kind: Uint8Array
  /** Of the last sample, for what is counted: event time (-Infinity before the first) and value. */
  lastTimeMs: Float64Array
  lastValue: Float64Array
  readonly free: number[]
}

const INITIAL = 4

export function createLanes(): Lanes {
  return {
    size: 0,
    track: new Int32Array(INITIAL),
    slot: new Int32Array(INITIAL),
    kind: new Uint8Array(INITIAL),
    lastTimeMs: new Float64Array(INITIAL),
    lastValue: new Float64Array(INITIAL),
    free: [],
  }
}

export function takeLane(lanes: Lanes, track: number, slot: number, kind: MetricKind): number {
  const lane = lanes.free.pop() ?? lanes.size++
  if (lane >= lanes.track.length) {
    const length = lanes.track.length * 2
    for (const name of ['track', 'slot'] as const) lanes[name] = grown(lanes[name], length)
    lanes.kind = grown(lanes.kind, length)
    for (const name of ['lastTimeMs', 'lastValue'] as const) lanes[name] = grown(lanes[name], length)
  }
  lanes.track[lane] = track
  lanes.slot[lane] = slot
  lanes.kind[lane] = kind
  lanes.lastTimeMs[lane] = Number.NEGATIVE_INFINITY
  lanes.lastValue[lane] = Number.NaN
  return lane
}

/** What the lane has put into open buckets goes with it. */
export function freeLane(lanes: Lanes, buckets: readonly Bucket[], lane: number): void {
  lanes.track[lane] = -1
  lanes.free.push(lane)
  for (const bucket of buckets) {
    if (lane >= bucket.laneSums.length) continue
    bucket.laneSums[lane] = 0
    bucket.laneWeights[lane] = 0
  }
}

/** The samples of a batch; times in milliseconds. */
export interface LaneSamples {
  readonly baseTimeMs: number
  readonly timeOffsetMs: Int32Array
  readonly value: Float64Array
}

/** Adds a row of a batch to an open bucket, which grows when the lane is new since it was opened. */
export function addToLane(lanes: Lanes, bucket: Bucket, lane: number, samples: LaneSamples, row: number): void {
  if (lane >= bucket.laneSums.length) widen(bucket, lanes.size)
  if (lanes.kind[lane] === MetricKind.GAUGE) {
    bucket.laneSums[lane]! += samples.value[row]!
    bucket.laneWeights[lane]! += 1
  } else addCounted(lanes, bucket, lane, samples, row)
}

function addCounted(lanes: Lanes, bucket: Bucket, lane: number, samples: LaneSamples, row: number): void {
  const value = samples.value[row]!
  const timeMs = samples.baseTimeMs + samples.timeOffsetMs[row]!
  const lastTimeMs = lanes.lastTimeMs[lane]!
  const seconds = (timeMs - lastTimeMs) / 1000
  const isFirst = lastTimeMs === Number.NEGATIVE_INFINITY
  if (lanes.kind[lane] === MetricKind.DELTA) {
    // What comes out of order was counted within a time that is already taken into account.
    if (seconds > 0) lanes.lastTimeMs[lane] = timeMs
    if (isFirst) return
    bucket.laneSums[lane]! += value
    if (seconds > 0) bucket.laneWeights[lane]! += seconds
    return
  }
  // A running total that comes out of order is within the one after it.
  if (seconds <= 0) return
  const before = lanes.lastValue[lane]!
  lanes.lastTimeMs[lane] = timeMs
  lanes.lastValue[lane] = value
  if (isFirst) return
  // One that fell began again from zero.
  bucket.laneSums[lane]! += value >= before ? value - before : value
  bucket.laneWeights[lane]! += seconds
}

function widen(bucket: Bucket, lanes: number): void {
  const length = lanes + 16
  bucket.laneSums = grown(bucket.laneSums, length)
  bucket.laneWeights = grown(bucket.laneWeights, length)
}
