/** Waiting times between attempts: doubling, with jitter so that a thousand agents do not come back at once. */
export interface Backoff {
  /** Milliseconds until the next attempt. */
  next(): number
  reset(): void
}

export function createBackoff(firstMs: number, maxMs: number, random: () => number = Math.random): Backoff {
  let attempt = 0
  return {
    next: () => {
      const ceiling = Math.min(maxMs, firstMs * 2 ** attempt)
      attempt = Math.min(attempt + 1, 30)
      return ceiling * (0.5 + random() / 2)
    },
    reset: () => {
      attempt = 0
    },
  }
}
