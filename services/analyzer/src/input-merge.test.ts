import type { BusRecord } from '@driftline/platform/bus/bus'
import { expect, test } from 'vitest'
import { createInputMerge, type InputMerge } from './input-merge.ts'

const headers = {
  'content-type': 'application/protobuf',
  message: '',
  tenant: '',
  source: '',
  epoch: '1',
  sequence: '1',
} as const
const record = (topic: string, offset: number, storedAtMs: number): BusRecord => ({
  topic,
  partition: 0,
  offset,
  key: '',
  storedAtMs,
  headers,
  value: Uint8Array.of(offset),
})
const make = (positions: [string, number][] = [], behind: string[] = [], waitingMax = 100): InputMerge =>
  createInputMerge({ topics: ['a', 'b'], positions: new Map(positions), behind: new Set(behind), waitingMax })
function add(
  merge: InputMerge,
  topic: string,
  records: [offset: number, storedAtMs: number][],
  endOffset: number,
): void {
  const batch = records.map(([offset, storedAtMs]) => record(topic, offset, storedAtMs))
  merge.add({ topic, partition: 0, records: batch, endOffset })
}
function taken(merge: InputMerge): string[] {
  const out: string[] = []
  for (let next = merge.next(); next !== null; next = merge.next()) out.push(`${next.topic}${next.offset}`)
  return out
}

test('at the end of every topic nothing waits', () => {
  const merge = make()
  add(merge, 'b', [[0, 10]], 1)
  expect(taken(merge)).toEqual(['b0'])
  add(merge, 'a', [[0, 5]], 1)
  expect(taken(merge)).toEqual(['a0'])
})

test('while one is behind, the others wait for it, and records come in the order of storing', () => {
  const merge = make([], ['a', 'b'])
  add(
    merge,
    'b',
    [
      [0, 10],
      [1, 30],
    ],
    2,
  )
  expect(taken(merge)).toEqual([])
  add(
    merge,
    'a',
    [
      [0, 10],
      [1, 20],
    ],
    3,
  )
  expect(taken(merge)).toEqual(['a0', 'b0', 'a1'])
  add(merge, 'a', [[2, 40]], 3)
  expect(taken(merge)).toEqual(['b1', 'a2'])
})

test('what it had before is left out, and positions are those of what was taken', () => {
  const merge = make([['a', 5]])
  add(
    merge,
    'a',
    [
      [3, 1],
      [4, 2],
      [5, 3],
    ],
    6,
  )
  expect(merge.waiting).toBe(1)
  expect(merge.positions()).toEqual(new Map([['a', 5]]))
  expect(taken(merge)).toEqual(['a5'])
  expect(merge.positions().get('a')).toBe(6)
})

test('beyond the bound records pass, and what waits keeps its bytes when the bus takes its memory back', () => {
  const merge = make([], ['b'], 2)
  const batch = [record('a', 0, 1), record('a', 1, 2), record('a', 2, 3)]
  merge.add({ topic: 'a', partition: 0, records: batch, endOffset: 3 })
  merge.keepWaiting()
  for (const { value } of batch) value.fill(99)
  const first = merge.next()!
  expect([first.offset, first.value[0]]).toEqual([0, 0])
  expect(merge.next()).toBeNull()
})
