import {
  blocksKept,
  clearSlot,
  createColumns,
  halfHours,
  type StreamingColumns,
  slotsOf,
  streamingView,
  type TypedArray,
  viewCount,
  weekHours,
} from './columns.ts'
import type { StreamingConfig } from './config.ts'
import { advanceBlock, tailBase, tailSurprise } from './tail.ts'

const HALF_HOUR_MS = 1_800_000
const HOUR_MS = 3_600_000
/** What is older than the newest row by less than this is late and ignored; older still, the clock was set back. */
const LATE_MS_MAX = HOUR_MS
/** Differences beyond this are cut off, so that sums and differences of them stay finite. */
const DIFFERENCE_MAX = 1e300

/** The score from which on a row is an alarm, at any threshold of the configuration. */
export const alarmScore = 0.5

/** The detector over many series at once, each in a slot. What it found stands in its fields until the next row. */
export interface StreamingDetector {
  /** Takes a row of the series in `slot`; rows that are not finite, repeated or late are ignored and score 0. */
  observe(slot: number, timeMs: number, value: number): void
  /** 0 to 1; `alarmScore` or more is an alarm. Below it while an alarm is fresh, however odd the row. */
  score: number
  alarm: boolean
  /** Surprise before habituation and silence, in powers of ten: what tells how long an excursion lasts. */
  surprise: number
  /** The view that was surprised most, by `streamingView`; -1 when none was. */
  view: number
  /** What was expected of the row in that view: the centre, and how far from it is still usual. */
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
  const views = new Float64Array(viewCount)
  const sorted = new Float32Array(blocksKept)

  function grow(slots: number): void {
    if (slots <= capacity) return
    capacity = Math.max(slots, 2 * capacity)
    state = createColumns(capacity, state)
  }

  function observe(slot: number, timeMs: number, value: number): void {
    found.score = 0
    found.surprise = 0
    found.alarm = false
    found.view = -1
    if (!Number.isFinite(value) || !Number.isFinite(timeMs)) return
    if (slot >= capacity) grow(slot + 1)
    if (state.rows[slot] === 0) {
      begin(state, slot, timeMs, value)
      return
    }
    const sinceMs = timeMs - state.lastTimeMs[slot]!
    if (sinceMs <= 0 && sinceMs > -LATE_MS_MAX) return
    state.lastTimeMs[slot] = timeMs
    const difference = bounded(value - state.origin[slot]!)
    look(state, config, slot, timeMs, difference, views)
    judge(state, config, slot, views, found)
    expect(state, slot, timeMs, found)
    learn(state, config, slot, timeMs, difference, views)
    advanceBlock(state, config, slot, sorted)
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

function bounded(difference: number): number {
  return Math.min(DIFFERENCE_MAX, Math.max(-DIFFERENCE_MAX, difference))
}

/** The first row is the origin that all others are told from: then an offset changes nothing, not even rounding. */
function begin(state: StreamingColumns, slot: number, timeMs: number, value: number): void {
  state.origin[slot] = value
  state.lastTimeMs[slot] = timeMs
  state.rows[slot] = 1
}

const placeIn = (timeMs: number, unitMs: number, units: number): number => {
  const place = Math.floor(timeMs / unitMs) % units
  return place < 0 ? place + units : place
}

/** Fills `views` with what each sees in the row. Reads the seasons before they learn the row. */
function look(
  state: StreamingColumns,
  config: StreamingConfig,
  slot: number,
  timeMs: number,
  value: number,
  views: Float64Array,
): void {
  state.rows[slot]! += 1
  const rows = state.rows[slot]!
  state.shortMean[slot]! += (value - state.shortMean[slot]!) / Math.min(config.shortRows, rows)
  state.longMean[slot]! += (value - state.longMean[slot]!) / Math.min(config.longRows, rows)
  const half = slot * halfHours + placeIn(timeMs, HALF_HOUR_MS, halfHours)
  const hour = slot * weekHours + placeIn(timeMs, HOUR_MS, weekHours)
  const fromHalf = state.halfHourCount[half]! >= 2 ? value - state.halfHourMean[half]! : 0
  state.timeOfDayShift[slot]! += (fromHalf - state.timeOfDayShift[slot]!) / config.longRows
  const centre = state.centre[slot]!
  const short = state.shortMean[slot]!
  const long = state.longMean[slot]!
  views[streamingView.distance] = Math.abs(value - centre)
  views[streamingView.shortShift] = Math.abs(short - centre)
  views[streamingView.longShift] = Math.abs(long - centre)
  views[streamingView.rise] = long - centre
  views[streamingView.fall] = centre - long
  views[streamingView.timeOfDay] = Math.abs(fromHalf)
  views[streamingView.timeOfDayShift] = Math.abs(state.timeOfDayShift[slot]!)
  views[streamingView.hourOfWeek] = state.weekHourCount[hour]! >= 1 ? Math.abs(value - state.weekHourMean[hour]!) : 0
}

/** Joins the surprises by a soft maximum, weighs them against the alarms of late, and silences after an alarm. */
function judge(
  state: StreamingColumns,
  config: StreamingConfig,
  slot: number,
  views: Float64Array,
  found: StreamingDetector,
): void {
  const base = tailBase(state, config, slot)
  let sum = 0
  let most = 0
  if (!Number.isNaN(base)) {
    for (let view = 0; view < viewCount; view++) {
      const surprise = tailSurprise(state, config, slot * viewCount + view, base, views[view]!)
      if (surprise === 0) continue
      sum += surprise ** config.softness
      if (surprise > most) {
        most = surprise
        found.view = view
      }
    }
  }
  found.surprise = sum ** (1 / config.softness)
  state.habituation[slot]! *= 1 - 1 / config.habituationRows
  const needed = config.threshold + config.habituation * state.habituation[slot]!
  found.score = found.surprise / (found.surprise + needed)
  found.alarm = found.score >= alarmScore && state.silence[slot] === 0
  if (found.alarm) {
    state.habituation[slot]! += 1
    state.silence[slot] = config.silenceRows
  } else if (state.silence[slot]! > 0) {
    state.silence[slot]! -= 1
    found.score = Math.min(found.score, alarmScore * 0.98)
  }
}

/** The expected range, in the terms of the view that was surprised most, or else of the running centre. */
function expect(state: StreamingColumns, slot: number, timeMs: number, found: StreamingDetector): void {
  let centre = state.centre[slot]!
  let view = found.view
  if (view === streamingView.hourOfWeek) {
    centre = state.weekHourMean[slot * weekHours + placeIn(timeMs, HOUR_MS, weekHours)]!
  } else if (view === streamingView.timeOfDay || view === streamingView.timeOfDayShift) {
    centre = state.halfHourMean[slot * halfHours + placeIn(timeMs, HALF_HOUR_MS, halfHours)]!
  } else view = streamingView.distance
  const spread = state.tailLevel[slot * viewCount + view]!
  found.centre = state.origin[slot]! + centre
  found.expectedLow = found.centre - spread
  found.expectedHigh = found.centre + spread
}

function learn(
  state: StreamingColumns,
  config: StreamingConfig,
  slot: number,
  timeMs: number,
  value: number,
  views: Float64Array,
): void {
  const span = state.silence[slot]! > 0 ? config.silencedCentreRows : config.centreRows
  state.centre[slot]! += (value - state.centre[slot]!) / Math.min(span, state.rows[slot]!)
  const half = slot * halfHours + placeIn(timeMs, HALF_HOUR_MS, halfHours)
  state.halfHourMean[half]! += (value - state.halfHourMean[half]!) / ++state.halfHourCount[half]!
  const hour = slot * weekHours + placeIn(timeMs, HOUR_MS, weekHours)
  state.weekHourMean[hour]! += (value - state.weekHourMean[hour]!) / ++state.weekHourCount[hour]!
  for (let view = 0; view < viewCount; view++) {
    const at = slot * viewCount + view
    if (views[view]! > state.blockMax[at]!) state.blockMax[at] = views[view]!
  }
}
