import { describe, expect, it } from 'vitest'
import { fitSeries, planRange } from './plan.ts'

const NOW = Date.UTC(2026, 0, 10, 12, 0, 0)
const HOUR = 3_600_000
const RAW = 48 * HOUR

describe('the plan of a range', () => {
  it.each([
    ['the last hour without a word', {}, { stepMs: 10_000, raw: true, fromMs: NOW - HOUR }],
    ['ten minutes at 1 s', { from: NOW - HOUR / 6, step: 1000 }, { stepMs: 1000, raw: true }],
    ['a day at 1 min', { from: NOW - 24 * HOUR, step: 60_000 }, { stepMs: 60_000, raw: false }],
    ['a day without a step', { from: NOW - 24 * HOUR }, { stepMs: 300_000, raw: false }],
    [
      'seconds that are gone',
      { from: NOW - 49 * HOUR, to: NOW - 48.9 * HOUR, step: 1000 },
      { stepMs: 60_000, raw: false },
    ],
    ['90 s becomes whole minutes', { from: NOW - 6 * HOUR, step: 90_000 }, { stepMs: 120_000, raw: false }],
    ['raw rows for last', { from: NOW - HOUR, step: 300_000, preferRaw: true }, { stepMs: 300_000, raw: true }],
  ])('%s', (_, request, plan) => {
    expect(planRange(request, NOW, RAW)).toMatchObject(plan)
  })

  it('starts at a multiple of the step', () => {
    expect(planRange({ from: NOW - 12_345, step: 10_000 }, NOW, RAW).fromMs % 10_000).toBe(0)
  })

  it.each([
    [{ from: NOW, to: NOW }, /^from must be before/],
    [{ from: NOW + 1 }, /^from must be before/],
    [{ from: NOW - 24 * HOUR, step: 1000 }, /^step must be at least 9s/],
  ])('refuses %j by name', (request, message) => {
    expect(() => planRange(request, NOW, RAW)).toThrowError(message)
  })

  it('keeps many series together below the limit', () => {
    const plan = planRange({ from: NOW - HOUR }, NOW, RAW)
    expect(fitSeries(plan, 10, false).stepMs).toBe(10_000)
    const wide = fitSeries(plan, 100, false)
    expect(((wide.toMs - wide.fromMs) / wide.stepMs) * 100).toBeLessThanOrEqual(10_100)
    expect(() => fitSeries(plan, 100, true)).toThrowError(/^step must be at least 36s/)
  })
})
