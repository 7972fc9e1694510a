import {
  blocksKept,
  clearSlot,
  createColumns,
  type StreamingColumns,
  slotsOf,
  streamingView,
  type TypedArray,
  viewCount,
} from './columns.ts'
import type { StreamingConfig } from './config.ts'
import { createForecast, type Forecast, learnForecast, predict } from './forecast.ts'
import { learnTails, measureSurprise } from './tail.ts'

/** What is older than the newest row by less than this is late and ignored; older still, the clock was set back. */
const LATE_MS_MAX = 3_600_000
/** Differences from the origin are cut off here: beyond it their squares would not be finite. */
const DIFFERENCE_MAX = 1e150
/** Deviations in units of the spread are cut off here before they are damped. */
const DEVIATION_MAX = 1e9

/** The score from which on a row is an alarm, at any threshold of the configuration. */
export const alarmScore = 0.5
/** The most that a row scores while an alarm is fresh. */
const SILENCED_SCORE_MAX = 0.49

/** The detector over many series at once, each in a slot. What it found stands in its fields until the next row. */
export interface StreamingDetector {
  /**
   * Takes a row of the series in `slot`; rows that are not finite, repeated or late are ignored and score 0.
   * `threshold` is for this row, that of the configuration unless given.
   */
  observe(slot: number, timeMs: number, value: number, threshold?: number): void
  /** 0 to 1; `alarmScore` or more is an alarm. Below it while an alarm is fresh, however odd the row. */
  score: number
  alarm: boolean
  /** The view that was surprised most, by `streamingView`; -1 when none was. */
  view: number
  /** Its surprise in powers of ten, whatever was alarmed before: tells how grave an excursion is, and when it ends. */
  surprise: number
  /** What was expected of the row in that view, and what is still usual around it. */
  centre: number
  expectedLow: number
  expectedHigh: number
  /** Slots that there is room for. */
  readonly capacity: number
  grow(slots: number): void
  /** Forgets the series of a slot. */
  reset(slot: number): void
  /** All state, by name; the arrays are the detector's own and change with the next row. */
  columns(): Record<string, TypedArray>
}

/** `saved` are columns as another detector gave them; a TypeError when they are not. */
export function createStreaming(
  config: StreamingConfig,
  saved?: Readonly<Record<string, TypedArray>>,
): StreamingDetector {
  let capacity = saved ? slotsOf(saved) : 0
  let state = createColumns(capacity, saved)
  const forecast = createForecast()
  const views = new Float64Array(viewCount)
  const surprises = new Float64Array(viewCount)
  const top = new Float32Array(blocksKept)

  function grow(slots: number): void {
    if (slots <= capacity) return
    capacity = Math.max(slots, 2 * capacity)
    state = createColumns(capacity, state)
  }

  function observe(slot: number, timeMs: number, value: number, threshold: number = config.threshold): void {
    found.score = 0
    found.surprise = 0
    found.alarm = false
    found.view = -1
    if (!Number.isFinite(value) || !Number.isFinite(timeMs)) return
    if (slot >= capacity) grow(slot + 1)
    // The first row is the origin that all others are told from: then an offset changes nothing, not even rounding.
    if (state.rows[slot] === 0) state.origin[slot] = value
    else {
      const sinceMs = timeMs - state.lastTimeMs[slot]!
      if (sinceMs <= 0 && sinceMs > -LATE_MS_MAX) return
    }
    state.lastTimeMs[slot] = timeMs
    state.rows[slot]! += 1
    const difference = Math.min(DIFFERENCE_MAX, Math.max(-DIFFERENCE_MAX, value - state.origin[slot]!))
    const taken = withinReach(state, config, slot, difference)
    predict(state, slot, timeMs, forecast)
    look(state, config, slot, taken, views, forecast)
    lookAtRow(difference, forecast, views)
    measureSurprise(state, config, slot, views, surprises)
    judge(state, config, slot, surprises, found, threshold)
    tellExpected(state, slot, forecast, found)
    lookAtRow(taken, forecast, views)
    learnForecast(state, config, slot, taken, forecast)
    learnMeans(state, config, slot, taken)
    learnTails(state, config, slot, views, top)
  }

  const found: StreamingDetector = {
    observe,
    score: 0,
    alarm: false,
    surprise: 0,
    view: -1,
    centre: 0,
    expectedLow: 0,
    expectedHigh: 0,
    get capacity() {
      return capacity
    },
    grow,
    reset: (slot) => {
      if (slot < capacity) clearSlot(state, slot)
    },
    columns: () => ({ ...state }),
  }
  return found
}

/**
 * The value as far as it is believed: a row moves what is learned by no more than many spreads, or than rows before
 * it were away. Where all rows were the same so far, the first that differs is remembered, not believed.
 */
function withinReach(state: StreamingColumns, config: StreamingConfig, slot: number, value: number): number {
  const centre = state.centre[slot]!
  const distance = Math.abs(value - centre)
  const reach = state.reach[slot]! * (1 - 1 / config.reachRows)
  const most = Math.max(config.reachSpreads * state.spread[slot]!, reach)
  state.reach[slot] = Math.max(reach, most > 0 ? Math.min(distance, 2 * most) : distance)
  return distance <= most ? value : centre + Math.sign(value - centre) * most
}

/** The views of the row itself, which keep nothing: they see the value as it came. */
function lookAtRow(value: number, forecast: Forecast, views: Float64Array): void {
  views[streamingView.miss] = Math.abs(value - forecast.expected)
  views[streamingView.timeOfDay] = forecast.usualKnown ? Math.abs(value - forecast.usual) : 0
}

/** Moves the means of late, and fills the views of them. */
function look(
  state: StreamingColumns,
  config: StreamingConfig,
  slot: number,
  value: number,
  views: Float64Array,
  forecast: Forecast,
): void {
  const rows = state.rows[slot]!
  const centre = state.centre[slot]!
  const miss = value - forecast.expected
  state.missMean[slot]! += (miss - state.missMean[slot]!) / config.shortRows
  state.missSize[slot]! += (Math.abs(miss) - state.missSize[slot]!) / config.middleRows
  const before = value - state.longMean[slot]!
  state.longMean[slot]! += before / Math.min(config.longRows, rows)
  const keep = 1 - 1 / config.longRows
  state.variance[slot] = keep * (state.variance[slot]! + (before * before) / config.longRows)
  const shift = state.longMean[slot]! - centre
  views[streamingView.above] = state.missMean[slot]!
  views[streamingView.below] = -state.missMean[slot]!
  views[streamingView.unrest] = state.missSize[slot]!
  views[streamingView.shift] = Math.abs(shift)
  views[streamingView.rise] = shift
  views[streamingView.fall] = -shift
  views[streamingView.dampedShift] = dampedShift(state, config, slot, value)
  views[streamingView.scatter] = Math.sqrt(state.variance[slot]!)
}

/** The shift of means of the area sine of the deviation: linear near the centre, logarithmic far from it. */
function dampedShift(state: StreamingColumns, config: StreamingConfig, slot: number, value: number): number {
  const rows = state.rows[slot]!
  const spread = state.spread[slot]!
  const deviation = spread > 0 ? (value - state.centre[slot]!) / spread : 0
  const damped = Math.asinh(Math.min(DEVIATION_MAX, Math.max(-DEVIATION_MAX, deviation)))
  state.dampedLong[slot]! += (damped - state.dampedLong[slot]!) / Math.min(config.longRows, rows)
  const shift = Math.abs(state.dampedLong[slot]! - state.dampedCentre[slot]!)
  state.dampedCentre[slot]! += (damped - state.dampedCentre[slot]!) / Math.min(config.centreRows, rows)
  return shift
}

/** Joins the surprises by a soft maximum, weighs them against the alarms of late, and silences after an alarm. */
function judge(
  state: StreamingColumns,
  config: StreamingConfig,
  slot: number,
  surprises: Float64Array,
  found: StreamingDetector,
  threshold: number,
): void {
  let sum = 0
  let most = 0
  for (let view = 0; view < viewCount; view++) {
    const square = surprises[view]! * surprises[view]!
    sum += square * square
    if (surprises[view]! > most) {
      most = surprises[view]!
      found.view = view
    }
  }
  const rows = state.rows[slot]!
  const forgetting = within(config.habituationRowsMin, config.habituationGrowth * rows, config.habituationRowsMax)
  state.habituation[slot]! *= 1 - 1 / forgetting
  const needed = threshold + config.habituation * state.habituation[slot]!
  const joined = Math.sqrt(Math.sqrt(sum))
  found.surprise = most
  found.score = joined / (joined + needed)
  if (state.silence[slot]! > 0) {
    state.silence[slot]! -= 1
    found.score = Math.min(found.score, SILENCED_SCORE_MAX)
  } else if (found.score >= alarmScore) {
    found.alarm = true
    state.habituation[slot]! += 1
    state.silence[slot] = within(config.silenceRowsMin, config.silenceGrowth * rows, config.silenceRowsMax)
  }
}

function within(least: number, wanted: number, most: number): number {
  return Math.min(most, Math.max(least, wanted))
}

/** The expected range, in the terms of the view that was surprised most. */
function tellExpected(state: StreamingColumns, slot: number, forecast: Forecast, found: StreamingDetector): void {
  let centre = forecast.expected
  let view: number = streamingView.miss
  if (found.view >= streamingView.shift && found.view <= streamingView.dampedShift) {
    centre = state.centre[slot]!
    view = streamingView.shift
  } else if (found.view === streamingView.timeOfDay) {
    centre = forecast.usual
    view = streamingView.timeOfDay
  }
  const spread = state.tailLevel[slot * viewCount + view]!
  found.centre = state.origin[slot]! + centre
  found.expectedLow = found.centre - spread
  found.expectedHigh = found.centre + spread
}

function learnMeans(state: StreamingColumns, config: StreamingConfig, slot: number, value: number): void {
  const rows = state.rows[slot]!
  const span = Math.min(config.centreRows, rows)
  const distance = value - state.centre[slot]!
  state.spread[slot]! += (Math.abs(distance) - state.spread[slot]!) / span
  state.centre[slot]! += distance / span
  state.slowMean[slot]! += (value - state.slowMean[slot]!) / Math.min(config.slowRows, rows)
}
