/** How long frames took from the agent's reading to the sockets, over the last minute. */
export interface LatencyWindow {
  add(latencyMs: number, nowMs: number): void
  /** Null without a frame in the last minute. */
  quantile(share: number, nowMs: number): number | null
}

const CAPACITY = 4096
const WINDOW_MS = 60_000

export function createLatencyWindow(): LatencyWindow {
  const values = new Float64Array(CAPACITY)
  const times = new Float64Array(CAPACITY)
  let next = 0
  return {
    add(latencyMs, nowMs) {
      values[next % CAPACITY] = latencyMs
      times[next % CAPACITY] = nowMs
      next++
    },
    quantile(share, nowMs) {
      const recent: number[] = []
      for (let index = 0; index < Math.min(next, CAPACITY); index++) {
        if (nowMs - times[index]! <= WINDOW_MS) recent.push(values[index]!)
      }
      if (recent.length === 0) return null
      recent.sort((a, b) => a - b)
      return Math.round(recent[Math.min(recent.length - 1, Math.floor(share * recent.length))]! * 10) / 10
    },
  }
}
