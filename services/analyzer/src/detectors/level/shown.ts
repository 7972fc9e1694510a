import { type ColumnsOf, createColumnSet } from '../column-set.ts'

/** Values that the level is the median of: of what is measured every three seconds or more often, and of the rest. */
const recentKept = 5
const recentSlow = 3
const SLOW_GAP_S = 3
/** After so many intervals of silence, but a minute, values from before it no longer count. */
const SILENT_GAPS = 5
const SILENT_S = 60
const STEP_MEMORY = 250
/** From so many values on a step counts for so many times the mean step at most. */
const STEPS_TRUSTED = 20
const STEP_GROWTH = 5
const VALUE_STEP_MAX = 1e37
const VALUES_COUNTED = 255

interface Scale {
  readonly lengthS: number
  readonly kept: number
  readonly first: number
}

/** The range of the last hour in tens of minutes, that of the last day in threes of hours. */
const short: Scale = { lengthS: 600, kept: 6, first: 0 }
const long: Scale = { lengthS: 10_800, kept: 8, first: 6 }
const scales = [short, long] as const
const blocksKept = 14
const episodesKept = 4
const EPISODE_MEMORY_S = 86_400
/** What begins sooner after the end of an episode is the same one. */
const EPISODE_APART_S = 60
const EPISODE_APART_GAPS = 3

/** What is kept per track: the type and how many elements. */
const layout = {
  // 1 for a track that is watched, 3 for one of a flow, 2 for one that is not, 0 before that was asked.
  watched: [Uint8Array, 1],
  lastS: [Uint32Array, 1],
  gapS: [Uint16Array, 1],
  head: [Uint8Array, 1],
  held: [Uint8Array, 1],
  values: [Uint8Array, 1],
  // Mean step from one value to the next.
  step: [Float32Array, 1],
  recent: [Float32Array, recentKept],
  // The run of levels beyond the limit: its side (+1, -1, 0), its first and last second and its farthest level.
  side: [Int8Array, 1],
  runStartS: [Uint32Array, 1],
  runLastS: [Uint32Array, 1],
  peak: [Float32Array, 1],
  // Number of each block since the epoch, 0 for none, and the range of levels in it; the range of all.
  block: [Uint32Array, blocksKept],
  blockLow: [Float32Array, blocksKept],
  blockHigh: [Float32Array, blocksKept],
  low: [Float32Array, 1],
  high: [Float32Array, 1],
  // Excursions of the past: when they ended and their farthest level.
  episodeHead: [Uint8Array, 1],
  episodeS: [Uint32Array, episodesKept],
  episodePeak: [Float32Array, episodesKept],
} as const

export type ShownColumns = ColumnsOf<typeof layout>

export const {
  bytesPerTrack: shownBytesPerTrack,
  create: createShownColumns,
  sizeOf: shownSize,
  clear: clearShown,
} = createColumnSet(layout)

/** Takes the mean of a bucket. */
export function takeValue(c: ShownColumns, track: number, bucketS: number, value: number): void {
  const first = track * recentKept
  const last = c.lastS[track]!
  if (last !== 0) {
    const gap = Math.min(65_535, bucketS - last)
    if (gap > Math.max(SILENT_S, SILENT_GAPS * c.gapS[track]!)) c.held[track] = 0
    c.gapS[track] = gap
    const before = c.recent[first + ((c.head[track]! + recentKept - 1) % recentKept)]!
    const memory = Math.min(STEP_MEMORY, c.values[track]!)
    // What is out of the ordinary does not teach how noisy the ordinary is, and a spike by little.
    const most = c.values[track]! < STEPS_TRUSTED ? VALUE_STEP_MAX : STEP_GROWTH * c.step[track]!
    const step = Math.min(Math.abs(value - before), most > 0 ? most : VALUE_STEP_MAX)
    if (c.side[track] === 0) c.step[track]! += (step - c.step[track]!) / memory
  }
  c.lastS[track] = bucketS
  c.recent[first + c.head[track]!] = value
  c.head[track] = (c.head[track]! + 1) % recentKept
  if (c.held[track]! < recentKept) c.held[track]! += 1
  if (c.values[track]! < VALUES_COUNTED) c.values[track]! += 1
}

export const isSlow = (c: ShownColumns, track: number): boolean => c.gapS[track]! > SLOW_GAP_S

const sorted = new Float64Array(recentKept)

/** The median of the last values; NaN while there are too few of them. */
export function levelOf(c: ShownColumns, track: number): number {
  const count = isSlow(c, track) ? recentSlow : recentKept
  if (c.held[track]! < count) return Number.NaN
  const first = track * recentKept
  let from = c.head[track]!
  for (let i = 0; i < count; i++) {
    from = from === 0 ? recentKept - 1 : from - 1
    const value = c.recent[first + from]!
    let at = i
    while (at > 0 && sorted[at - 1]! > value) {
      sorted[at] = sorted[at - 1]!
      at -= 1
    }
    sorted[at] = value
  }
  return sorted[count >> 1]!
}

/** Notes a level that is normal: it, and what is between it and the range so far, is from now on. */
export function noteLevel(c: ShownColumns, track: number, timeS: number, level: number): void {
  const isNewShort = noteInBlock(c, track, short, timeS, level)
  const isNewLong = noteInBlock(c, track, long, timeS, level)
  if (isNewShort || isNewLong) refreshRange(c, track, timeS)
  else if (level < c.low[track]!) c.low[track] = level
  else if (level > c.high[track]!) c.high[track] = level
}

/** Whether a block was begun. */
function noteInBlock(c: ShownColumns, track: number, scale: Scale, timeS: number, level: number): boolean {
  const number = Math.floor(timeS / scale.lengthS)
  const at = track * blocksKept + scale.first + (number % scale.kept)
  if (c.block[at] !== number) {
    c.block[at] = number
    c.blockLow[at] = level
    c.blockHigh[at] = level
    return true
  }
  if (level < c.blockLow[at]!) c.blockLow[at] = level
  else if (level > c.blockHigh[at]!) c.blockHigh[at] = level
  return false
}

function refreshRange(c: ShownColumns, track: number, timeS: number): void {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const { lengthS, kept, first } of scales) {
    const oldest = Math.floor(timeS / lengthS) - kept
    for (let at = track * blocksKept + first; at < track * blocksKept + first + kept; at++) {
      if (c.block[at] === 0 || c.block[at]! <= oldest) continue
      low = Math.min(low, c.blockLow[at]!)
      high = Math.max(high, c.blockHigh[at]!)
    }
  }
  c.low[track] = low
  c.high[track] = high
}

/** Ends the run of levels beyond the limit, and remembers it. */
export function endRun(c: ShownColumns, track: number): void {
  const current = track * episodesKept + c.episodeHead[track]!
  const side = c.side[track]!
  c.side[track] = 0
  const apartS = Math.max(EPISODE_APART_S, EPISODE_APART_GAPS * c.gapS[track]!)
  if (c.episodeS[current] !== 0 && c.runStartS[track]! - c.episodeS[current]! < apartS) {
    c.episodeS[current] = c.runLastS[track]!
    if ((c.peak[track]! - c.episodePeak[current]!) * side > 0) c.episodePeak[current] = c.peak[track]!
    return
  }
  c.episodeHead[track] = (c.episodeHead[track]! + 1) % episodesKept
  const at = track * episodesKept + c.episodeHead[track]!
  c.episodeS[at] = c.runLastS[track]!
  c.episodePeak[at] = c.peak[track]!
}

/** How many excursions of the last day went as far as `from` on this side. */
export function episodesBeyond(c: ShownColumns, track: number, side: number, from: number): number {
  let count = 0
  for (let at = track * episodesKept; at < (track + 1) * episodesKept; at++) {
    if (c.episodeS[at] === 0 || c.lastS[track]! - c.episodeS[at]! > EPISODE_MEMORY_S) continue
    if ((c.episodePeak[at]! - from) * side >= 0) count += 1
  }
  return count
}
