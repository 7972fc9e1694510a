/** Turns times on the clock of a place into times since the Unix epoch. */
export interface TimeZone {
  /** `localMs` counts as if the clock showed UTC. In the hour that a clock shows twice, the earlier one. */
  toUtcMs(localMs: number): number
}

const QUARTER_MS = 900_000

/**
 * By IANA name; UTC without. Throws `RangeError` for a name that is none. The distance from UTC is
 * asked once for each quarter of an hour, the finest in which zones change.
 */
export function createTimeZone(name: string | undefined): TimeZone {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: name ?? 'UTC',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  if (format.resolvedOptions().timeZone === 'UTC') return { toUtcMs: (localMs) => localMs }
  const offsetAt = (utcMs: number): number => {
    const parts: Record<string, number> = {}
    for (const part of format.formatToParts(utcMs)) parts[part.type] = Number(part.value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(utcMs / 1_000) * 1_000
  }
  let lastQuarter = Number.NaN
  let lastOffset = 0
  return {
    toUtcMs(localMs) {
      if (!Number.isFinite(localMs)) return Number.NaN
      const quarter = Math.floor(localMs / QUARTER_MS)
      if (quarter !== lastQuarter) {
        // The offset before and after may differ on the day of a change: the one that leads back to itself is right.
        const earlier = offsetAt(localMs - offsetAt(localMs - 43_200_000))
        lastOffset = offsetAt(localMs - earlier)
        lastQuarter = quarter
      }
      return localMs - lastOffset
    },
  }
}
