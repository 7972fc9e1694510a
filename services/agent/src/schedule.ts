/** Calls at interval marks that do not drift, however long a call takes. */
export interface Schedule {
  start(): void
  /** Marks that passed while a call was still running or the machine slept. */
  skipped(): number
  /** Resolves when no call is running any more. */
  stop(): Promise<void>
}

export interface ScheduleDeps {
  nowMs(): number
  /** Never throws: it reports for itself. */
  readonly run: () => Promise<void>
}

/** The first mark after a time. */
export function nextMark(nowMs: number, intervalMs: number, phaseMs: number): number {
  return (Math.floor((nowMs - phaseMs) / intervalMs) + 1) * intervalMs + phaseMs
}

/** Marks are multiples of the interval, moved by a phase of this agent so that not all send at the full second. */
export function createSchedule(intervalMs: number, phaseMs: number, deps: ScheduleDeps): Schedule {
  let timer: NodeJS.Timeout | null = null
  let running: Promise<void> = Promise.resolve()
  let stopped = false
  let skipped = 0
  let lastMark = Number.NaN

  const arm = (): void => {
    if (stopped) return
    const now = deps.nowMs()
    let mark = nextMark(now, intervalMs, phaseMs)
    // A timer may come a little early: the mark that it served lies ahead still, and is not served twice.
    if (mark === lastMark) mark += intervalMs
    timer = setTimeout(() => fire(mark), mark - now)
  }
  const fire = (mark: number): void => {
    // Negative after the clock was set back: nothing was skipped then.
    const passed = Math.round((mark - lastMark) / intervalMs) - 1
    if (passed > 0) skipped += passed
    lastMark = mark
    running = deps.run().then(arm)
  }

  return {
    start: arm,
    skipped: () => skipped,
    stop: async () => {
      stopped = true
      if (timer !== null) clearTimeout(timer)
      await running
    },
  }
}
