const STRETCH_MS = 1000

/**
 * Messages per second of each mapping since it was last asked, from counts that only grow. Asked again within a second it
 * answers as before; counts of another array are those of a new definition and begin anew.
 */
export function createTakenRates(): (taken: Float64Array, nowMs: number) => Float64Array {
  let counted: Float64Array | null = null
  let before = new Float64Array(0)
  let rates = new Float64Array(0)
  let sinceMs = 0

  return (taken, nowMs) => {
    if (taken !== counted) {
      counted = taken
      before = Float64Array.from(taken)
      rates = new Float64Array(taken.length)
      sinceMs = nowMs
    }
    const elapsedMs = nowMs - sinceMs
    if (elapsedMs >= STRETCH_MS) {
      rates = taken.map((count, index) => ((count - (before[index] ?? 0)) * 1000) / elapsedMs)
      before = Float64Array.from(taken)
      sinceMs = nowMs
    }
    return rates
  }
}
