import { type BaselineColumns, minutesKept, quartersKept, threeHoursKept } from './columns.ts'
import type { WeightedMedian } from './weighted-median.ts'

const QUARTER = 15
const THREE_HOURS = 180
const DAY = 1440

/**
 * The window as medians of medians: the minutes of this quarter of an hour, the quarters of these three hours, the
 * three hours of this day, and whole days. A median forgets excursions that are shorter than half of its span.
 */
export interface Windows {
  /** Takes a minute's value (a residual) and its distance from the centre; `last` is the minute before it, 0 for none. */
  push(track: number, minute: number, last: number, value: number, distance: number): void
  /** Medians of everything kept. */
  value(track: number): number
  distance(track: number): number
  /** Adds the same to every value. */
  move(track: number, by: number): void
  clear(track: number): void
}

/** One step of folding: `held` of `from` become one element of `to`. */
interface Kept {
  readonly values: Float32Array
  readonly distances: Float32Array
  readonly weights: Uint8Array | Uint16Array | null
  readonly width: number
}

/** `columns` is asked each time, because they are replaced when they grow. */
export function createWindows(
  columns: () => BaselineColumns,
  days: number,
  windowMs: number,
  median: WeightedMedian,
): Windows {
  const windowMinutes = windowMs / 60_000
  const minutes = (c: BaselineColumns): Kept => kept(c.minuteValue, c.minuteDistance, null, minutesKept)
  const quarters = (c: BaselineColumns): Kept => kept(c.quarterValue, c.quarterDistance, c.quarterWeight, quartersKept)
  const threeHours = (c: BaselineColumns): Kept =>
    kept(c.threeHourValue, c.threeHourDistance, c.threeHourWeight, threeHoursKept)
  const wholeDays = (c: BaselineColumns): Kept => kept(c.dayValue, c.dayDistance, c.dayWeight, days)

  function fold(track: number, from: Kept, held: number, to: Kept, at: number): void {
    const first = track * from.width
    const target = track * to.width + at
    to.values[target] = medianOf(median, from.values, from.weights, first, held)
    to.distances[target] = medianOf(median, from.distances, from.weights, first, held)
    let weight = 0
    for (let i = first; i < first + held; i++) weight += from.weights?.[i] ?? 1
    to.weights![target] = weight
  }

  function foldMinutes(track: number): void {
    const c = columns()
    const held = c.held[track * 4]!
    if (held === 0) return
    if (c.held[track * 4 + 1] === quartersKept) foldQuarters(track)
    fold(track, minutes(c), held, quarters(c), c.held[track * 4 + 1]!)
    c.held[track * 4 + 1]! += 1
    c.held[track * 4] = 0
  }

  function foldQuarters(track: number): void {
    const c = columns()
    const held = c.held[track * 4 + 1]!
    if (held === 0) return
    if (c.held[track * 4 + 2] === threeHoursKept) foldThreeHours(track)
    fold(track, quarters(c), held, threeHours(c), c.held[track * 4 + 2]!)
    c.held[track * 4 + 2]! += 1
    c.held[track * 4 + 1] = 0
  }

  function foldThreeHours(track: number): void {
    const c = columns()
    const held = c.held[track * 4 + 2]!
    if (held === 0) return
    fold(track, threeHours(c), held, wholeDays(c), c.dayHead[track]!)
    c.dayHead[track] = (c.dayHead[track]! + 1) % days
    c.held[track * 4 + 3] = Math.min(days, c.held[track * 4 + 3]! + 1)
    c.held[track * 4 + 2] = 0
  }

  /** Newest first, as far as the window goes. */
  function ask(track: number, distances: boolean): number {
    const c = columns()
    let room = windowMinutes
    median.clear()
    const take = (from: Kept, held: number, newest: number): void => {
      const values = distances ? from.distances : from.values
      for (let i = 0; i < held && room > 0; i++) {
        const at = track * from.width + ((newest - i + from.width) % from.width)
        const weight = from.weights?.[at] ?? 1
        median.add(values[at]!, weight)
        room -= weight
      }
    }
    take(minutes(c), c.held[track * 4]!, c.held[track * 4]! - 1)
    take(quarters(c), c.held[track * 4 + 1]!, c.held[track * 4 + 1]! - 1)
    take(threeHours(c), c.held[track * 4 + 2]!, c.held[track * 4 + 2]! - 1)
    take(wholeDays(c), c.held[track * 4 + 3]!, c.dayHead[track]! - 1)
    return median.median()
  }

  return {
    push(track, minute, last, value, distance) {
      const c = columns()
      if (last !== 0) {
        const quarterOver = Math.floor(minute / QUARTER) !== Math.floor(last / QUARTER)
        if (quarterOver || c.held[track * 4] === minutesKept) foldMinutes(track)
        if (Math.floor(minute / THREE_HOURS) !== Math.floor(last / THREE_HOURS)) foldQuarters(track)
        if (Math.floor(minute / DAY) !== Math.floor(last / DAY)) foldThreeHours(track)
      }
      const at = track * minutesKept + c.held[track * 4]!
      c.minuteValue[at] = value
      c.minuteDistance[at] = distance
      c.held[track * 4]! += 1
    },
    value: (track) => ask(track, false),
    distance: (track) => ask(track, true),
    move(track, by) {
      const c = columns()
      for (const { values, width } of [minutes(c), quarters(c), threeHours(c), wholeDays(c)]) {
        for (let at = track * width; at < (track + 1) * width; at++) values[at]! += by
      }
    },
    clear(track) {
      const c = columns()
      c.held.fill(0, track * 4, track * 4 + 4)
      c.dayHead[track] = 0
    },
  }
}

const kept = (
  values: Float32Array,
  distances: Float32Array,
  weights: Uint8Array | Uint16Array | null,
  width: number,
): Kept => ({ values, distances, weights, width })

function medianOf(
  median: WeightedMedian,
  values: Float32Array,
  weights: Uint8Array | Uint16Array | null,
  first: number,
  held: number,
): number {
  median.clear()
  for (let at = first; at < first + held; at++) median.add(values[at]!, weights?.[at] ?? 1)
  return median.median()
}
