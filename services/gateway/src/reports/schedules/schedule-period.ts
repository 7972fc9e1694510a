const DAY_MS = 86_400_000

/** The whole days before the day of `atMs`, in a time zone: one, seven, or those of the calendar month before. */
export function periodBefore(
  atMs: number,
  period: 'day' | 'week' | 'month',
  timeZone: string,
): { readonly fromMs: number; readonly toMs: number } {
  const [year, month, day] = dateOf(atMs, timeZone)
  if (period === 'month') {
    return {
      fromMs: midnight(Date.UTC(year, month - 2, 1), timeZone),
      toMs: midnight(Date.UTC(year, month - 1, 1), timeZone),
    }
  }
  const today = Date.UTC(year, month - 1, day)
  const days = period === 'day' ? 1 : 7
  return { fromMs: midnight(today - days * DAY_MS, timeZone), toMs: midnight(today, timeZone) }
}

/** Year, month from 1, and day. */
function dateOf(atMs: number, timeZone: string): [number, number, number] {
  const format = new Intl.DateTimeFormat('en-CA', { year: 'numeric', month: '2-digit', day: '2-digit', timeZone })
  const [year = 1970, month = 1, day = 1] = format.format(atMs).split('-').map(Number)
  return [year, month, day]
}

/** When a date, given as its midnight in UTC, begins in the zone: where clocks change at midnight, at its first moment. */
function midnight(dateUtcMs: number, timeZone: string): number {
  const target = new Date(dateUtcMs).toISOString().slice(0, 10)
  const isBefore = (atMs: number): boolean => {
    const [year, month, day] = dateOf(atMs, timeZone)
    return new Date(Date.UTC(year, month - 1, day)).toISOString().slice(0, 10) < target
  }
  // Zones are at most 14 hours from UTC; a day begins on a whole minute.
  let [low, high] = [dateUtcMs / 60_000 - 15 * 60, dateUtcMs / 60_000 + 15 * 60]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (isBefore(middle * 60_000)) low = middle + 1
    else high = middle
  }
  return low * 60_000
}
