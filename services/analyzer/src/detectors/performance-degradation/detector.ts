import { kpis, Severity } from '@driftline/proto'
import { youth } from '../../baseline/baselines.ts'
import type { ClosedBucket, DetectionContext, Detector, DetectorState } from '../../detection/detector.ts'
import { amounts } from './amounts.ts'
import {
  clearSustained,
  closeBlocks,
  createSustainedColumns,
  noteDistance,
  recentKept,
  recentLevel,
  type SustainedColumns,
  sustainedLevel,
  sustainedSize,
  takeValue,
} from './sustained.ts'

const STATE_VERSION = 1
const INITIAL_TRACKS = 256
/** An excursion is reported from its third second on, and opens when it was reported for seven more. */
const RUN_BEFORE_REPORT = 3
const OPEN_AFTER_MS = 7000
const CLOSE_AFTER_MS = 12_000
/** Of ten buckets two may be back in the normal range without ending a run. */
const MISSES_ALLOWED = 2
const MISSES_MASK = 2 ** recentKept - 1
/** Robust standard deviations that are significant. */
const SIGNIFICANT_SPREADS = 4
/** While it lasts, an excursion is over only below this share of the limit that opened it. */
const HOLD_SHARE = 0.75
/** Heights of its own that a process may pass by this much. */
const HABIT_MARGIN = 1.3
/** Values before anything is said: thirty, or for what is measured slowly as many as make fifteen minutes. */
const VALUES_MIN = 30
const MINUTES_INSTEAD = 15
/** The first minutes of an excursion tell that the process does this; its whole length does not make it a habit. */
const HABIT_RUN_MAX = 240
const CRITICAL_MULTIPLE = 3
const CRITICAL_SPREADS = 8

const UP = 1
const DOWN = 2
const watchedSides = kpis.map(({ worse }) => (worse === 'up' ? UP : worse === 'down' ? DOWN : UP | DOWN))
const successRate = kpis.findIndex(({ name }) => name === 'success_rate')
const executionTime = kpis.findIndex(({ name }) => name === 'execution_time')

/**
 * A KPI that is worse than its own usual level: by the configured share, by four robust standard deviations, by an
 * amount that matters, and by more than the process does out of habit; sustained over ten seconds.
 */
export function createPerformanceDegradation(): Detector {
  let c: SustainedColumns = createSustainedColumns(INITIAL_TRACKS)

  const room = (track: number): void => {
    const tracks = c.lastS.length
    if (track >= tracks) c = createSustainedColumns(Math.max(track + 1, tracks + (tracks >> 1)), c)
  }

  /** Counts buckets beyond the limit; true while the run of them goes on. */
  function follow(track: number, side: number): boolean {
    if (side !== 0 && side !== c.side[track]) {
      c.side[track] = side
      c.run[track] = 0
      c.misses[track] = 0
    }
    if (c.side[track] === 0) return false
    c.misses[track] = ((c.misses[track]! << 1) | (side === 0 ? 1 : 0)) & MISSES_MASK
    const allowed = c.gapS[track]! > 3 ? 0 : Math.min(MISSES_ALLOWED, c.run[track]! >> 1)
    if (bitsOf(c.misses[track]!) > allowed) {
      c.side[track] = 0
      c.run[track] = 0
      return false
    }
    if (c.run[track]! < 255) c.run[track]! += 1
    return true
  }

  function judge(track: number, value: number, context: DetectionContext): void {
    const { baselines, tracks } = context
    const kpi = tracks.kpi[track]!
    const process = tracks.process[track]!
    const centre = baselines.centre(track)
    const minutes = baselines.minutes(track)
    if (c.values[track]! < VALUES_MIN && minutes < MINUTES_INSTEAD) return
    const distance = value - centre
    const spread = baselines.spread(track)
    const wider = youth(minutes)
    const share = context.settings(process).degradationShare * Math.abs(centre)
    const plain = wider * Math.max(SIGNIFICANT_SPREADS * spread, share, amounts[kpi]!.info)
    const line = track * 2 + (distance > 0 ? 0 : 1)
    const limit = Math.max(plain, HABIT_MARGIN * c.habit[line]!)
    const direction = distance > 0 ? UP : DOWN
    const isWatched = (watchedSides[kpi]! & direction) !== 0
    const holding = c.side[track] === Math.sign(distance) && c.run[track]! >= RUN_BEFORE_REPORT
    const beyond = isWatched && Math.abs(distance) > (holding ? limit * HOLD_SHARE : limit)
    const goesOn = follow(track, beyond ? Math.sign(distance) : 0)
    if (Math.abs(distance) > c.open[line]! && c.run[track]! < HABIT_RUN_MAX && c.held[track]! > 1) {
      const held = sustainedLevel(c, track, distance) - centre
      if (held * distance > 0) noteDistance(c, track, held)
    }
    if (!goesOn || (c.gapS[track]! <= 3 && c.run[track]! < RUN_BEFORE_REPORT)) return
    report(track, kpi, process, centre, spread, plain, context)
  }

  function report(
    track: number,
    kpi: number,
    process: number,
    centre: number,
    spread: number,
    limit: number,
    context: DetectionContext,
  ): void {
    const side = c.side[track]!
    const value = recentLevel(c, track)
    const excess = Math.abs(value - centre)
    const floor = Math.min(0, centre)
    context.report({
      process,
      track,
      severity: severityOf(kpi, value, centre, excess, excess / spread),
      value,
      expectedLow: Math.max(floor, centre - limit),
      expectedHigh: kpi === successRate ? Math.min(1, centre + limit) : centre + limit,
      centre,
      score: Math.min(1e6, excess / spread) * side,
    })
  }

  return {
    type: 'performance_degradation',
    openAfterMs: OPEN_AFTER_MS,
    closeAfterMs: CLOSE_AFTER_MS,
    onBucket(bucket: ClosedBucket, context) {
      const bucketS = Math.floor(bucket.startMs / 1000)
      const { tracks, baselines } = context
      for (let at = 0; at < bucket.count; at++) {
        const track = bucket.track[at]!
        const kpi = tracks.kpi[track]!
        if (kpi < 0 || amounts[kpi] === null) continue
        if (kpi === executionTime && isAge(context, track)) continue
        const value = bucket.value[at]!
        if (!(Math.abs(value) < 1e37)) continue
        room(track)
        const last = c.lastS[track]!
        if (bucketS <= last) continue
        closeBlocks(c, track, last, bucketS)
        takeValue(c, track, bucketS, value)
        if (baselines.isLearnt(track)) judge(track, value, context)
      }
    },
    forgetTrack(track) {
      if (track < c.lastS.length) clearSustained(c, track)
    },
    state: () => ({ version: STATE_VERSION, ...createSustainedColumns(c.lastS.length, c) }),
    restore(state: DetectorState) {
      const size = state['version'] === STATE_VERSION ? sustainedSize(state) : -1
      if (size < 0) throw new TypeError('performance_degradation: the stored state is of another version')
      c = createSustainedColumns(Math.max(1, size), state)
    },
  }
}

/** Execution time of hosts and program groups is their age most of the time, which only grows. */
function isAge({ processes, tracks }: DetectionContext, track: number): boolean {
  const id = processes.id(tracks.process[track]!)
  return id.startsWith('os:') || id.startsWith('host:')
}

function severityOf(kpi: number, value: number, centre: number, excess: number, spreads: number): Finding['severity'] {
  const { warning, critical } = amounts[kpi]!
  const isFar = value >= CRITICAL_MULTIPLE * centre || value * CRITICAL_MULTIPLE <= centre || kpis[kpi]!.unit === '1'
  if (excess >= critical && spreads >= CRITICAL_SPREADS && isFar) return Severity.CRITICAL
  return excess >= warning ? Severity.WARNING : Severity.INFO
}

type Finding = Parameters<DetectionContext['report']>[0]

function bitsOf(word: number): number {
  let bits = 0
  for (let rest = word; rest !== 0; rest &= rest - 1) bits += 1
  return bits
}
