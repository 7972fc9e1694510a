/** So many changes within the window, and far more than usual, are flapping; it is over when few are left. */
const CHANGES_MIN = 6
const CHANGES_OVER = 2
const WINDOW_MS = 600_000
const TIMES_USUAL = 3
/** Without having been seen for so long nothing is usual. */
const SEEN_MIN_MS = 1_800_000
/** What is usual is a mean over about so long. */
const MEMORY_MS = 86_400_000

/** Changes of a series that is either 0 or 1. Plain data. */
export interface StateChanges {
  /** Event times within the window. */
  times: number[]
  /** Changes before the window, and the time in which they came. */
  before: number
  sinceMs: number
  flapping: boolean
}

export function createStateChanges(seenSinceMs: number): StateChanges {
  return { times: [], before: 0, sinceMs: seenSinceMs, flapping: false }
}

export function noteChange(changes: StateChanges, timeMs: number): void {
  changes.times.push(timeMs)
}

/** Lets time pass: what leaves the window becomes what is usual. */
export function passChanges(changes: StateChanges, nowMs: number): void {
  const gone = changes.times.filter((time) => time <= nowMs - WINDOW_MS).length
  if (gone > 0) {
    changes.times = changes.times.slice(gone)
    changes.before += gone
  }
  const seenMs = nowMs - WINDOW_MS - changes.sinceMs
  if (seenMs > 2 * MEMORY_MS) {
    changes.before /= 2
    changes.sinceMs += seenMs / 2
  }
  const usual = (changes.before * WINDOW_MS) / Math.max(seenMs, WINDOW_MS)
  const count = changes.times.length
  if (changes.flapping) changes.flapping = count > CHANGES_OVER
  else changes.flapping = seenMs >= SEEN_MIN_MS && count >= CHANGES_MIN && count > TIMES_USUAL * usual
}

export const changesWindowMinutes = WINDOW_MS / 60_000
