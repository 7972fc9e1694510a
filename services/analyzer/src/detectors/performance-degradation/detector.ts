import { kpis, Severity } from '@driftline/proto'
import { youth } from '../../baseline/baselines.ts'
import type { ClosedBucket, DetectionContext, Detector, DetectorState, Finding } from '../../detection/detector.ts'
import { amounts } from './amounts.ts'
import {
  clearSustained,
  closeBlocks,
  createSustainedColumns,
  noteDistance,
  recentLevel,
  runKept,
  type SustainedColumns,
  sustainedSize,
  takeValue,
} from './sustained.ts'

const STATE_VERSION = 1
const INITIAL_TRACKS = 256
/** The level of seven seconds follows a step after three or four; it must last eight more. */
const OPEN_AFTER_MS = 8000
const CLOSE_AFTER_MS = 12_000
/** Once it is open, two of ten buckets may be back in the normal range without ending a run. */
const RUN_UNBROKEN = 9
const MISSES_ALLOWED = 2
const MISSES_MASK = 2 ** runKept - 1
/** Robust standard deviations that are significant. */
const SIGNIFICANT_SPREADS = 4
/** While it lasts, an excursion is over only below this share of the limit that opened it. */
const HOLD_SHARE = 0.75
/** Mean steps between neighbouring seconds that chance alone does not hold for ten of them. */
const STEPS = 1.2
/** Before a whole week is known, what changes over hours may be its rhythm: only what is faster is told. */
const RHYTHM_MINUTES = 8 * 1440
/** Values before anything is said: thirty, or for what is measured slowly as many as make fifteen minutes. */
const VALUES_MIN = 30
const MINUTES_INSTEAD = 15
/** The first seconds of an excursion tell that the process does this; its whole length does not make it a habit. */
const HABIT_RUN_MAX = 20
const CRITICAL_MULTIPLE = 3
const CRITICAL_SPREADS = 8
/** Nobody is woken for what may be over in a minute. */
const CRITICAL_AFTER_S = 60

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
    const allowed = c.gapS[track]! > 3 || c.run[track]! < RUN_UNBROKEN ? 0 : MISSES_ALLOWED
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
    const minutes = baselines.minutes(track)
    if (c.values[track]! < VALUES_MIN && minutes < MINUTES_INSTEAD) return
    const kpi = tracks.kpi[track]!
    const centre = baselines.centre(track)
    const scale = Math.max(Math.abs(centre), amounts[kpi]!.info)
    const share = context.settings(tracks.process[track]!).degradationShare * Math.abs(centre)
    const least = Math.max(share, amounts[kpi]!.info)
    if (c.side[track] === 0 && isUnremarkable(track, value, centre, minutes, least, scale)) return
    const plain = limitOf(track, least, minutes, context)
    const level = recentLevel(c, track)
    const side = level > centre ? 1 : -1
    const line = track * 2 + (side > 0 ? 0 : 1)
    const distance = side * (level - usualLevel(track, centre, side, minutes))
    const limit = Math.max(plain, c.habit[line]! * scale)
    const isWatched = (watchedSides[kpi]! & (side > 0 ? UP : DOWN)) !== 0
    const isBeyond = isWatched && distance > (c.side[track] === side ? limit * HOLD_SHARE : limit)
    const goesOn = follow(track, isBeyond ? side : 0)
    if (c.run[track]! < HABIT_RUN_MAX) noteDistance(c, line, distance / scale)
    if (goesOn) report(track, level, plain, context)
  }

  /** The level passes a limit, or what it has reached before, only with a value that does: most need no median. */
  function isUnremarkable(
    track: number,
    value: number,
    centre: number,
    minutes: number,
    least: number,
    scale: number,
  ): boolean {
    const side = value > centre ? 1 : -1
    const distance = side * (value - usualLevel(track, centre, side, minutes))
    return distance <= least && distance <= c.open[track * 2 + (side > 0 ? 0 : 1)]! * scale
  }

  /** What the level is compared with: the centre, or the last quarter of an hour's level when that is nearer to it. */
  function usualLevel(track: number, centre: number, side: number, minutes: number): number {
    if (minutes >= RHYTHM_MINUTES) return centre
    return side > 0 ? Math.max(centre, c.slow[track]!) : Math.min(centre, c.slow[track]!)
  }

  /** `least` is the share and the amount that it takes in any case. */
  function limitOf(track: number, least: number, minutes: number, { baselines }: DetectionContext): number {
    const noise = c.gapS[track]! > 3 ? 0 : STEPS * c.step[track]!
    const spreads = SIGNIFICANT_SPREADS * baselines.spread(track)
    // Spreads are wide by themselves while little is known.
    return Math.max(spreads, youth(minutes) * least, noise)
  }

  function report(track: number, value: number, limit: number, { baselines, tracks, report }: DetectionContext): void {
    const kpi = tracks.kpi[track]!
    const centre = baselines.centre(track)
    const excess = Math.abs(value - centre)
    const spreads = excess / baselines.spread(track)
    const severity = severityOf(kpi, value, centre, excess)
    const lastedS = c.run[track]! * c.gapS[track]!
    const isCritical = severity === Severity.CRITICAL && spreads >= CRITICAL_SPREADS && lastedS >= CRITICAL_AFTER_S
    report({
      process: tracks.process[track]!,
      track,
      severity: severity === Severity.CRITICAL && !isCritical ? Severity.WARNING : severity,
      value,
      expectedLow: Math.max(Math.min(0, centre), centre - limit),
      expectedHigh: kpi === successRate ? Math.min(1, centre + limit) : centre + limit,
      centre,
      score: Math.min(1e6, spreads) * c.side[track]!,
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
        // Rates of ends are judged by their counts (error spikes), and the age of hosts and programs only grows.
        if ((kpi === executionTime || kpi === successRate) && isOfHost(context, track)) continue
        const value = bucket.value[at]!
        if (!(Math.abs(value) < 1e37)) continue
        room(track)
        const last = c.lastS[track]!
        if (bucketS <= last) continue
        closeBlocks(c, track, last, bucketS, baselines.minutes(track) / 1440)
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

function isOfHost({ processes, tracks }: DetectionContext, track: number): boolean {
  const id = processes.id(tracks.process[track]!)
  return id.startsWith('os:') || id.startsWith('host:')
}

/** By the amount; what is critical must also be several times what is usual, or a part of it. */
function severityOf(kpi: number, value: number, centre: number, excess: number): Finding['severity'] {
  const { warning, critical } = amounts[kpi]!
  const isFar = value >= CRITICAL_MULTIPLE * centre || value * CRITICAL_MULTIPLE <= centre || kpis[kpi]!.unit === '1'
  if (excess >= critical && isFar) return Severity.CRITICAL
  return excess >= warning ? Severity.WARNING : Severity.INFO
}

function bitsOf(word: number): number {
  let bits = 0
  for (let rest = word; rest !== 0; rest &= rest - 1) bits += 1
  return bits
}
