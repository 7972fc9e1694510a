/**
 * Runs one request at a time and remembers only the newest wish meanwhile. While a hand drags through time,
 * frames keep arriving as fast as the server answers; aborting each one would show none until the hand rests.
 */
export function createLatest<Wish>(run: (wish: Wish, signal: AbortSignal) => Promise<void>, patienceMs = 4000) {
  let running: AbortController | null = null
  let startedMs = 0
  let next: { wish: Wish } | null = null

  async function start(wish: Wish): Promise<void> {
    const mine = new AbortController()
    running = mine
    startedMs = Date.now()
    try {
      await run(wish, mine.signal)
    } finally {
      if (running === mine) {
        running = null
        const waiting = next
        next = null
        if (waiting) void start(waiting.wish)
      }
    }
  }

  return {
    want(wish: Wish): void {
      if (running && Date.now() - startedMs < patienceMs) {
        next = { wish }
        return
      }
      running?.abort()
      next = null
      void start(wish)
    },
    cancel(): void {
      next = null
      const was = running
      running = null
      was?.abort()
    },
  }
}
