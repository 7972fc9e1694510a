import { expect, it } from 'vitest'
import type { DeadLetterCount } from '../../api/source-types.ts'
import { askOf, filterOfQuery, hexDump, replayableOf } from './letters-view.ts'

it('reads the address and says only what it has', () => {
  const filter = filterOfQuery({ reason: 'payload_not_json', q: ['a', 'b'], source: null })
  expect(filter).toEqual({ reason: 'payload_not_json', source: '', service: '', q: '' })
  expect(askOf(filter)).toEqual({ reason: 'payload_not_json' })
})

it('counts what can be replayed of what is shown', () => {
  const one = (reason: string, source: string, replayable: number) =>
    ({ reason, source, service: 'mqtt', replayable }) as DeadLetterCount
  const counts = [one('a', 's', 3), one('b', 's', 4), one('a', 't', 5)]
  const any = filterOfQuery({})
  expect(replayableOf(counts, any)).toBe(12)
  expect(replayableOf(counts, { ...any, reason: 'a' })).toBe(8)
  expect(replayableOf(counts, { ...any, reason: 'a', source: 's' })).toBe(3)
  expect(replayableOf(counts, { ...any, service: 'tailer' })).toBe(0)
})

it('shows bytes as hex and text', () => {
  expect(hexDump('08013c623e6869')).toBe(`0000  ${'08 01 3c 62 3e 68 69'.padEnd(48)} ··<b>hi`)
  expect(hexDump('78'.repeat(17)).split('\n')).toHaveLength(2)
  expect(hexDump('')).toBe('(empty)')
  expect(hexDump('zz')).toBe('(empty)')
})
