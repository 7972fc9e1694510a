import { MINUTE_MS } from './drift-state.ts'

const HOURS = 24
const STRIP_MINUTES = HOURS * 60
export const BUCKET_MINUTES = 5
const LEVEL_MAX = 3

/** Level of a deviation: 0 up to 2 robust standard deviations, then one more per doubling, at most 3. */
export function driftLevel(deviation: number): number {
  const level = Math.log2(Math.abs(deviation) / 2)
  return level > 0 ? Math.min(level, LEVEL_MAX) : 0
}

export interface StripPoint {
  readonly time: string
  readonly up: number
  readonly down: number
}

/** Sums of levels over all processes, per minute. */
export interface MinuteSums {
  up(minute: number): number
  down(minute: number): number
  /** Whether anything was known of the estate in that minute. */
  known(minute: number): boolean
}

/** The drift of a whole estate over 24 h: kept up with each point, so that nobody sums a day up again. */
export interface DriftStrip extends MinuteSums {
  /** A process's point of a minute changed; NaN is none. */
  note(minute: number, before: number, after: number): void
  /** Replaces a minute that is older than what points come for. */
  set(minute: number, up: number, down: number): void
  /** The first minute that is held, given the newest. */
  reachesBackTo(nowMinute: number): number
}

export function createDriftStrip(): DriftStrip {
  const up = new Float64Array(STRIP_MINUTES)
  const down = new Float64Array(STRIP_MINUTES)
  /** Which minute a slot holds; a slot of another minute is empty. */
  const minutes = new Float64Array(STRIP_MINUTES)

  const slotFor = (minute: number): number => {
    const slot = minute % STRIP_MINUTES
    if (minutes[slot]! < minute) {
      minutes[slot] = minute
      up[slot] = 0
      down[slot] = 0
    }
    return minutes[slot] === minute ? slot : -1
  }

  const add = (slot: number, deviation: number, sign: 1 | -1): void => {
    if (!Number.isFinite(deviation)) return
    const side = deviation > 0 ? up : down
    side[slot] = side[slot]! + sign * driftLevel(deviation)
  }

  const read = (side: Float64Array, minute: number): number => {
    const slot = minute % STRIP_MINUTES
    // Sums of differences end a hair beside zero.
    return minutes[slot] === minute ? Math.max(0, side[slot]!) : 0
  }

  return {
    note(minute, before, after) {
      const slot = slotFor(minute)
      if (slot < 0) return
      add(slot, before, -1)
      add(slot, after, 1)
    },
    set(minute, upSum, downSum) {
      const slot = slotFor(minute)
      if (slot < 0) return
      up[slot] = upSum
      down[slot] = downSum
    },
    up: (minute) => read(up, minute),
    down: (minute) => read(down, minute),
    known: (minute) => minutes[minute % STRIP_MINUTES] === minute,
    reachesBackTo: (nowMinute) => nowMinute - STRIP_MINUTES + 1,
  }
}

const tidy = (value: number): number => Math.round(value * 1000) / 1000

/**
 * The strip up to a moment in buckets of five minutes, oldest first: the mean of the minutes that a bucket knows. Empty
 * when no minute of the day is known.
 */
export function stripPoints(sums: MinuteSums, atMs: number): StripPoint[] {
  const lastBucket = Math.floor(atMs / MINUTE_MS / BUCKET_MINUTES)
  const points: StripPoint[] = []
  let anyKnown = false
  for (let bucket = lastBucket - STRIP_MINUTES / BUCKET_MINUTES + 1; bucket <= lastBucket; bucket++) {
    const minutes = Array.from({ length: BUCKET_MINUTES }, (_, index) => bucket * BUCKET_MINUTES + index)
    const known = minutes.filter((minute) => sums.known(minute))
    anyKnown ||= known.length > 0
    const mean = (side: (minute: number) => number): number =>
      known.length === 0 ? 0 : tidy(known.reduce((sum, minute) => sum + side(minute), 0) / known.length)
    const time = new Date(bucket * BUCKET_MINUTES * MINUTE_MS).toISOString()
    points.push({ time, up: mean(sums.up), down: mean(sums.down) })
  }
  return anyKnown ? points : []
}
