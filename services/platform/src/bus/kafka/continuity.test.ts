import { describe, expect, test } from 'vitest'
import type { BusRecord } from '../bus.ts'
import { createContinuity } from './continuity.ts'
import type { Session } from './ownership.ts'

const session = (): Session => ({ ready: async () => true, isCurrent: () => true, during: (call) => call() })
const recordAt = (offset: number) => ({ offset }) as BusRecord

function continuityAt(committed: number) {
  const reads: [number, number][] = []
  const continuity = createContinuity('group', {
    committedBy: async () => committed,
    async read(_topic, { from, to }) {
      reads.push([from, to])
      return Array.from({ length: to - from }, (_, index) => recordAt(from + index))
    },
  })
  return { continuity, reads }
}

describe('the first batch of a session', () => {
  test.each([
    ['begins at the committed offset', 7, 7, []],
    ['begins before it: repeats are not our concern', 7, 3, []],
    ['is a late answer from further on', 7, 10, [7, 8, 9]],
    ['comes to a group that has committed nothing', 0, 0, []],
  ])('%s', async (_, committed, first, missing) => {
    const { continuity } = continuityAt(committed)
    const records = await continuity.before(session(), 'samples', 1, first)
    expect(records.map(({ offset }) => offset)).toEqual(missing)
  })
})

test('later batches go on from the one before, and a new session from what is committed', async () => {
  const { continuity, reads } = continuityAt(7)
  const first = session()
  continuity.advance(first, 'samples', 1, 20)
  expect(await continuity.before(first, 'samples', 1, 20)).toEqual([])
  expect(await continuity.before(first, 'samples', 1, 22)).toHaveLength(2)
  expect(await continuity.before(first, 'samples', 2, 7)).toEqual([])
  expect(await continuity.before(session(), 'samples', 1, 20)).toHaveLength(13)
  expect(reads).toEqual([
    [20, 22],
    [7, 20],
  ])
})
