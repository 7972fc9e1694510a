/** Counts events per second over a sliding window of ten one-second slots. */
export interface RateMeter {
  add(count: number, nowMs: number): void
  perSecond(nowMs: number): number
}

const SLOTS = 10

export function createRateMeter(): RateMeter {
  const counts = new Float64Array(SLOTS)
  const seconds = new Float64Array(SLOTS)
  return {
    add(count, nowMs) {
      const second = Math.floor(nowMs / 1000)
      const slot = second % SLOTS
      if (seconds[slot] !== second) {
        seconds[slot] = second
        counts[slot] = 0
      }
      counts[slot] = counts[slot]! + count
    },
    perSecond(nowMs) {
      // The running second is not over: it would drag the rate down, so only the whole ones before it count.
      const current = Math.floor(nowMs / 1000)
      let sum = 0
      for (let slot = 0; slot < SLOTS; slot++) {
        const age = current - seconds[slot]!
        if (age >= 1 && age < SLOTS) sum += counts[slot]!
      }
      return Math.round((sum / (SLOTS - 1)) * 10) / 10
    },
  }
}
