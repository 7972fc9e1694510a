import { type BaselineColumns, dayHours, weekHours } from './columns.ts'

const HOUR_MS = 3_600_000
/** The epoch began on a Thursday: Monday 00:00 UTC is hour 0 of the week. */
const EPOCH_HOUR_OF_WEEK = 3 * 24
/** A season shows when the same hour of other days foretells an hour this much better than the day before does. */
const SHOWS_BELOW = 0.6
const HOURS_NEEDED = 48
const ERROR_MEMORY_HOURS = 72
/** An hour of the day is the mean of at least the last four days, an hour of the week of the last two or three weeks. */
const DAY_RATE_MIN = 0.25
const WEEK_RATE = 0.4
const GROW_BY = 64

/** Hour-of-week seasons, of those tracks that show one: 168 numbers each, taken from a pool that grows as needed. */
export interface WeekPool {
  readonly state: { weeks: Float32Array; free: number[]; used: number }
  take(): number
  give(slot: number): void
}

export function createWeekPool(from?: WeekPool['state']): WeekPool {
  const state = from ?? { weeks: new Float32Array(0), free: [], used: 0 }
  return {
    state,
    take() {
      const slot = state.free.pop() ?? state.used++
      if ((slot + 1) * weekHours > state.weeks.length) {
        const weeks = new Float32Array((slot + Math.max(GROW_BY, slot >> 1)) * weekHours)
        weeks.set(state.weeks)
        state.weeks = weeks
      }
      state.weeks.fill(Number.NaN, slot * weekHours, (slot + 1) * weekHours)
      return slot
    },
    give(slot) {
      state.free.push(slot)
    },
  }
}

/** Where a moment lies between the middles of two hours: their numbers, and the weight of the later one. */
export interface SeasonMoment {
  before: number
  after: number
  share: number
}

/** Writes the moment of an event time into `into`. */
export function seasonMoment(timeMs: number, into: SeasonMoment): void {
  const hours = timeMs / HOUR_MS - 0.5
  const whole = Math.floor(hours)
  into.before = (((whole + EPOCH_HOUR_OF_WEEK) % weekHours) + weekHours) % weekHours
  into.after = (into.before + 1) % weekHours
  into.share = hours - whole
}

function hourOf(columns: BaselineColumns, pool: WeekPool, track: number, hourOfWeek: number): number {
  const week = pool.state.weeks[(columns.week[track]! - 1) * weekHours + hourOfWeek]!
  if (!Number.isNaN(week)) return week
  const hour = hourOfWeek % dayHours
  return (columns.hoursKnown[track]! >> hour) & 1 ? columns.dayProfile[track * dayHours + hour]! : columns.flat[track]!
}

/** What the season expects at a moment, as a difference from the origin; 0 without a season. */
export function seasonAt(columns: BaselineColumns, pool: WeekPool, track: number, moment: SeasonMoment): number {
  if (columns.week[track] === 0) return 0
  const before = hourOf(columns, pool, track, moment.before)
  return before + (hourOf(columns, pool, track, moment.after) - before) * moment.share
}

/**
 * Takes a minute into its hour. When an hour is over, the profiles learn it; true when that made a season show, so that
 * from now on what is kept has to be differences from it.
 */
export function learnHour(columns: BaselineColumns, pool: WeekPool, track: number, minute: number, value: number) {
  const hour = Math.floor(minute / 60)
  let shows = false
  if (columns.hourMinutes[track]! > 0 && columns.hourIndex[track] !== hour) {
    shows = endHour(columns, pool, track)
    columns.hourSum[track] = 0
    columns.hourMinutes[track] = 0
  }
  columns.hourIndex[track] = hour
  columns.hourSum[track]! += value
  columns.hourMinutes[track]! += 1
  return shows
}

function endHour(columns: BaselineColumns, pool: WeekPool, track: number): boolean {
  const mean = columns.hourSum[track]! / columns.hourMinutes[track]!
  const seen = columns.hoursSeen[track]!
  const hourOfWeek = (columns.hourIndex[track]! + EPOCH_HOUR_OF_WEEK) % weekHours
  const known = (columns.hoursKnown[track]! >> (hourOfWeek % dayHours)) & 1
  const at = track * dayHours + (hourOfWeek % dayHours)
  const profile = columns.dayProfile[at]!
  if (seen === 0) columns.flat[track] = mean
  if (!known) {
    columns.dayProfile[at] = mean
    columns.hoursKnown[track]! |= 1 << (hourOfWeek % dayHours)
  } else {
    const rate = 1 / Math.min(ERROR_MEMORY_HOURS, Math.max(1, seen - dayHours + 1))
    columns.flatError[track]! += (Math.abs(mean - columns.flat[track]!) - columns.flatError[track]!) * rate
    columns.profileError[track]! += (Math.abs(mean - profile) - columns.profileError[track]!) * rate
    columns.dayProfile[at]! += (mean - profile) * Math.max(DAY_RATE_MIN, 1 / (Math.floor(seen / dayHours) + 1))
  }
  columns.flat[track]! += (mean - columns.flat[track]!) / Math.min(dayHours, seen + 1)
  columns.hoursSeen[track] = Math.min(65_535, seen + 1)
  if (columns.week[track] !== 0) {
    const weekAt = (columns.week[track]! - 1) * weekHours + hourOfWeek
    const usual = pool.state.weeks[weekAt]!
    pool.state.weeks[weekAt] = Number.isNaN(usual) ? mean : usual + (mean - usual) * WEEK_RATE
    return false
  }
  if (seen < HOURS_NEEDED || !showsSeason(columns, track)) return false
  columns.week[track] = pool.take() + 1
  return true
}

/** Swings below the spread of the minutes are not worth a season. */
function showsSeason(columns: BaselineColumns, track: number): boolean {
  const { flatError, profileError, variance } = columns
  if (!(profileError[track]! < flatError[track]! * SHOWS_BELOW)) return false
  return flatError[track]! > 0.25 * Math.sqrt(variance[track]!) || flatError[track]! > 0.25 * columns.spread[track]!
}
