import { expect, it } from 'vitest'
import { createFormat } from '../format.ts'
import { axisSpan, msOf, ticks, xOf } from './strip.ts'

const HOUR = 3_600_000
const now = new Date(2026, 10, 17, 14, 40, 10).getTime()
const axis = { fromMs: now - 24 * HOUR, toMs: now, width: 1000 }

it('shows a day, half a day on the phone, and more when the range needs it', () => {
  expect(axisSpan(now - HOUR, now, false)).toBe(24 * HOUR)
  expect(axisSpan(now - HOUR, now, true)).toBe(12 * HOUR)
  expect(axisSpan(now - 24 * HOUR, now, false)).toBe(72 * HOUR)
  expect(axisSpan(now - 300 * 24 * HOUR, now, false)).toBeGreaterThan(300 * 24 * HOUR)
})

it('maps times to places and back', () => {
  expect(xOf(axis, now)).toBe(1000)
  expect(msOf(axis, xOf(axis, now - 5 * HOUR))).toBeCloseTo(now - 5 * HOUR, -1)
})

it('puts a hairline on each hour, words where there is room, and the day at midnight', () => {
  const marks = ticks(axis, createFormat('en-GB'), 40)
  expect(marks).toHaveLength(24)
  const words = marks.filter((mark) => mark.label).map((mark) => mark.label)
  expect(words.length).toBeLessThanOrEqual(1000 / 64)
  expect(words.some((word) => word.startsWith('Tue'))).toBe(true)
  expect(words).toContain('06:00')
})

it('never makes more than a few hundred marks', () => {
  const wide = { fromMs: now - 60 * 24 * HOUR, toMs: now, width: 300 }
  expect(ticks(wide, createFormat('en-GB'), 40).length).toBeLessThan(100)
})
