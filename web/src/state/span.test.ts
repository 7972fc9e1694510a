import { expect, it } from 'vitest'
import { fittingRangeMs, formatSpan, parseSpan, spanWords } from './span.ts'

it.each([
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['1h30m', 5_400_000],
  ['7d', 604_800_000],
])('%s is %d ms and back', (text, ms) => {
  expect(parseSpan(text)).toBe(ms)
  expect(formatSpan(ms)).toBe(text)
})

it.each(['', '0s', 'h', '1x', '-5m', '1h 5m', '9999999999999999d'])('%s is no span', (text) =>
  expect(parseSpan(text)).toBeNull(),
)

it('says spans in words', () => expect(spanWords(5_400_000)).toBe('1 h 30 min'))

it.each([
  [null, 3_600_000],
  [10_000, 300_000],
  [300_000, 300_000],
  [300_001, 900_000],
  [1_000_000, 3_600_000],
  [86_400_000, 3_600_000],
])('data of %s ms opens with a range of %d ms', (ageMs, rangeMs) => {
  expect(fittingRangeMs(ageMs === null ? null : 1e9 - ageMs, 1e9)).toBe(rangeMs)
})
