import { expect, it } from 'vitest'
import { periodBefore } from './schedule-period.ts'

it.each([
  ['2026-11-22T02:30:00Z', 'day', 'Asia/Kolkata', '2026-11-20T18:30:00Z', '2026-11-21T18:30:00Z'],
  ['2026-11-22T02:30:00Z', 'week', 'UTC', '2026-11-15T00:00:00Z', '2026-11-22T00:00:00Z'],
  ['2026-03-01T08:00:00Z', 'month', 'UTC', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'],
  ['2026-01-31T23:30:00Z', 'month', 'Asia/Tokyo', '2025-12-31T15:00:00Z', '2026-01-31T15:00:00Z'],
  // Clocks go forward on the 29th, so that this day has 23 hours.
  ['2026-03-30T06:00:00Z', 'day', 'Europe/Berlin', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
  // Here the clocks change at midnight: the day begins at one.
  ['2026-09-07T12:00:00Z', 'day', 'America/Santiago', '2026-09-06T04:00:00Z', '2026-09-07T03:00:00Z'],
  ['2026-11-22T12:00:00Z', 'day', 'Pacific/Kiritimati', '2026-11-21T10:00:00Z', '2026-11-22T10:00:00Z'],
] as const)('before %s the %s in %s is %s to %s', (at, period, zone, from, to) => {
  const range = periodBefore(Date.parse(at), period, zone)
  expect([range.fromMs, range.toMs]).toEqual([Date.parse(from), Date.parse(to)])
})
