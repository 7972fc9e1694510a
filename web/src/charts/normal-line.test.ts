import { expect, test } from 'vitest'
import type { BaselineAnswer } from '../api/types.ts'
import { lineOfBaseline, meanDeviation } from './normal-line.ts'

const start = Date.UTC(2026, 4, 4, 8)
const minute = 60_000
const answer = (deviations: readonly (number | null)[]): BaselineAnswer => ({
  processId: 'os:a:b',
  metric: 'cpu',
  unit: '{cpu}',
  step: 60,
  points: deviations.map((deviation, i) => ({
    time: new Date(start + i * minute).toISOString(),
    value: 1,
    centre: 1,
    spread: 1,
    deviation,
  })),
})

test('an hour has a point per minute, and the minute that runs borrows the one before', () => {
  const line = lineOfBaseline(answer(Array.from({ length: 59 }, (_, i) => i)), start, start + 60 * minute)
  expect(line.deviations).toHaveLength(60)
  expect(line.deviations.slice(-3)).toEqual([57, 58, 58])
  expect(line.endsAtMs).toBe(start + 59 * minute)
})

test('longer ranges keep the farthest of each stretch', () => {
  const points = Array.from({ length: 120 }, (_, i) => (i === 7 ? -9 : 1))
  const line = lineOfBaseline(answer(points), start, start + 120 * minute)
  expect(line.deviations).toHaveLength(60)
  expect(line.deviations[3]).toBe(-9)
})

test('what is unknown stays unknown, and points outside of the range are left out', () => {
  const line = lineOfBaseline(answer([null, 2, null, null, null]), start, start + 4 * minute)
  expect(line.deviations).toEqual([null, 2, null, null])
  expect(lineOfBaseline(answer([5]), start + minute, start + 4 * minute).deviations.every((one) => one === null)).toBe(
    true,
  )
})

test('the score is the mean of the last 4 min', () => {
  expect(meanDeviation(answer([9, 9, 1, 2, 3, 4]), start + 6 * minute)).toBe(2.5)
  expect(meanDeviation(answer([9, null]), start + 2 * minute)).toBe(9)
  expect(meanDeviation(answer([9]), start + 60 * minute)).toBeNull()
})
