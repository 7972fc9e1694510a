/** Buckets in rising order: bucket i holds what is above `upper[i - 1]` and up to `upper[i]`. */
export interface Buckets {
  /** Lower end of the first bucket. */
  readonly floor: number
  /** Upper ends; the last may be infinite. */
  readonly upper: Float64Array
  readonly counts: Float64Array
}

/** Quantiles that are made of a histogram. */
export const quantiles = [0.5, 0.95, 0.99] as const

/** Counts of two histograms over the same bounds, later minus earlier; null when it fell, so began anew. */
export function subtractCounts(later: Float64Array, earlier: Float64Array): Float64Array | null {
  if (later.length !== earlier.length) return null
  const difference = new Float64Array(later.length)
  for (let i = 0; i < later.length; i++) {
    const each = later[i]! - earlier[i]!
    if (each < 0) return null
    difference[i] = each
  }
  return difference
}

export function sumOf(counts: Float64Array): number {
  let total = 0
  for (const count of counts) total += count
  return total
}

/**
 * The quantile `q`, as if values were spread evenly within each bucket. What lies above the last finite bound is taken
 * for that bound. Null when the buckets hold nothing, or say nothing about where it lies.
 */
export function quantileOf({ floor, upper, counts }: Buckets, q: number): number | null {
  const total = sumOf(counts)
  if (!(total > 0)) return null
  const rank = q * total
  let before = 0
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!
    if (count > 0 && before + count >= rank) {
      const low = i === 0 ? floor : upper[i - 1]!
      const high = upper[i]!
      const value = Number.isFinite(high) ? low + (high - low) * ((rank - before) / count) : low
      return Number.isFinite(value) ? value : null
    }
    before += count
  }
  return null
}

/** Where the first bucket begins: at zero for what cannot be negative, else nowhere but at its own end. */
export function floorOf(bounds: Float64Array): number {
  const first = bounds[0]
  return first === undefined ? Number.NaN : Math.min(0, first)
}
