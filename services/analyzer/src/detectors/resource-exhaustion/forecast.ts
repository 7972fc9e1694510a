import { addPoint, clearPoints, createPoints, type Points, risingTrend, type Trend } from './trend.ts'

/** Below this share nothing is kept: what takes so little is far from its limit. */
const WATCHED_FROM = 0.3
const WATCHED_UNTIL = 0.25
/** Tracks that are watched in one partition; those that come later wait for room. */
const OUTLOOKS_MAX = 5000
/** Minutes of the last hour, and quarters of an hour of the last day. */
const FINE_POINTS = 60
const COARSE_POINTS = 96
const COARSE_MINUTES = 15
/** A rise of less, in shares of the limit, is none. */
const RISE_MIN = 0.02
/** A line is drawn on for so many times its own length, and for three days at most. */
const DRAWN_ON = 4
const HORIZON_MINUTES = 3 * 24 * 60
/** A fall to less than this share of the minute before is a new process, or a clean-up: what was learnt is over. */
const FALL = 0.7
/** What fell from less than this was emptied in time, as garbage is collected; from more, it broke at its limit. */
const EMPTIED_BELOW = 0.85
const EMPTIED_MARGIN = 0.02
const EMPTIED_MINUTES = 24 * 60
/** Said after so many minutes in a row, and until it was not true for so long. */
const SAID_AFTER = 2
const HELD_MINUTES = 5
const MINUTE_MS = 60_000

/** What is remembered of one track that may run into its limit. Plain data. */
export interface Outlook {
  readonly fine: Points
  readonly coarse: Points
  lastMinute: number
  lastShare: number
  /** Highest share from which it was emptied, and when; what goes no higher will be emptied again. */
  emptiedAt: number
  emptiedMinute: number
  quarter: number
  quarterSum: number
  quarterCount: number
  /** Minutes in a row in which the limit came nearer; then the last minute in which it did. */
  hits: number
  seenMinute: number
  /** Event time at which the limit is reached; NaN without a forecast. */
  exhaustedAtMs: number
}

export type Outlooks = Map<number, Outlook>

/**
 * Takes in the mean share of a minute and says when the limit is reached at the present trend: event time in
 * milliseconds; NaN while there is no significant rise, or when it is too far off to say.
 */
export function foresee(outlooks: Outlooks, track: number, minuteStartMs: number, share: number): number {
  const known = outlooks.get(track)
  if (known !== undefined && share < WATCHED_UNTIL) outlooks.delete(track)
  if (share < (known === undefined ? WATCHED_FROM : WATCHED_UNTIL)) return Number.NaN
  if (known === undefined && outlooks.size >= OUTLOOKS_MAX) return Number.NaN
  const outlook = known ?? createOutlook()
  outlooks.set(track, outlook)
  const minute = Math.floor(minuteStartMs / MINUTE_MS)
  if (minute <= outlook.lastMinute) return said(outlook, outlook.lastMinute)
  if (share < FALL * outlook.lastShare) startAnew(outlook, minute)
  outlook.lastMinute = minute
  outlook.lastShare = share
  addPoint(outlook.fine, minute, share)
  addToQuarter(outlook, minute, share)
  const reached = [
    reachedAt(risingTrend(outlook.fine, FINE_POINTS), minute),
    reachedAt(risingTrend(outlook.coarse, COARSE_POINTS * COARSE_MINUTES), minute),
  ].filter((at) => !Number.isNaN(at))
  const isEmptied = minute - outlook.emptiedMinute <= EMPTIED_MINUTES && share < outlook.emptiedAt + EMPTIED_MARGIN
  if (reached.length > 0 && !isEmptied) {
    outlook.hits += 1
    outlook.seenMinute = minute
    outlook.exhaustedAtMs = Math.round(Math.min(...reached) * MINUTE_MS)
  } else if (minute - outlook.seenMinute > HELD_MINUTES) {
    outlook.hits = 0
    outlook.exhaustedAtMs = Number.NaN
  }
  return said(outlook, minute)
}

/** The forecast that stands for a track; NaN for none. */
export function forecastOf(outlooks: Outlooks, track: number, nowMs: number): number {
  const outlook = outlooks.get(track)
  return outlook === undefined ? Number.NaN : said(outlook, Math.floor(nowMs / MINUTE_MS))
}

function said(outlook: Outlook, minute: number): number {
  const isOver = minute - outlook.seenMinute > HELD_MINUTES
  return outlook.hits < SAID_AFTER || isOver ? Number.NaN : outlook.exhaustedAtMs
}

/** The minute in which a trend comes to the whole of the limit. */
function reachedAt(trend: Trend | null, minute: number): number {
  if (trend === null || trend.slope * trend.span < RISE_MIN) return Number.NaN
  const left = Math.max(0, 1 - trend.level) / trend.slope
  // Points stand for the minute that begins there: its end is now.
  return left <= Math.min(DRAWN_ON * trend.span, HORIZON_MINUTES) ? minute + 1 + left : Number.NaN
}

function createOutlook(): Outlook {
  return {
    fine: createPoints(FINE_POINTS),
    coarse: createPoints(COARSE_POINTS),
    lastMinute: Number.NEGATIVE_INFINITY,
    lastShare: 0,
    emptiedAt: 0,
    emptiedMinute: Number.NEGATIVE_INFINITY,
    quarter: Number.NaN,
    quarterSum: 0,
    quarterCount: 0,
    hits: 0,
    seenMinute: Number.NEGATIVE_INFINITY,
    exhaustedAtMs: Number.NaN,
  }
}

function startAnew(outlook: Outlook, minute: number): void {
  const isOld = minute - outlook.emptiedMinute > EMPTIED_MINUTES
  if (outlook.lastShare < EMPTIED_BELOW) {
    outlook.emptiedAt = Math.max(isOld ? 0 : outlook.emptiedAt, outlook.lastShare)
    outlook.emptiedMinute = minute
  }
  clearPoints(outlook.fine)
  clearPoints(outlook.coarse)
  outlook.quarter = Number.NaN
  outlook.hits = 0
}

function addToQuarter(outlook: Outlook, minute: number, share: number): void {
  const quarter = Math.floor(minute / COARSE_MINUTES)
  if (quarter !== outlook.quarter) {
    const middle = outlook.quarter * COARSE_MINUTES + (COARSE_MINUTES - 1) / 2
    if (outlook.quarterCount > 0) addPoint(outlook.coarse, middle, outlook.quarterSum / outlook.quarterCount)
    outlook.quarter = quarter
    outlook.quarterSum = 0
    outlook.quarterCount = 0
  }
  outlook.quarterSum += share
  outlook.quarterCount += 1
}
