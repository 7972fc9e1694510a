const LONGEST_MS = 3_600_000

/** `Retry-After` of RFC 9110, 10.2.3: seconds or a date; at most an hour is waited. Null when it says nothing. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined || header.trim() === '') return null
  const seconds = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - nowMs
  return Number.isNaN(seconds) ? null : Math.min(Math.max(0, seconds), LONGEST_MS)
}
