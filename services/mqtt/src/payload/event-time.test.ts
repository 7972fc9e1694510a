import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findTimeKey, parseTime, type TimeFormat } from './event-time.ts'

const at = Date.UTC(2026, 10, 17, 14, 40, 9, 871)

test.each<[unknown, TimeFormat, number]>([
  [at, 'auto', at],
  [at, 'ms', at],
  [String(at), 'auto', at],
  [at / 1000, 's', at],
  [at / 1000, 'auto', at],
  [at * 1000, 'us', at],
  [at * 1000, 'auto', at],
  [`${at}000000`, 'ns', at],
  [`${at}000000`, 'auto', at],
  ['2026-11-17T14:40:09.871Z', 'iso', at],
  ['2026-11-17T14:40:09.871Z', 'auto', at],
  ['2026-11-17 14:40:09,871999', 'auto', at],
  ['2026-11-17T20:10:09.871+05:30', 'iso', at],
  ['2026-11-17T10:40:09.871-0400', 'iso', at],
  ['2026-11-17T14:40Z', 'iso', Date.UTC(2026, 10, 17, 14, 40)],
  ['2028-02-29T00:00:00Z', 'iso', Date.UTC(2028, 1, 29)],
])('%j as %s', (value, format, expected) => {
  expect(parseTime(value, format)).toBe(expected)
})

test.each<[unknown, TimeFormat]>([
  ['2026-02-29T00:00:00Z', 'iso'],
  ['2026-13-01T00:00:00Z', 'iso'],
  ['2026-11-17T24:00:00Z', 'iso'],
  ['yesterday', 'auto'],
  ['1', 'iso'],
  ['', 'auto'],
  ['1e5', 'ms'],
  [at, 'iso'],
  ['2026-11-17T14:40:09Z', 'ms'],
  [null, 'auto'],
  [{}, 'auto'],
  [Number.NaN, 'auto'],
  [Number.POSITIVE_INFINITY, 'ms'],
  [1e300, 's'],
])('%j as %s is no time', (value, format) => {
  expect(parseTime(value, format)).toBeNaN()
})

test('every time that JavaScript writes is read back', () => {
  const years = { min: new Date('1000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }
  fc.assert(fc.property(fc.date(years), (date) => parseTime(date.toISOString(), 'iso') === date.getTime()))
})

test.each<[object, string | null]>([
  [{ temp: 1, ts: at }, 'ts'],
  [{ Time: at, timestamp: at }, 'timestamp'],
  [{ ts: 12_345, time: at }, 'time'],
  [{ t: 21.5 }, null],
  [{ time: '14:40' }, null],
  [{ ts: null }, null],
  [{ uptime: at }, null],
])('of %j the time is %s', (row, key) => {
  expect(findTimeKey(row, 'auto')).toBe(key)
})
