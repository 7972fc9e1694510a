import { describe, expect, test } from 'vitest'
import type { BaselineAnswer } from '../api/types.ts'
import { causeOf } from './tip.ts'

const at = Date.parse('2026-05-04T08:00:00.000Z')
const answer = (metric: string, deviation: number | null, step = 60): BaselineAnswer => ({
  processId: 'os:web-1:nginx',
  metric,
  unit: 'By',
  step,
  points: [{ time: new Date(at).toISOString(), value: 9, centre: 2, spread: 1, deviation }],
})

describe('what was off in a minute', () => {
  test('is the KPI whose deviation the line shows', () => {
    expect(causeOf([answer('cpu', 1.2), answer('memory', 6.98)], at, 7)?.metric).toBe('memory')
    expect(causeOf([answer('cpu', -7), answer('memory', 7)], at, -7)?.metric).toBe('cpu')
  })
  test('is unknown when none is near, or when the minute is another', () => {
    expect(causeOf([answer('cpu', 3), answer('memory', null)], at, 7)).toBeNull()
    expect(causeOf([answer('cpu', 7)], at + 60_000, 7)).toBeNull()
    expect(causeOf([], at, 7)).toBeNull()
  })
})
