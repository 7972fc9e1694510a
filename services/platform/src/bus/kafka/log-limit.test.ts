import { expect, test } from 'vitest'
import { createLogLimit } from './log-limit.ts'

test('the first line of a kind, then one in 30 s with the number of those left out', () => {
  let nowMs = 0
  const limit = createLogLimit(() => nowMs)
  const at = (ms: number, kind: string): number | null => {
    nowMs = ms
    return limit(kind)
  }
  expect([at(0, 'a'), at(1, 'a'), at(2, 'b'), at(29_999, 'a')]).toEqual([0, null, 0, null])
  expect([at(30_000, 'a'), at(30_001, 'a'), at(90_000, 'a')]).toEqual([2, null, 1])
})

test('a flood of kinds takes no more room than a hundred', () => {
  const limit = createLogLimit(() => 0)
  for (let kind = 0; kind < 101; kind++) expect(limit(`kind ${kind}`)).toBe(0)
  expect(limit('kind 100')).toBeNull()
  expect(limit('kind 0')).toBe(0)
})
