import type { Buckets } from './quantiles.ts'

/** One side of an exponential histogram: `counts[i]` lies in bucket `offset + i`. */
export interface Side {
  readonly offset: number
  readonly counts: Float64Array
}

/** An exponential histogram: bucket i reaches from base^i to base^(i+1), where base is 2^(2^-scale). */
export interface Exponential {
  readonly scale: number
  readonly zeroCount: number
  readonly zeroThreshold: number
  readonly positive: Side
  readonly negative: Side
}

export const noSide: Side = { offset: 0, counts: new Float64Array() }

/** Joins neighbouring buckets until the histogram has the coarser scale. */
export function coarsen(histogram: Exponential, scale: number): Exponential {
  const steps = histogram.scale - scale
  if (steps <= 0) return histogram
  const side = ({ offset, counts }: Side): Side => {
    if (counts.length === 0) return noSide
    const indexOf = (index: number): number => Math.floor(index / 2 ** steps)
    const first = indexOf(offset)
    const joined = new Float64Array(indexOf(offset + counts.length - 1) - first + 1)
    for (let i = 0; i < counts.length; i++) joined[indexOf(offset + i) - first]! += counts[i]!
    return { offset: first, counts: joined }
  }
  return { ...histogram, scale, positive: side(histogram.positive), negative: side(histogram.negative) }
}

/** What was counted between two states of a cumulative histogram; null when it fell, so began anew. */
export function subtractExponential(later: Exponential, earlier: Exponential): Exponential | null {
  const scale = Math.min(later.scale, earlier.scale)
  const [now, then] = [coarsen(later, scale), coarsen(earlier, scale)]
  const positive = subtractSide(now.positive, then.positive)
  const negative = subtractSide(now.negative, then.negative)
  const zeroCount = now.zeroCount - then.zeroCount
  return positive === null || negative === null || zeroCount < 0 ? null : { ...now, zeroCount, positive, negative }
}

function subtractSide(later: Side, earlier: Side): Side | null {
  const counts = later.counts.slice()
  for (let i = 0; i < earlier.counts.length; i++) {
    const before = earlier.counts[i]!
    if (before === 0) continue
    const index = earlier.offset + i - later.offset
    if (index < 0 || index >= counts.length || counts[index]! < before) return null
    counts[index]! -= before
  }
  return { offset: later.offset, counts }
}

/** The same as buckets with bounds, from the most negative to the most positive. */
export function bucketsOf({ scale, zeroCount, zeroThreshold, positive, negative }: Exponential): Buckets {
  const boundOf = (index: number): number => 2 ** (index * 2 ** -scale)
  const upper: number[] = []
  const counts: number[] = []
  const add = (bound: number, count: number): void => {
    upper.push(bound)
    counts.push(count)
  }
  for (let i = negative.counts.length - 1; i >= 0; i--) add(-boundOf(negative.offset + i), negative.counts[i]!)
  // Empty buckets fill the gaps on both sides of zero, so that every bucket begins where the one before it ends.
  if (upper.length > 0) add(-zeroThreshold, 0)
  const floor = upper.length > 0 ? -boundOf(negative.offset + negative.counts.length) : -zeroThreshold
  add(zeroThreshold, zeroCount)
  if (positive.counts.length > 0) add(boundOf(positive.offset), 0)
  for (const [i, count] of positive.counts.entries()) add(boundOf(positive.offset + i + 1), count)
  return { floor, upper: Float64Array.from(upper), counts: Float64Array.from(counts) }
}
