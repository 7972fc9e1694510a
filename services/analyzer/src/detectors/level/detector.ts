import { kpis, Severity } from '@driftline/proto'
import { youth } from '../../baseline/baselines.ts'
import type { ClosedBucket, DetectionContext, Detector, DetectorState, Finding } from '../../detection/detector.ts'
import {
  clearShown,
  createShownColumns,
  endRun,
  episodesBeyond,
  isSlow,
  levelOf,
  noteLevel,
  type ShownColumns,
  shownSize,
  takeValue,
} from './shown.ts'

const STATE_VERSION = 1
const INITIAL_TRACKS = 256
/** Levels follow a step after three values, of what is slow after two; then it has to go on for this long. */
const OPEN_AFTER_MS = 5000
const CLOSE_AFTER_MS = 10_000
const WATCHED = 1
const UNWATCHED = 2
const WATCHED_BY_RUNS = 3
/** Runs of a flow beyond the limits, after the two that moved the level: two slow ones in a row are no level yet. */
const FLOW_RUNS_MIN = 3
/** Values before anything is said, or for what is slow as many as make so many minutes. */
const VALUES_MIN = 30
const MINUTES_INSTEAD = 10
/** Robust standard deviations, and share of the centre, that the level is off at least. */
const SIGMAS = 6
const SHARE = 0.2
/** And from the range that was shown: in parts of its width, and in standard deviations of the noise. */
const WIDTHS = 0.25
const RANGE_SIGMAS = 2
/** A range that had an hour to show itself tells more than the spread of what swings: half its width is far from it. */
const SHOWN_MINUTES = 60
const SHOWN_WIDTHS = 0.5
/** A level that is less than a share off must be off by the whole width of a range that had time to show itself. */
const WHOLE_WIDTH_MINUTES = 30
/** A run of levels beyond the limits has ended after so long, or so many intervals, without one. */
const RUN_REST_S = 30
const RUN_REST_GAPS = 4
/** While it lasts, an excursion is over only below this share of the limits that opened it. */
const HOLD_SHARE = 0.5
/** A level within this share of the limit belongs to the range at once, one farther off bit by bit. */
const NEAR_SHARE = 0.1
const CREEP_S = 30
const CREEP_MAX = 0.25
/** What was there twice, at 0.8 of the height, is what the series does. */
const HABIT_EPISODES = 2
const HABIT_HEIGHT = 0.8
/** What has lasted for so long is how the series is now, even where the baseline does not say so. */
const LASTING_S = 10_800
/** Below so many minutes of history only what is far off is worth somebody's attention. */
const YOUNG_MINUTES = 30
const YOUNG_SIGMAS = 12
const CRITICAL_SIGMAS = 20
const CRITICAL_WIDTHS = 2
/** Nobody is woken for less than the level itself, nor for what may be over in a minute. */
const CRITICAL_SHARE = 1
const CRITICAL_AFTER_S = 60
/** Standard deviation of a median, of five values and of three, by the mean step from one value to the next. */
const STEP_TO_SIGMA = 0.48
const STEP_TO_SIGMA_SLOW = 0.6
/** A baseline takes whole numbers for counts, where one more is nothing: not so in a constant of this height or more. */
const CONSTANT_MIN = 5
const CONSTANT_SHARE = 0.05
const VALUE_MAX = 1e37

/** What a level is judged by. */
interface Judgement {
  level: number
  centre: number
  sigma: number
  /** Standard deviation of levels by the noise alone. */
  noise: number
  minutes: number
  side: number
  /** From the centre, and from the range that was shown; negative within it. */
  distance: number
  beyond: number
  width: number
  /** What the distance has to be. */
  least: number
}

/**
 * A single series, or a KPI of a device or a service, whose level has left what it has shown: the centre by six robust
 * standard deviations, and the range of the last day clearly. In both directions; ramps and rhythms show themselves.
 */
export function createLevelShift(): Detector {
  let c: ShownColumns = createShownColumns(INITIAL_TRACKS)
  const j: Judgement = {
    level: 0,
    centre: 0,
    sigma: 0,
    noise: 0,
    minutes: 0,
    side: 1,
    distance: 0,
    beyond: 0,
    width: 0,
    least: 0,
  }

  const room = (track: number): void => {
    const tracks = c.lastS.length
    if (track >= tracks) c = createShownColumns(Math.max(track + 1, tracks + (tracks >> 1)), c)
  }

  /** KPIs of hosts and program groups have detectors of their own. */
  function isWatched(track: number, { tracks, processes }: DetectionContext): boolean {
    if (c.watched[track] === 0) {
      const kpi = tracks.kpi[track]!
      const isPlain = kpi < 0
      const process = processes.id(tracks.process[track]!)
      const isOfHost = !isPlain && /^(os|host):/.test(process)
      const watched = process.startsWith('flow:') ? WATCHED_BY_RUNS : WATCHED
      c.watched[track] = isPlain || (!isOfHost && kpis[kpi]!.baseline) ? watched : UNWATCHED
    }
    return c.watched[track] !== UNWATCHED
  }

  function measure(track: number, level: number, { baselines }: DetectionContext): void {
    j.noise = (isSlow(c, track) ? STEP_TO_SIGMA_SLOW : STEP_TO_SIGMA) * c.step[track]!
    const low = c.low[track]!
    const high = c.high[track]!
    j.level = level
    j.centre = baselines.centre(track)
    j.minutes = baselines.minutes(track)
    const isConstant = low === high && Math.abs(low) >= CONSTANT_MIN
    const spread = baselines.spread(track)
    j.sigma = Math.max(isConstant ? Math.min(spread, CONSTANT_SHARE * Math.abs(low)) : spread, j.noise)
    j.side = level > j.centre ? 1 : -1
    j.distance = Math.abs(level - j.centre)
    j.beyond = j.side > 0 ? level - high : low - level
    j.width = high - low
    j.least = youth(j.minutes) * Math.max(SIGMAS * j.sigma, SHARE * Math.abs(j.centre))
  }

  function isBeyond(track: number): boolean {
    const hold = c.side[track] === j.side ? HOLD_SHARE : 1
    const { beyond, distance, width, minutes, noise, sigma, centre } = j
    if (beyond < hold * Math.max(WIDTHS * width, RANGE_SIGMAS * noise)) return false
    const young = youth(minutes)
    const isMuch = distance >= hold * young * SHARE * Math.abs(centre)
    if (!isMuch && (minutes < WHOLE_WIDTH_MINUTES || beyond < hold * width)) return false
    if (distance >= hold * young * SIGMAS * sigma) return true
    return minutes >= SHOWN_MINUTES && width > 0 && beyond >= hold * Math.max(SHOWN_WIDTHS * width, SIGMAS * noise)
  }

  function isHabit(track: number): boolean {
    const from = j.centre + j.side * HABIT_HEIGHT * j.distance
    return episodesBeyond(c, track, j.side, from) >= HABIT_EPISODES
  }

  function startOrGoOn(track: number, timeS: number): void {
    if (c.side[track] !== 0 && c.side[track] !== j.side) endRun(c, track)
    if (c.side[track] === 0) {
      c.side[track] = j.side
      c.runStartS[track] = timeS
      c.peak[track] = j.level
    } else if ((j.level - c.peak[track]!) * j.side > 0) c.peak[track] = j.level
    c.runLastS[track] = timeS
  }

  /** Takes a level that is normal into the range. */
  function show(track: number, timeS: number): void {
    if (j.beyond <= NEAR_SHARE * j.least) noteLevel(c, track, timeS, j.level)
    else {
      const creep = Math.min(CREEP_MAX, c.gapS[track]! / CREEP_S)
      noteLevel(c, track, timeS, j.level - j.side * j.beyond * (1 - creep))
    }
  }

  function judge(track: number, timeS: number, level: number, context: DetectionContext): void {
    measure(track, level, context)
    if (!isBeyond(track)) {
      const restS = timeS - c.runLastS[track]!
      if (c.side[track] !== 0 && restS <= Math.max(RUN_REST_S, RUN_REST_GAPS * c.gapS[track]!)) return
      if (c.side[track] !== 0) endRun(c, track)
      show(track, timeS)
      return
    }
    startOrGoOn(track, timeS)
    const lastedS = timeS - c.runStartS[track]!
    if (lastedS >= LASTING_S || isHabit(track)) {
      endRun(c, track)
      noteLevel(c, track, timeS, level)
    } else if (c.watched[track] === WATCHED || lastedS >= FLOW_RUNS_MIN * c.gapS[track]!)
      report(track, lastedS, context)
  }

  function report(track: number, lastedS: number, { tracks, report }: DetectionContext): void {
    report({
      process: tracks.process[track]!,
      track,
      severity: severityOf(j, lastedS),
      value: j.level,
      expectedLow: Math.min(c.low[track]!, j.centre - SIGMAS * j.sigma),
      expectedHigh: Math.max(c.high[track]!, j.centre + SIGMAS * j.sigma),
      centre: j.centre,
      score: Math.min(1e6, j.distance / j.sigma),
    })
  }

  function take(track: number, bucketS: number, value: number, context: DetectionContext): void {
    if (bucketS <= c.lastS[track]! || !(Math.abs(value) < VALUE_MAX)) return
    const isFirst = c.lastS[track] === 0
    takeValue(c, track, bucketS, value)
    const level = levelOf(c, track)
    if (Number.isNaN(level)) {
      if (isFirst) noteLevel(c, track, bucketS, value)
      return
    }
    // Most levels are within what was shown: that needs no baseline.
    if (c.side[track] === 0 && level >= c.low[track]! && level <= c.high[track]!) {
      noteLevel(c, track, bucketS, level)
      return
    }
    const { baselines } = context
    const isKnown = c.values[track]! >= VALUES_MIN || baselines.minutes(track) >= MINUTES_INSTEAD
    if (isKnown && baselines.isLearnt(track)) judge(track, bucketS, level, context)
    else noteLevel(c, track, bucketS, level)
  }

  return {
    type: 'level_shift',
    openAfterMs: OPEN_AFTER_MS,
    closeAfterMs: CLOSE_AFTER_MS,
    onBucket({ startMs, count, track, value }: ClosedBucket, context) {
      const bucketS = Math.floor(startMs / 1000)
      for (let at = 0; at < count; at++) {
        room(track[at]!)
        if (isWatched(track[at]!, context)) take(track[at]!, bucketS, value[at]!, context)
      }
    },
    forgetTrack(track) {
      if (track < c.lastS.length) clearShown(c, track)
    },
    state: () => ({ version: STATE_VERSION, ...c }),
    restore(state: DetectorState) {
      const size = state['version'] === STATE_VERSION ? shownSize(state) : -1
      if (size < 0) throw new TypeError('level_shift: the stored state is of another version')
      c = createShownColumns(Math.max(1, size), state)
    },
  }
}

function severityOf({ distance, sigma, width, centre, minutes }: Judgement, lastedS: number): Finding['severity'] {
  const sigmas = distance / sigma
  if (minutes < YOUNG_MINUTES && sigmas < YOUNG_SIGMAS) return Severity.INFO
  const isFar = sigmas > CRITICAL_SIGMAS && distance > CRITICAL_WIDTHS * width
  const isCritical = isFar && distance >= CRITICAL_SHARE * Math.abs(centre) && lastedS >= CRITICAL_AFTER_S
  return isCritical ? Severity.CRITICAL : Severity.WARNING
}
