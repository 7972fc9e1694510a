/** Spreads the messages of one client so that they keep to a rate, with a burst of one second. */
export interface Pacer {
  /** How long the next message must wait, milliseconds; 0 for not at all. */
  delayMs(nowMs: number): number
}

export function createPacer(perSecond: number): Pacer {
  const intervalMs = 1000 / perSecond
  /** When the bucket is full again. */
  let fullAtMs = 0
  return {
    delayMs(nowMs) {
      fullAtMs = Math.max(fullAtMs, nowMs) + intervalMs
      return Math.max(0, fullAtMs - nowMs - 1000)
    },
  }
}
