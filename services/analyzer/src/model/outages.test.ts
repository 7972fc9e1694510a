import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createOutages, heardMs, noteTick, type Outages } from './outages.ts'

const ticked = (...ticks: readonly number[]): Outages => {
  const outages = createOutages()
  for (const tick of ticks) noteTick(outages, tick)
  return outages
}

/** A tick each second. */
const from = (fromS: number, toS: number): number[] =>
  Array.from({ length: toS - fromS + 1 }, (_, at) => (fromS + at) * 1000)

test.each<[string, number[], number, number, number]>([
  ['without ticks all time counts', [], 0, 500_000, 500_000],
  ['while ticks come all time counts', [0, 1000, 2000, 3000], 0, 3500, 3500],
  ['a hiccup counts', [0, 10_000], 0, 10_000, 10_000],
  ['of a long time without ticks the first ten seconds count', [0, 600_000], 0, 600_000, 10_000],
  ['and the time after sources had half a minute to come back', [0, ...from(600, 631)], 0, 631_000, 11_000],
  ['who was heard in between is silent from there on', [0, ...from(600, 635)], 620_000, 635_000, 5000],
  ['an outage goes on before the tick that ends it', [0], 0, 100_000, 10_000],
  ['what follows the time to come back counts from its end', [0, 20_000, ...from(60, 95)], 0, 95_000, 15_000],
  ['ticks out of order change nothing', [0, 1000, 500, 2000], 0, 2000, 2000],
])('%s', (_, ticks, sinceMs, nowMs, expected) => {
  expect(heardMs(ticked(...ticks), sinceMs, nowMs)).toBe(expected)
})

const times = fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 20 })

test('what was heard is never negative, never falls, and is the same before and after a tick that comes later', () => {
  fc.assert(
    fc.property(times, fc.nat(300_000), fc.nat(300_000), fc.nat(300_000), (list, a, b, c) => {
      const ticks = [...list].sort((one, other) => one - other)
      const [since = 0, then = 0, now = 0] = [a, b, c].sort((one, other) => one - other)
      const all = ticked(...ticks)
      expect(heardMs(all, since, then)).toBeGreaterThanOrEqual(0)
      expect(heardMs(all, since, now)).toBeGreaterThanOrEqual(heardMs(all, since, then))
      const sofar = ticked(...ticks.filter((tick) => tick <= then))
      expect(heardMs(sofar, since, then)).toBe(heardMs(all, since, then))
    }),
  )
})

test('of many outages the last are kept', () => {
  const outages = createOutages()
  for (let each = 0; each < 100; each++) noteTick(outages, each * 100_000)
  expect(outages.spans).toHaveLength(32)
})
