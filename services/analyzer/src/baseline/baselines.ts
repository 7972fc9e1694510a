import type { LearningBaselines } from '../detection/baselines.ts'
import type { ClosedMinute, DetectionConfig, Tracks } from '../detection/detector.ts'
import {
  type BaselineColumns,
  clearTrack,
  copyColumns,
  createBaselineColumns,
  daysOf,
  episodesKept,
  minutesKept,
  quartersKept,
  storedColumns,
  suspenseKept,
  threeHoursKept,
} from './columns.ts'
import { centreShare, resolutionOf, resolutionOfUnit } from './resolutions.ts'
import { createWeekPool, learnHour, type SeasonMoment, seasonAt, seasonMoment } from './season.ts'
import { createWeightedMedian } from './weighted-median.ts'
import { createWindows } from './windows.ts'

const STATE_VERSION = 2
const MINUTE_MS = 60_000
const INITIAL_TRACKS = 256
/** Minutes before anything is said. */
const LEARNT_MINUTES = 3
/** A minute this many spreads, and this share, from the centre waits before it teaches; more while little is known. */
const FAR_SPREADS = 4
const FAR_SHARE = 0.2
/** Three minutes that happen to be alike must not keep out all that follow: their limit is several times wider. */
const FAR_YOUTH = 10
/** A level has lasted when minutes were far for half as long as there is history, within these bounds. */
const SHIFT_MINUTES_MIN = 30
const SHIFT_MINUTES_MAX = 120
/** A gap counts as so many minutes of an excursion at most. */
const GAP_MINUTES_MAX = 15
/** Excursions of at least 0.8 of this one's height that make it a habit, which is learnt at once. */
const HABIT_EPISODES = 5
const HABIT_HEIGHT = 0.8
const EPISODE_APART_MINUTES = 15
/** Residuals are single precision: this keeps their differences finite. */
const VALUE_MAX = 1e37
const DISTANCE_MAX = 1e6
const MAD_TO_SIGMA = 1.4826
/**
 * Each excursion widens what is taken for the process's own reach by this much, and calm minutes narrow it again: bursts
 * that come several times a day are no drift, the first ones are.
 */
const REACH_GROWTH = 1.5
const REACH_MEMORY = 0.999
/** Of what an excursion has shown, its reach is no more than makes it just normal. */
const REACH_MARGIN = 1.1
/** Share of the root mean square that the spread is at least, so that a tenth of busy minutes stay within 4. */
const RMS_SHARE = 0.8
const SPREAD_MIN = 1e-300
/** Residuals of a season are scaled by how high it is, within these bounds. */
const SCALE_MIN = 0.2
const SCALE_MAX = 5
const VARIANCE_MEMORY_MINUTES = 1440
/** While an hour is not yet known, the centre is worked out every minute, later every quarter of an hour. */
const EAGER_MINUTES = 60

/** What baselines know beyond the contract of detectors. */
export interface LearntBaselines extends LearningBaselines {
  /** (value - centre) / spread, between -1e6 and 1e6; NaN while nothing is known. */
  deviation(track: number, value: number): number
  /** Event time at which a lasting level was last taken for the new normal; NaN for never. */
  shiftedAtMs(track: number): number
  /** Whether `centre` follows the hours of the week. */
  hasSeason(track: number): boolean
}

/** 1 for a known track, more for a young one: a few minutes tell little of what the next ones may be like. */
export const youth = (minutes: number): number => (minutes >= 120 ? 1 : 1 + 3 / (2 + minutes))

export function createBaselines(config: Pick<DetectionConfig, 'baselineWindowMs' | 'tracksMax'>): LearntBaselines {
  const days = daysOf(config.baselineWindowMs)
  const moment: SeasonMoment = { before: 0, after: 1, share: 0 }
  const median = createWeightedMedian(minutesKept + quartersKept + threeHoursKept + days)
  let c: BaselineColumns = createBaselineColumns(Math.min(INITIAL_TRACKS, config.tracksMax), days)
  let pool = createWeekPool()
  const windows = createWindows(() => c, days, config.baselineWindowMs, median)

  const room = (track: number): void => {
    const tracks = c.origin.length
    if (track < tracks) return
    c = createBaselineColumns(Math.max(track + 1, tracks + (tracks >> 1)), days, c)
  }
  const known = (track: number): boolean => track < c.origin.length && c.minutes[track]! > 0

  /** What swings with the season swings by more where it is higher: residuals are kept in units of this. */
  function scaleOf(track: number, season: number): number {
    if (c.week[track] === 0) return 1
    const ratio = (c.origin[track]! + season) / (c.origin[track]! + c.flat[track]!)
    return ratio > 0 ? Math.max(SCALE_MIN, Math.min(SCALE_MAX, ratio)) : 1
  }

  function centreOf(track: number): number {
    const season = seasonAt(c, pool, track, moment)
    return c.origin[track]! + season + c.middle[track]! * scaleOf(track, season)
  }

  function spreadOf(track: number): number {
    const known = Math.max(c.spread[track]!, c.reach[track]!)
    const robust = known * scaleOf(track, seasonAt(c, pool, track, moment))
    const share = centreShare(c.minutes[track]!, c.kpi[track]! - 1, c.ofPrograms[track] === 1)
    return Math.max(robust, Math.abs(centreOf(track)) * share, c.resolution[track]!, SPREAD_MIN)
  }

  /** Works middle and spread of the residuals out anew from what is kept. */
  function refresh(track: number): void {
    c.middle[track] = windows.value(track)
    c.spread[track] = Math.max(MAD_TO_SIGMA * windows.distance(track), RMS_SHARE * Math.sqrt(c.variance[track]!))
  }

  function learnDistance(track: number, distance: number): void {
    const rate = 1 / Math.min(VARIANCE_MEMORY_MINUTES, c.minutes[track]! + 1)
    c.variance[track]! += (distance * distance - c.variance[track]!) * rate
  }

  function learnResidual(track: number, minute: number, residual: number): void {
    const distance = c.minutes[track] === 0 ? 0 : Math.abs(residual - c.middle[track]!)
    const heldBefore = c.held[track * 4]!
    windows.push(track, minute, c.lastMinute[track]!, residual, distance)
    learnDistance(track, distance)
    c.minutes[track]! += 1
    if (c.minutes[track]! <= EAGER_MINUTES || c.held[track * 4]! <= heldBefore) {
      if (c.minutes[track]! <= minutesKept) remeasureYoung(track)
      refresh(track)
    }
  }

  /** The first distances were taken from a centre that was hardly known. */
  function remeasureYoung(track: number): void {
    const held = c.held[track * 4]!
    const first = track * minutesKept
    const middle = windows.value(track)
    let squares = 0
    for (let at = first; at < first + held; at++) {
      const distance = Math.abs(c.minuteValue[at]! - middle)
      c.minuteDistance[at] = distance
      squares += distance * distance
    }
    if (held > 0) c.variance[track] = squares / held
  }

  /** Whether an excursion like this one has been seen so often that it belongs to the process. */
  function noteEpisode(track: number, minute: number, residual: number): boolean {
    const first = track * episodesKept
    const distance = residual - c.middle[track]!
    const current = first + c.episodeHead[track]!
    let alike = 0
    const oldest = minute - config.baselineWindowMs / MINUTE_MS
    for (let at = first; at < first + episodesKept; at++) {
      const peak = c.episodePeak[at]!
      if (at === current || c.episodeMinute[at]! < oldest || c.episodeMinute[at] === 0) continue
      if (peak * distance > 0 && Math.abs(peak) >= HABIT_HEIGHT * Math.abs(distance)) alike += 1
    }
    const sinceMinutes = minute - c.episodeMinute[current]!
    if (c.suspenseMinutes[track] === 0 && sinceMinutes >= EPISODE_APART_MINUTES) {
      c.episodeHead[track] = (c.episodeHead[track]! + 1) % episodesKept
      c.episodePeak[first + c.episodeHead[track]!] = distance
      c.episodeMinute[first + c.episodeHead[track]!] = minute
    } else if (Math.abs(distance) > Math.abs(c.episodePeak[current]!)) c.episodePeak[current] = distance
    return alike >= HABIT_EPISODES
  }

  /** A minute far off waits; when such minutes have lasted, their level is the new normal. */
  function suspend(track: number, minute: number, residual: number, side: number): void {
    if (c.suspenseSide[track] !== side) endSuspense(track)
    const gap = Math.min(GAP_MINUTES_MAX, Math.max(1, minute - c.lastMinute[track]!))
    c.suspenseSide[track] = side
    c.suspenseMinutes[track]! += gap
    c.suspenseValue[track * suspenseKept + c.suspenseHead[track]!] = residual
    c.suspenseHead[track] = (c.suspenseHead[track]! + 1) % suspenseKept
    c.suspenseHeld[track] = Math.min(suspenseKept, c.suspenseHeld[track]! + 1)
    const lasting = Math.min(SHIFT_MINUTES_MAX, Math.max(SHIFT_MINUTES_MIN, c.minutes[track]! / 2))
    if (c.suspenseMinutes[track]! >= lasting) shift(track, minute)
  }

  function endSuspense(track: number): void {
    c.suspenseSide[track] = 0
    c.suspenseMinutes[track] = 0
    c.suspenseHeld[track] = 0
    c.suspenseHead[track] = 0
  }

  /** The level moved: what is known of the old one is moved along, and the process is taken for one that moves. */
  function shift(track: number, minute: number): void {
    const held = c.suspenseHeld[track]!
    median.clear()
    for (let at = 0; at < held; at++) median.add(c.suspenseValue[track * suspenseKept + at]!, 1)
    const distance = median.median() - windows.value(track)
    windows.move(track, distance)
    c.variance[track]! += distance * distance * Math.min(1, c.suspenseMinutes[track]! / VARIANCE_MEMORY_MINUTES)
    refresh(track)
    c.shiftedMinute[track] = minute
    endSuspense(track)
  }

  /** What was kept becomes differences from the season: how far the hours were foretold wrongly is what is known. */
  function startSeason(track: number, minute: number): void {
    const error = c.profileError[track]!
    windows.clear(track)
    windows.push(track, minute, 0, 0, error / (MAD_TO_SIGMA * 0.8))
    c.variance[track] = Math.min(c.variance[track]!, (error / 0.8) ** 2)
    endSuspense(track)
    c.episodePeak.fill(0, track * episodesKept, (track + 1) * episodesKept)
    refresh(track)
  }

  /** Whole numbers are counts, or states: a step of one is none. Of others the smallest step tells the sensor's. */
  function noteResolution(track: number, value: number, residual: number, far: boolean, unit: string): void {
    const known = resolutionOfUnit(unit)
    if (known > 0 || c.minutes[track] === 0) {
      c.isCount[track] = Number.isInteger(value) ? 1 : 0
      c.resolution[track] = known > 0 ? known : c.isCount[track]!
      return
    }
    if (c.isCount[track] === 1) {
      if (Number.isInteger(value)) return
      c.isCount[track] = 0
      c.resolution[track] = 0
    }
    if (far || c.held[track * 4] === 0) return
    const step = Math.abs(residual - c.minuteValue[track * minutesKept + c.held[track * 4]! - 1]!)
    if (step > 0 && (c.resolution[track] === 0 || step < c.resolution[track]!)) c.resolution[track] = step
  }

  function begin(track: number, value: number, tracks: Tracks): void {
    const kpi = tracks.kpi[track]!
    const isOfPrograms = tracks.ofPrograms(track)
    c.origin[track] = value
    c.kpi[track] = kpi + 1
    c.ofPrograms[track] = isOfPrograms ? 1 : 0
    if (kpi >= 0) c.resolution[track] = resolutionOf(kpi, isOfPrograms)
  }

  function noteReach(track: number, distance: number, scale: number): void {
    const spread = spreadOf(track)
    const outside = Math.abs(distance) > FAR_SPREADS * spread
    if (!outside) c.reach[track]! *= REACH_MEMORY
    else if (c.outside[track] === 0) {
      const shown = (REACH_MARGIN * Math.abs(distance)) / FAR_SPREADS
      c.reach[track] = Math.min(REACH_GROWTH * spread, shown) / scale
    }
    c.outside[track] = outside ? 1 : 0
  }

  function learnOne(track: number, minute: number, value: number, tracks: Tracks): void {
    if (!Number.isFinite(value)) return
    room(track)
    if (c.minutes[track] === 0) begin(track, value, tracks)
    else if (minute <= c.lastMinute[track]!) return
    const raw = Math.max(-VALUE_MAX, Math.min(VALUE_MAX, value - c.origin[track]!))
    if (learnHour(c, pool, track, minute, raw)) startSeason(track, minute)
    const season = seasonAt(c, pool, track, moment)
    const residual = (raw - season) / scaleOf(track, season)
    const distance = value - centreOf(track)
    const limit = Math.max(FAR_SPREADS * spreadOf(track), FAR_SHARE * Math.abs(centreOf(track)))
    const far = c.minutes[track]! >= LEARNT_MINUTES && Math.abs(distance) > limit * (1 + FAR_YOUTH / c.minutes[track]!)
    if (c.minutes[track]! >= LEARNT_MINUTES) noteReach(track, distance, scaleOf(track, season))
    if (c.kpi[track] === 0) noteResolution(track, value, residual, far, tracks.unit(track))
    if (far && !noteEpisode(track, minute, residual)) suspend(track, minute, residual, Math.sign(distance))
    else {
      learnResidual(track, minute, residual)
      if (c.suspenseMinutes[track]! > 0) c.suspenseMinutes[track] = Math.max(0, c.suspenseMinutes[track]! - 1)
      if (c.suspenseMinutes[track] === 0) endSuspense(track)
    }
    c.lastMinute[track] = minute
  }

  return {
    isLearnt: (track) => known(track) && c.minutes[track]! >= LEARNT_MINUTES,
    centre: (track) => (known(track) ? centreOf(track) : Number.NaN),
    spread: (track) => (known(track) ? spreadOf(track) : Number.NaN),
    minutes: (track) => (known(track) ? c.minutes[track]! : 0),
    deviation(track, value) {
      if (!known(track)) return Number.NaN
      const distance = (value - centreOf(track)) / spreadOf(track)
      return Math.max(-DISTANCE_MAX, Math.min(DISTANCE_MAX, distance))
    },
    shiftedAtMs: (track) =>
      known(track) && c.shiftedMinute[track]! > 0 ? (c.shiftedMinute[track]! + 1) * MINUTE_MS : Number.NaN,
    hasSeason: (track) => known(track) && c.week[track] !== 0,
    moveTo(timeMs) {
      seasonMoment(timeMs, moment)
    },
    learn(minute: ClosedMinute, tracks: Tracks) {
      seasonMoment(minute.startMs + MINUTE_MS / 2, moment)
      const number = Math.floor(minute.startMs / MINUTE_MS)
      for (let at = 0; at < minute.count; at++) {
        const track = minute.track[at]!
        learnOne(track, number, minute.value[at]!, tracks)
      }
    },
    forgetTrack(track) {
      if (track >= c.origin.length) return
      if (c.week[track] !== 0) pool.give(c.week[track]! - 1)
      clearTrack(c, track, days)
    },
    state: () => ({
      version: STATE_VERSION,
      days,
      columns: copyColumns(c, c.origin.length, days),
      pool: { weeks: pool.state.weeks.slice(), free: [...pool.state.free], used: pool.state.used },
    }),
    restore(state) {
      const columns = state['columns']
      const stored = isRecord(columns) && state['version'] === STATE_VERSION ? storedColumns(columns, days) : null
      const weeks = state['pool']
      if (stored === null || !isPool(weeks)) {
        throw new TypeError('baselines: the stored state is of another version or for another window')
      }
      c = createBaselineColumns(Math.max(1, stored.size), days, stored.columns)
      pool = createWeekPool({ weeks: weeks.weeks.slice(), free: [...weeks.free], used: weeks.used })
    },
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

function isPool(value: unknown): value is { weeks: Float32Array; free: number[]; used: number } {
  return isRecord(value) && value['weeks'] instanceof Float32Array && Array.isArray(value['free'])
}
