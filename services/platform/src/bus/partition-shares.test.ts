import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type PartitionShares, type ShareMember, sharePartitions } from './partition-shares.ts'

const member = (id: string, had: readonly number[] = [], topics = ['samples', 'snapshots']): ShareMember => ({
  id,
  topics,
  had: new Set(had),
})
const numbersUpTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number)
const plain = (shares: PartitionShares) =>
  Object.fromEntries([...shares].map(([id, topics]) => [id, Object.fromEntries(topics)]))

describe('shares of four partitions', () => {
  const both = (numbers: readonly number[]) => ({ samples: numbers, snapshots: numbers })
  test.each<[string, ShareMember[], object]>([
    ['one member has all', [member('a')], { a: both([0, 1, 2, 3]) }],
    ['two new members', [member('b'), member('a')], { a: both([0, 2]), b: both([1, 3]) }],
    [
      'a member that comes takes from the others',
      [member('a', [0, 1, 2, 3]), member('b')],
      { a: both([0, 1]), b: both([2, 3]) },
    ],
    [
      'a third one takes from the fuller one only',
      [member('a', [0]), member('b', [1, 2, 3]), member('c')],
      { a: both([0]), b: both([1, 2]), c: both([3]) },
    ],
    [
      'what a member leaves goes to those with least',
      [member('a', [0, 3]), member('b', [1])],
      { a: both([0, 3]), b: both([1, 2]) },
    ],
    [
      'two say they had the same: the first has it',
      [member('a', [0, 1]), member('b', [0, 1])],
      { a: both([0, 1]), b: both([2, 3]) },
    ],
    [
      'claims on what does not exist count for nothing',
      [member('a', [7, 8]), member('b')],
      { a: both([0, 2]), b: both([1, 3]) },
    ],
    [
      'more members than partitions',
      ['a', 'b', 'c', 'd', 'e'].map((id) => member(id)),
      { a: both([0]), b: both([1]), c: both([2]), d: both([3]), e: {} },
    ],
    [
      'topics that only a newer version reads go to those who read them',
      [member('a'), member('b', [], ['samples', 'snapshots', 'ticks'])],
      { a: both([0, 2]), b: { ...both([1, 3]), ticks: [0, 1, 2, 3] } },
    ],
  ])('%s', (_, members, expected) => {
    expect(plain(sharePartitions(members, () => numbersUpTo(4)))).toEqual(expected)
  })

  test('a topic with fewer partitions goes along with the others', () => {
    const shares = sharePartitions([member('a'), member('b')], (topic) => numbersUpTo(topic === 'samples' ? 3 : 1))
    expect(plain(shares)).toEqual({ a: { samples: [0, 2], snapshots: [0] }, b: { samples: [1] } })
  })
})

const arbitraryMembers = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 4 }),
    had: fc.uniqueArray(fc.nat(40)).map((numbers) => new Set(numbers)),
    topics: fc.constant(['samples', 'series', 'ticks']),
  }),
  { selector: ({ id }) => id, minLength: 1, maxLength: 8 },
)
const arbitraryCount = fc.integer({ min: 0, max: 24 })
const sharesOf = (members: readonly ShareMember[], count: number) => sharePartitions(members, () => numbersUpTo(count))
const numbersIn = (shares: PartitionShares, id: string): readonly number[] => shares.get(id)?.get('samples') ?? []

test('property: every partition once, alike in all topics, shares within one, whatever the order', () => {
  fc.assert(
    fc.property(arbitraryMembers, arbitraryCount, (members, count) => {
      const shares = sharesOf(members, count)
      const all = members.flatMap(({ id }) => numbersIn(shares, id)).sort((a, b) => a - b)
      expect(all).toEqual(numbersUpTo(count))
      for (const topics of shares.values()) {
        expect(topics.get('series')).toEqual(topics.get('samples'))
        expect(topics.get('ticks')).toEqual(topics.get('samples'))
      }
      const sizes = members.map(({ id }) => numbersIn(shares, id).length)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      expect(plain(sharesOf([...members].reverse(), count))).toEqual(plain(shares))
    }),
  )
})

test('property: with different topics, each partition still goes to exactly one member that reads its topic', () => {
  const topics = fc.subarray(['samples', 'series', 'ticks', 'kpis'], { minLength: 1 })
  const mixed = fc.tuple(arbitraryMembers, fc.array(topics, { minLength: 8, maxLength: 8 }))
  fc.assert(
    fc.property(mixed, arbitraryCount, ([bare, subscriptions], count) => {
      const members = bare.map((each, index) => ({ ...each, topics: subscriptions[index]! }))
      const shares = sharesOf(members, count)
      for (const topic of new Set(members.flatMap((each) => each.topics))) {
        const readers = members.filter((each) => each.topics.includes(topic))
        const given = members.flatMap(({ id }) => shares.get(id)!.get(topic) ?? [])
        const givenToReaders = readers.flatMap(({ id }) => shares.get(id)!.get(topic) ?? [])
        expect(given.sort((a, b) => a - b)).toEqual(numbersUpTo(count))
        expect(givenToReaders).toHaveLength(given.length)
      }
    }),
  )
})

test('property: a member that comes or goes moves nothing between those that stay', () => {
  fc.assert(
    fc.property(arbitraryMembers, arbitraryCount, fc.nat(), (members, count, chosen) => {
      const leaving = members[chosen % members.length]!
      const staying = members.filter((each) => each !== leaving)
      fc.pre(staying.length > 0)
      const now = (those: readonly ShareMember[], shares: PartitionShares): ShareMember[] =>
        those.map((each) => ({ ...each, had: new Set(numbersIn(shares, each.id)) }))

      const together = sharesOf(members, count)
      const alone = sharesOf(now(staying, together), count)
      for (const { id } of staying)
        expect(numbersIn(alone, id)).toEqual(expect.arrayContaining([...numbersIn(together, id)]))

      const back = sharesOf([...now(staying, alone), { ...leaving, had: new Set() }], count)
      for (const { id } of staying)
        expect(numbersIn(alone, id)).toEqual(expect.arrayContaining([...numbersIn(back, id)]))
    }),
  )
})
