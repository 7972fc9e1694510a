import { expect, it } from 'vitest'
import { createTrail, noteTrail, TRAIL_POINTS, trailUpTo } from './trail.ts'

const T = 1_700_000_000_000
const filled = (...points: [number, number | null][]) => {
  const trail = createTrail()
  for (const [second, value] of points) noteTrail(trail, T + second * 1000, value)
  return trail
}

it('has a point each 5 s, the last of each, up to now', () => {
  expect(trailUpTo(filled([0, 1], [4, 2], [5, 2.34567], [20, 4]), T + 22_000)).toEqual([2, 2.346, null, null, 4])
  expect(trailUpTo(filled([0, 1]), T + 12_000)).toEqual([1, null, null])
})

it('is empty before the first and long after the last', () => {
  expect(trailUpTo(createTrail(), T)).toEqual([])
  expect(trailUpTo(filled([0, 1]), T + 3_600_000)).toEqual([])
})

it('lets go of what is older than five minutes, also after a long silence', () => {
  const trail = filled(...Array.from({ length: 100 }, (_, step): [number, number] => [step * 5, step]))
  expect(trailUpTo(trail, T + 99 * 5000)).toEqual(Array.from({ length: TRAIL_POINTS }, (_, i) => 40 + i))
  noteTrail(trail, T + 10_000_000, 7)
  expect(trailUpTo(trail, T + 10_000_000)).toEqual([7])
})

it('takes what comes late into its place, and passes over what is too old or no number', () => {
  const trail = filled([0, 1], [10, 3], [5, 2], [15, null], [-600, 9])
  expect(trailUpTo(trail, T + 15_000)).toEqual([1, 2, 3, null])
})
