import { tailShares } from './trained-model.ts'

/**
 * The share of normal minutes that may score above the alarm threshold, by sensitivity (0 to 1): one in a hundred at 1,
 * one in 100,000 (about one in ten weeks) at the default of 0.8, a thousand times fewer for each 0.2 less. The higher
 * the sensitivity, the readier the alarm.
 */
export function contaminationOf(sensitivity: number): number {
  return 10 ** (-2 - 15 * (1 - Math.min(1, Math.max(0, sensitivity))))
}

/** Beyond the tail that the training points show, a share ten times smaller is taken to score higher by this. */
const SCORE_PER_DECADE = 0.02

/** The score above which a point is isolated: what the share of the training points exceeds, between those of `tail`. */
export function thresholdOf(tail: Float32Array, contamination: number): number {
  const last = tailShares.length - 1
  if (contamination <= tailShares[last]!) {
    return tail[last]! + SCORE_PER_DECADE * Math.log10(tailShares[last]! / contamination)
  }
  let at = 1
  while (tailShares[at]! > contamination) at += 1
  const [larger, smaller] = [tailShares[at - 1]!, tailShares[at]!]
  const part = Math.log(larger / Math.min(larger, contamination)) / Math.log(larger / smaller)
  return tail[at - 1]! + part * (tail[at]! - tail[at - 1]!)
}
