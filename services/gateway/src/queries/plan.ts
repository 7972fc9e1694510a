import { badParameter } from '../http/problems.ts'

/** How a range is read: from which table, and in which steps. Times are milliseconds since the Unix epoch. */
export interface RangePlan {
  readonly fromMs: number
  readonly toMs: number
  readonly stepMs: number
  /** Whether the second-by-second rows are read; else the 1-minute roll-ups. */
  readonly raw: boolean
}

export interface RangeRequest {
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly step?: number | undefined
  /** Whether only raw rows can answer it as long as they are there. */
  readonly preferRaw?: boolean
}

const MINUTE_MS = 60_000
const DEFAULT_RANGE_MS = 60 * MINUTE_MS
/** Steps for ranges that name none; the first that gives at most this many points is taken. */
const POINTS_AIM = 400
const NICE_STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400].map(
  (seconds) => seconds * 1000,
)
/** An answer with more points than this is refused: no screen shows them, and they would hold up everybody. */
export const POINTS_MAX = 10_000

/**
 * Decides how to read a range. Raw rows answer steps below a minute while they are kept; everything else comes from
 * 1-minute roll-ups, whose steps are whole minutes. Errors: 400 for an empty range or a step that is too fine.
 */
export function planRange(request: RangeRequest, nowMs: number, rawRetentionMs: number): RangePlan {
  const toMs = request.to ?? nowMs
  const fromMs = request.from ?? toMs - DEFAULT_RANGE_MS
  if (fromMs >= toMs) throw badParameter('from', 'must be before `to`')
  const rangeMs = toMs - fromMs
  const rawKept = fromMs >= nowMs - rawRetentionMs
  const wished = request.step ?? niceStep(rangeMs)
  const raw = rawKept && (wished < MINUTE_MS || request.preferRaw === true)
  const stepMs = raw ? wished : Math.ceil(wished / MINUTE_MS) * MINUTE_MS
  if (rangeMs / stepMs > POINTS_MAX) {
    throw badParameter('step', `must be at least ${Math.ceil(rangeMs / POINTS_MAX / 1000)}s for this range`)
  }
  return { fromMs: Math.floor(fromMs / stepMs) * stepMs, toMs, stepMs, raw }
}

function niceStep(rangeMs: number): number {
  return NICE_STEPS_MS.find((stepMs) => rangeMs / stepMs <= POINTS_AIM) ?? Math.ceil(rangeMs / POINTS_AIM)
}

/** Keeps the points of all series of an answer together below the limit; a chosen step is refused, ours is widened. */
export function fitSeries(plan: RangePlan, series: number, stepGiven: boolean): RangePlan {
  const points = ((plan.toMs - plan.fromMs) / plan.stepMs) * series
  if (points <= POINTS_MAX) return plan
  const unit = plan.raw ? 1000 : MINUTE_MS
  const stepMs = Math.ceil(((plan.toMs - plan.fromMs) * series) / POINTS_MAX / unit) * unit
  if (stepGiven) throw badParameter('step', `must be at least ${stepMs / 1000}s for this range of ${series} series`)
  return { ...plan, stepMs, fromMs: Math.floor(plan.fromMs / stepMs) * stepMs }
}
