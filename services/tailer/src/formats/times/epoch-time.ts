/**
 * Milliseconds of a number that counts since the Unix epoch in seconds, milliseconds, microseconds or nanoseconds,
 * told apart by their size: seconds reach 1e11 in the year 5138, milliseconds have been above it since 1973.
 */
export function epochMs(value: number): number {
  const size = Math.abs(value)
  if (size < 1e11) return value * 1_000
  if (size < 1e14) return value
  if (size < 1e17) return value / 1_000
  return value / 1_000_000
}
