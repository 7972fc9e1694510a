import { describe, expect, it } from 'vitest'
import { queryTime } from './common.ts'

describe('a moment in a query string', () => {
  it.each([
    ['2026-01-01', Date.UTC(2026, 0, 1)],
    ['2026-01-01T00:00Z', Date.UTC(2026, 0, 1)],
    ['2026-01-01T00:00:01.5Z', Date.UTC(2026, 0, 1) + 1500],
    ['2026-01-01T02:00:00+02:00', Date.UTC(2026, 0, 1)],
    ['1767225600000', Date.UTC(2026, 0, 1)],
  ])('%s is read', (text, atMs) => {
    expect(queryTime.parse(text)).toBe(atMs)
  })

  it.each(['2026-01-01T00:00', '2026-01-01T00:00:00', '2026-01-01T00:00:00.123'])('%s must say its zone', (text) => {
    expect(queryTime.safeParse(text).error?.issues[0]?.message).toMatch(/^must say its zone/)
  })

  it.each(['', 'now', '2026-13-01', '2026-01-01 00:00', '2026-01-01T00:00 UTC', '2026-01-01T00:00Zx', '-1'])(
    '"%s" is refused',
    (text) => expect(queryTime.safeParse(text).error?.issues[0]?.message).toMatch(/ISO 8601 time with its zone/),
  )
})
