import { expect, it } from 'vitest'
import type { ProcessItem } from '../api/types.ts'
import { createHistory } from './history.ts'

const item = (processId: string, cpuCores: number | null) =>
  ({ processId, metrics: { values: { cpuCores } } }) as unknown as ProcessItem

it('keeps five minutes, newest last, and leaves gaps open', () => {
  const history = createHistory()
  history.add(1_000_000_000, [item('a', 1)])
  history.add(1_000_005_000, [item('a', 2)])
  history.add(1_000_020_000, [item('a', 3)])
  expect(history.of('a').slice(-5)).toEqual([1, 2, Number.NaN, Number.NaN, 3])
  expect(history.of('a')).toHaveLength(60)
})

it('takes one point a step, forgets what is gone, and knows nothing of strangers', () => {
  const history = createHistory()
  history.add(5000, [item('a', 1), item('b', null)])
  history.add(5001, [item('a', 9)])
  expect(history.of('a').at(-1)).toBe(1)
  expect(history.of('b').at(-1)).toBeNaN()
  history.add(10_000, [item('a', 1)])
  expect(history.of('b')).toEqual([])
})

it('draws no calm where a silent process was not heard', () => {
  const history = createHistory()
  const heard = { ...item('a', 2), status: 'ok' } as ProcessItem
  for (let i = 0; i < 4; i++) history.add(1_000_000_000 + i * 5000, [heard])
  const metrics = { timestamp: new Date(1_000_005_000).toISOString(), values: { cpuCores: 2 } }
  history.add(1_000_020_000, [{ ...heard, status: 'silent', metrics } as ProcessItem])
  expect(history.of('a').slice(-5)).toEqual([2, 2, Number.NaN, Number.NaN, Number.NaN])
})

it('begins with what the server kept', () => {
  const history = createHistory()
  history.add(1_000_000_000, [item('a', 9), item('gone', 9)])
  history.fill(1_000_100_000, [{ processId: 'a', trail: [1, null, 3] }])
  history.add(1_000_105_000, [item('a', 4)])
  expect(history.of('a').slice(-5)).toEqual([Number.NaN, 1, Number.NaN, 3, 4])
  expect(history.of('gone')).toEqual([])
})
