import fc from 'fast-check'
import { expect, test } from 'vitest'
import { matchesFilter, overlap, problemOfFilter, separateFilters } from './filters.ts'

test.each([
  [['a/b', 'a/b'], ['a/b']],
  [
    ['a/b', 'a/c'],
    ['a/b', 'a/c'],
  ],
  [
    ['a/#', 'a/b', 'a', 'c'],
    ['a/#', 'c'],
  ],
  [['a/+/c', 'a/b/+'], ['a/+/+']],
  [['a/+', 'a/b/#'], ['a/+/#']],
  [['#', 'a/b', '+/c'], ['#']],
  [['a/+', 'b/+', '+/x'], ['+/+']],
  [
    ['$SYS/#', '#'],
    ['#', '$SYS/#'],
  ],
  [[], []],
])('subscriptions for %j are %j', (filters, expected) => {
  expect(separateFilters(filters)).toEqual(expected)
})

test('property: no topic is lost, and none comes twice', () => {
  const level = fc.constantFrom('a', 'b', 'c', '')
  const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
  const filter = fc
    .tuple(fc.array(fc.constantFrom('a', 'b', 'c', '', '+'), { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([levels, rest]) => [...levels, ...(rest ? ['#'] : [])].join('/'))
  const filters = fc.array(
    filter.filter((each) => each !== ''),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(filters, topic, (wanted, each) => {
      const separate = separateFilters(wanted)
      const brought = separate.filter((one) => matchesFilter(one, each)).length
      expect(brought).toBeLessThanOrEqual(1)
      if (wanted.some((one) => matchesFilter(one, each))) expect(brought).toBe(1)
    }),
    { numRuns: 3000 },
  )
})

test.each([
  ['a/#', 'a', true],
  ['a/+', 'a', false],
  ['+/+', 'a/b', true],
  ['#', '$SYS/x', false],
  ['a/+/c', 'a/b/d', false],
])('whether %s and %s overlap: %j', (one, other, expected) => {
  expect(overlap(one, other)).toBe(expected)
  expect(overlap(other, one)).toBe(expected)
})

test.each(['', 'a/#/b', 'a#', 'a/b+', '+a', 'a\0', 'x'.repeat(65_536)])('is no filter: %.20j', (filter) => {
  expect(problemOfFilter(filter)).not.toBeNull()
})

test.each(['#', '+', 'a/+/b/#', '/', '//', 'ä/ö'])('is a filter: %j', (filter) => {
  expect(problemOfFilter(filter)).toBeNull()
})
