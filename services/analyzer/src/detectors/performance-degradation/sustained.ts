import { type ColumnsOf, createColumnSet } from '../column-set.ts'

/** Seconds that the recent level is the median of. */
const recentKept = 7
export const runKept = 10
const momentsKept = 12
const halfHoursKept = 8
const daysKept = 7

const STEP_MEMORY = 250
const SLOW_MEMORY_S = 900
const SECONDS = { moment: 180, halfHour: 1800, day: 86_400 } as const
/** In how many of the kept blocks a height must have been reached to be one of the process's own. */
/** Heights of its own that a process may pass by this much. */
const MARGIN = 1.5
const HABIT = { moments: 5, halfHours: 3, days: 4 } as const

/** What is kept per track: the type and how many elements. Two sides: above the centre, and below. */
const layout = {
  lastS: [Uint32Array, 1],
  gapS: [Uint16Array, 1],
  head: [Uint8Array, 1],
  held: [Uint8Array, 1],
  // Counts to 255 and stays there.
  values: [Uint8Array, 1],
  // Mean step from one value to the next, and the level of the last quarter of an hour.
  step: [Float32Array, 1],
  slow: [Float32Array, 1],
  recent: [Float32Array, recentKept],
  // Buckets beyond the limit in a row, and as bits which of the last ten were not; side is +1, -1 or 0.
  run: [Uint8Array, 1],
  misses: [Uint16Array, 1],
  side: [Int8Array, 1],
  // Greatest distance of the level from the centre, in parts of the centre, of the open block and of closed ones, above and below.
  open: [Float32Array, 2],
  blocks: [Uint8Array, 3],
  moments: [Float32Array, 2 * momentsKept],
  halfHours: [Float32Array, 2 * halfHoursKept],
  days: [Float32Array, 2 * daysKept],
  // Heights that are the process's own, from the blocks; kept so that a bucket costs no sorting.
  habit: [Float32Array, 2],
} as const

export type SustainedColumns = ColumnsOf<typeof layout>

export const {
  bytesPerTrack: sustainedBytesPerTrack,
  create: createSustainedColumns,
  sizeOf: sustainedSize,
  clear: clearSustained,
} = createColumnSet(layout)

const sorted = new Float64Array(32)

/** Sorts up to 32 numbers from `from` on into the scratch. */
function sort(values: Float32Array, from: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const value = values[from + i]!
    let at = i
    while (at > 0 && sorted[at - 1]! > value) {
      sorted[at] = sorted[at - 1]!
      at -= 1
    }
    sorted[at] = value
  }
}

/** Takes the mean of a bucket. Values older than the recent ones span, or but one, no longer count. */
export function takeValue(c: SustainedColumns, track: number, bucketS: number, value: number): void {
  const last = c.lastS[track]!
  const gap = last === 0 ? 1 : Math.max(1, Math.min(65_535, bucketS - last))
  c.gapS[track] = gap
  c.lastS[track] = bucketS
  const before = gap === 1 ? recentKept - 1 : Math.max(1, Math.floor(recentKept / gap) - 1)
  c.held[track] = Math.min(c.held[track]!, before)
  noteStep(c, track, gap, value)
  c.held[track]! += 1
  c.recent[track * recentKept + c.head[track]!] = value
  c.head[track] = (c.head[track]! + 1) % recentKept
  if (c.values[track]! < 255) c.values[track]! += 1
}

function noteStep(c: SustainedColumns, track: number, gap: number, value: number): void {
  if (c.values[track] === 0) {
    c.slow[track] = value
    return
  }
  const before = c.recent[track * recentKept + ((c.head[track]! - 1 + recentKept) % recentKept)]!
  c.step[track]! += (Math.abs(value - before) - c.step[track]!) / Math.min(STEP_MEMORY, c.values[track]! + 1)
  // An excursion that is being reported moves the slow level, too, but ten times slower.
  const memory = c.side[track] === 0 ? SLOW_MEMORY_S : SLOW_MEMORY_S * 10
  c.slow[track]! += (value - c.slow[track]!) * Math.min(1, gap / Math.min(memory, 30 * c.values[track]!))
}

/** Median of the last values; the last value itself of what is measured less often than every three seconds. */
export function recentLevel(c: SustainedColumns, track: number): number {
  if (c.gapS[track]! > 3) return c.recent[track * recentKept + ((c.head[track]! - 1 + recentKept) % recentKept)]!
  const held = c.held[track]!
  sortRecent(c, track, held)
  return sorted[held >> 1]!
}

const scratch = new Float32Array(recentKept)

function sortRecent(c: SustainedColumns, track: number, held: number): void {
  const first = track * recentKept
  for (let i = 0; i < held; i++) {
    scratch[i] = c.recent[first + ((c.head[track]! - 1 - i + 2 * recentKept) % recentKept)]!
  }
  sort(scratch, 0, held)
}

/** Remembers how far from the centre the process has held itself; `line` is twice the track, plus 1 for below. */
export function noteDistance(c: SustainedColumns, line: number, distance: number): void {
  if (distance > c.open[line]!) c.open[line] = distance
}

/** Closes the block of three minutes when `bucketS` is in a later one than the last value. `days` is how long is known. */
export function closeBlocks(c: SustainedColumns, track: number, lastS: number, bucketS: number, days: number): void {
  if (lastS === 0 || Math.floor(lastS / SECONDS.moment) === Math.floor(bucketS / SECONDS.moment)) return
  const halfHourOver = Math.floor(lastS / SECONDS.halfHour) !== Math.floor(bucketS / SECONDS.halfHour)
  const dayOver = Math.floor(lastS / SECONDS.day) !== Math.floor(bucketS / SECONDS.day)
  const moment = c.blocks[track * 3]! % momentsKept
  const halfHour = c.blocks[track * 3 + 1]! % halfHoursKept
  const day = c.blocks[track * 3 + 2]! % daysKept
  for (let side = 0; side < 2; side++) {
    const open = c.open[track * 2 + side]!
    c.open[track * 2 + side] = 0
    c.moments[(track * 2 + side) * momentsKept + moment] = open
    raise(c.halfHours, (track * 2 + side) * halfHoursKept + halfHour, open)
    raise(c.days, (track * 2 + side) * daysKept + day, open)
  }
  c.blocks[track * 3] = moment + 1
  if (halfHourOver) next(c, track, 1, c.halfHours, halfHoursKept)
  if (dayOver) next(c, track, 2, c.days, daysKept)
  for (let side = 0; side < 2; side++) c.habit[track * 2 + side] = habitOf(c, track * 2 + side, days)
}

function raise(values: Float32Array, at: number, value: number): void {
  if (value > values[at]!) values[at] = value
}

/** Goes on to the next block of a scale, whose place is emptied. */
function next(c: SustainedColumns, track: number, scale: number, values: Float32Array, kept: number): void {
  const at = (c.blocks[track * 3 + scale]! + 1) % kept
  c.blocks[track * 3 + scale] = at
  values[track * 2 * kept + at] = 0
  values[(track * 2 + 1) * kept + at] = 0
}

/** The height that was reached in 5 of the last 12 times three minutes, 3 of 8 half hours, or 4 of 7 days (each, of less). */
function habitOf(c: SustainedColumns, line: number, days: number): number {
  sort(c.moments, line * momentsKept, momentsKept)
  const ofMoments = MARGIN * sorted[momentsKept - HABIT.moments]!
  sort(c.halfHours, line * halfHoursKept, halfHoursKept)
  const ofHalfHours = MARGIN * sorted[halfHoursKept - HABIT.halfHours]!
  sort(c.days, line * daysKept, daysKept)
  const ofDays = MARGIN * sorted[daysKept - Math.min(HABIT.days, Math.max(2, Math.ceil(days)))]!
  return Math.max(ofMoments, ofHalfHours, ofDays)
}
