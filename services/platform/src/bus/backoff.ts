const FIRST_MS = 50
const LONGEST_MS = 5000

/** Waits longer after each failure in a row. */
export interface Backoff {
  wait(): Promise<void>
  /** Ends a wait under way at once, and all later ones. */
  cancel(): void
  /** Something succeeded: the next wait is short again. */
  reset(): void
}

export function createBackoff(firstMs: number = FIRST_MS, longestMs: number = LONGEST_MS): Backoff {
  let nextMs = firstMs
  let cancelled = false
  let endWait: () => void = () => {}
  return {
    async wait() {
      if (cancelled) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, nextMs)
        endWait = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      nextMs = Math.min(nextMs * 2, longestMs)
    },
    cancel() {
      cancelled = true
      endWait()
    },
    reset() {
      nextMs = firstMs
    },
  }
}
