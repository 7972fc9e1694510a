import { kpis } from '@driftline/proto'
import type { KpiValues } from './kpi-columns.ts'

export const DRIFT_POINTS = 60
export const MINUTE_MS = 60_000
/** The score is the mean of this many newest points. */
const SCORE_POINTS = 4
const KPIS = kpis.length
const HAS_BASELINE = kpis.map(({ baseline }) => baseline)

/** How far a process is from its normal: the last hour by the minute, and what is usual now. About 1 KiB. */
export interface DriftState {
  /** Deviation of largest size, signed, by minute number modulo its length; NaN where nothing is known. */
  readonly ring: Float32Array
  /** Number of the newest minute in the ring since 1970. */
  minute: number
  /** The newest minute that was told by the bus or the store; what is newer was worked out here. */
  toldMinute: number
  /** Name of the line of numbers that was farthest in `toldMinute`. */
  toldMetric: string | null
  /** The newest minute that `centre` and `spread` are of. */
  normalMinute: number
  /** What is usual now, by KPI number; NaN where nothing is known. */
  readonly centre: Float64Array
  readonly spread: Float64Array
  /** Sums and counts of the running minute, by KPI number. */
  readonly sums: Float64Array
  readonly counts: Uint16Array
  runningMinute: number
  /** Whether any deviation was ever known: until then the process is being learnt. */
  learnt: boolean
}

export function createDriftState(): DriftState {
  return {
    ring: new Float32Array(DRIFT_POINTS).fill(Number.NaN),
    minute: 0,
    toldMinute: 0,
    toldMetric: null,
    normalMinute: 0,
    centre: new Float64Array(KPIS).fill(Number.NaN),
    spread: new Float64Array(KPIS).fill(Number.NaN),
    sums: new Float64Array(KPIS),
    counts: new Uint16Array(KPIS),
    runningMinute: 0,
    learnt: false,
  }
}

/** What changed in the line: the deviations of a minute before and after, NaN for none. */
export type NotePoint = (minute: number, before: number, after: number) => void

export const minuteOf = (timeMs: number): number => Math.floor(timeMs / MINUTE_MS)

/** The point of a minute; NaN for none, or when it has left the ring. */
export function pointAt(drift: DriftState, minute: number): number {
  const inRing = minute <= drift.minute && minute > drift.minute - DRIFT_POINTS
  return inRing ? drift.ring[minute % DRIFT_POINTS]! : Number.NaN
}

/**
 * Takes over a deviation of a closed minute. Lines of one minute may come apart: the largest counts. A minute that was
 * worked out here is replaced by the first that is told of it.
 */
export function tellDrift(
  drift: DriftState,
  minute: number,
  deviation: number,
  metric: string | null,
  note: NotePoint,
): void {
  if (!Number.isFinite(deviation)) return
  drift.learnt = true
  if (minute <= drift.minute - DRIFT_POINTS) return
  const before = pointAt(drift, minute)
  const first = minute > drift.toldMinute
  if (!first && Math.abs(before) >= Math.abs(deviation)) return
  if (minute >= drift.toldMinute) {
    drift.toldMinute = minute
    drift.toldMetric = metric
  }
  setPoint(drift, minute, deviation, note)
}

/** Takes over closed minutes out of the store, in any order. */
export function tellLine(
  drift: DriftState,
  line: { readonly minutes: readonly number[]; readonly deviations: readonly number[] },
  note: NotePoint,
): void {
  const order = line.minutes.map((_, index) => index).sort((a, b) => line.minutes[a]! - line.minutes[b]!)
  for (const index of order) tellDrift(drift, line.minutes[index]!, line.deviations[index]!, null, note)
}

function setPoint(drift: DriftState, minute: number, deviation: number, note: NotePoint): void {
  const before = pointAt(drift, minute)
  // Minutes that nobody spoke of hold values of an hour ago.
  for (let skipped = Math.max(drift.minute + 1, minute - DRIFT_POINTS + 1); skipped <= minute; skipped++) {
    drift.ring[skipped % DRIFT_POINTS] = Number.NaN
  }
  drift.minute = Math.max(drift.minute, minute)
  drift.ring[minute % DRIFT_POINTS] = deviation
  note(minute, before, deviation)
}

/** Takes over what is usual of a KPI as of a minute, unless something newer is known. */
export function tellNormal(drift: DriftState, minute: number, kpi: number, centre: number, spread: number): void {
  if (minute < drift.normalMinute) return
  drift.normalMinute = minute
  drift.centre[kpi] = centre
  drift.spread[kpi] = spread
}

/**
 * Adds a bucket to the running minute. When a minute ends before the bus tells of it, its point is the one worked out
 * here, so that the line has no hole meanwhile.
 */
export function runDrift(drift: DriftState, bucketTimeMs: number, values: KpiValues, note: NotePoint): void {
  const minute = minuteOf(bucketTimeMs)
  if (minute < drift.runningMinute) return
  if (minute > drift.runningMinute) {
    const { deviation } = runningDrift(drift)
    if (drift.runningMinute > drift.toldMinute && Number.isFinite(deviation)) {
      setPoint(drift, drift.runningMinute, deviation, note)
    }
    drift.runningMinute = minute
    drift.sums.fill(0)
    drift.counts.fill(0)
  }
  for (let kpi = 0; kpi < KPIS; kpi++) {
    const value = values[kpi]
    if (!HAS_BASELINE[kpi] || value === null || value === undefined) continue
    drift.sums[kpi] = drift.sums[kpi]! + value
    drift.counts[kpi] = drift.counts[kpi]! + 1
  }
}

/** The deviation of the running minute so far that is largest, and of which KPI; NaN and -1 without any. */
export function runningDrift(drift: DriftState): { deviation: number; kpi: number } {
  let largest = { deviation: Number.NaN, kpi: -1 }
  for (let kpi = 0; kpi < KPIS; kpi++) {
    const count = drift.counts[kpi]!
    const spread = drift.spread[kpi]!
    if (count === 0 || !(spread > 0)) continue
    const deviation = (drift.sums[kpi]! / count - drift.centre[kpi]!) / spread
    if (!(Math.abs(deviation) <= Math.abs(largest.deviation))) largest = { deviation, kpi }
  }
  return largest
}

/** The point of a minute as it is known now: told, or worked out of the running minute. */
export function knownPoint(drift: DriftState, minute: number): number {
  return minute === drift.runningMinute && minute > drift.toldMinute
    ? runningDrift(drift).deviation
    : pointAt(drift, minute)
}

/** A point as it is sent: two decimals; null for none. */
export function tidyDeviation(deviation: number): number | null {
  return Number.isFinite(deviation) ? Math.round(deviation * 100) / 100 : null
}

/** Mean deviation over the last four minutes; null without any point. */
export function driftScore(drift: DriftState, nowMs: number): number | null {
  const last = minuteOf(nowMs)
  let sum = 0
  let count = 0
  for (let minute = last - SCORE_POINTS + 1; minute <= last; minute++) {
    const point = knownPoint(drift, minute)
    if (!Number.isFinite(point)) continue
    sum += point
    count++
  }
  return count === 0 ? null : tidyDeviation(sum / count)
}

/** The KPI that is farthest from its normal now; null without a known deviation in the last four minutes. */
export function driftKpi(drift: DriftState, nowMs: number): string | null {
  const oldest = minuteOf(nowMs) - SCORE_POINTS
  const running = drift.runningMinute > oldest ? runningDrift(drift) : { deviation: Number.NaN, kpi: -1 }
  const told = drift.toldMinute > oldest ? pointAt(drift, drift.toldMinute) : Number.NaN
  // A line that is no KPI has no running value: it stays the farthest until the next minute says otherwise.
  const metricIsFarther = drift.toldMetric !== null && !(Math.abs(told) <= Math.abs(running.deviation))
  if (Number.isFinite(told) && metricIsFarther) return drift.toldMetric
  return kpis[running.kpi]?.name ?? null
}

export interface DriftLine {
  readonly endsAt: string
  readonly deviations: (number | null)[]
}

/** The line of the hour up to a moment, oldest first. */
export function driftLineOf(drift: DriftState, nowMs: number): DriftLine {
  const last = minuteOf(nowMs)
  const deviations: (number | null)[] = []
  for (let minute = last - DRIFT_POINTS + 1; minute <= last; minute++) {
    deviations.push(tidyDeviation(knownPoint(drift, minute)))
  }
  return { endsAt: new Date(last * MINUTE_MS).toISOString(), deviations }
}

/** What is usual of each KPI, by name; KPIs without a baseline are left out. */
export function normalsOf(drift: DriftState): Record<string, { centre: number | null; spread: number | null }> {
  const normals: Record<string, { centre: number | null; spread: number | null }> = {}
  for (const [kpi, { name }] of kpis.entries()) {
    const [centre, spread] = [drift.centre[kpi]!, drift.spread[kpi]!]
    if (Number.isFinite(centre)) normals[name] = { centre, spread: Number.isFinite(spread) ? spread : null }
  }
  return normals
}
