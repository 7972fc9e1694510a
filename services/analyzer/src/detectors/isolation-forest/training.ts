import { featureCount, featureNames } from './features.ts'
import type { WatchedProcess } from './watched.ts'

/** What a forest is to be trained on, and from when on it is to hold. Times in milliseconds of event time. */
export interface TrainingJob {
  readonly tenant: string
  /** Process id. */
  readonly process: string
  readonly seed: bigint
  /** KPI names, in the order of the values of a row. */
  readonly features: readonly string[]
  /** Row-major, on the scale of `features.ts`. */
  readonly points: Float32Array
  readonly trainedFromMs: number
  readonly trainedThroughMs: number
  readonly effectiveTimeMs: number
}

/** Minutes of data before the first forest. */
const ROWS_MIN = 60
/** How old a forest becomes. */
const AGAIN_AFTER = 24 * 60
/**
 * While something is out of the normal nothing is learnt, or the first minutes of a trouble would make it normal. What
 * lasts for so long is a new normal, and learnt at once.
 */
const NEW_NORMAL_AFTER = 6 * 60
/** Until a forest has seen a day it is trained again each time its data has doubled, and every six hours at least. */
const YOUNG = { until: 24 * 60, againAfter: 6 * 60 }
/** What was asked for and did not come is asked for again. */
const LOST_AFTER = 15
/** Requests of processes that came at once are spread over so many minutes. */
const SPREAD = 60
const MINUTE_MS = 60_000

/** Whether a process is to be trained now: by event time and what it has seen, so that a replay asks at the same time. */
export function isDue(entry: WatchedProcess, minute: number): boolean {
  const { rows, requestedThrough, model } = entry
  if (rows.count < ROWS_MIN) return false
  if (requestedThrough === -1) return true
  const passed = minute - requestedThrough
  const isNewNormal = entry.raisedSince !== -1 && minute - entry.raisedSince >= NEW_NORMAL_AFTER
  if (entry.streak > 0 && !isNewNormal) return false
  if (entry.awaitsModel) return passed >= LOST_AFTER
  const span = model === null ? 0 : (model.trainedThroughMs - model.trainedFromMs) / MINUTE_MS
  if (span < YOUNG.until) return passed >= Math.min(YOUNG.againAfter, Math.max(ROWS_MIN, span))
  const spread = (rows.salt >>> 0) % SPREAD
  return passed >= (isNewNormal ? NEW_NORMAL_AFTER : AGAIN_AFTER + spread)
}

/** The columns that have data in at least half of the rows. One that never varied counts, too: that it does is news. */
function usefulFeatures({ rows }: WatchedProcess): number[] {
  const { count, values } = rows
  const useful: number[] = []
  for (let feature = 0; feature < featureCount; feature++) {
    let known = 0
    for (let row = 0; row < count; row++) if (!Number.isNaN(values[row * featureCount + feature]!)) known += 1
    if (known * 2 >= count) useful.push(feature)
  }
  return useful
}

/** What to train on now; null when there are fewer than two KPIs: one alone is the streaming detector's. */
export function trainingJob(
  entry: WatchedProcess,
  of: { readonly tenant: string; readonly process: string },
  seed: bigint,
  effectiveTimeMs: number,
): TrainingJob | null {
  const { count, minute, values } = entry.rows
  const useful = usefulFeatures(entry)
  if (useful.length < 2) return null
  const points = new Float32Array(count * useful.length)
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  // In the order of time, so that a forest depends on which rows there are and not on how they came to be kept.
  const order = Array.from({ length: count }, (_, row) => row).sort((a, b) => minute[a]! - minute[b]!)
  for (const [at, row] of order.entries()) {
    first = Math.min(first, minute[row]!)
    last = Math.max(last, minute[row]!)
    for (const [column, feature] of useful.entries()) {
      points[at * useful.length + column] = values[row * featureCount + feature]!
    }
  }
  return {
    ...of,
    seed,
    features: useful.map((feature) => featureNames[feature]!),
    points,
    trainedFromMs: first * MINUTE_MS,
    trainedThroughMs: (last + 1) * MINUTE_MS,
    effectiveTimeMs,
  }
}
