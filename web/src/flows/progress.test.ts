import { expect, it } from 'vitest'
import { progressOf } from './progress.ts'

it('ends at the timeout, with the mark at the normal time', () => {
  const { done, mark } = progressOf(2970, 3100, 5000)
  expect(done).toBeCloseTo(0.594, 3)
  expect(mark).toBeCloseTo(0.62, 3)
})
it('ends earlier where the timeout is far away', () => {
  const { done, mark } = progressOf(80, 100, 30_000)
  expect(mark).toBeCloseTo(0.612, 3)
  expect(done).toBeCloseTo(0.49, 2)
})
it('never jumps: what takes longer pushes the mark to the left', () => {
  let before = 0
  for (let elapsed = 0; elapsed <= 30_000; elapsed += 50) {
    const { done } = progressOf(elapsed, 100, 30_000)
    expect(done).toBeGreaterThanOrEqual(before - 1e-9)
    before = done
  }
  expect(progressOf(1000, 100, 30_000).mark).toBeCloseTo(0.097, 3)
  expect(progressOf(30_000, 100, 30_000).done).toBe(1)
})
it('has no mark without a normal time', () => {
  expect(progressOf(2500, null, 5000)).toEqual({ done: 0.5, mark: null })
  expect(progressOf(-20, null, 5000).done).toBe(0)
  expect(progressOf(0, null, null).done).toBe(0)
  expect(progressOf(9000, 8000, 5000)).toEqual({ done: 1, mark: null })
})
