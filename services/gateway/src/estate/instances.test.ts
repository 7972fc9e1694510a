import { expect, it } from 'vitest'
import type { ProcessRow } from '../schemas/hosts.ts'
import { createInstanceCollector, INSTANCES_MAX, instanceRange } from './instances.ts'

const T = 1_700_000_000_000
const HOUR = 3_600_000
const row = (pid: number, rssBytes: number | null = 1, startMs = T) =>
  ({ pid, rssBytes, startTime: new Date(startMs).toISOString(), group: 'os:h:a' }) as ProcessRow

it.each([
  ['a minute', 60_000, undefined, 1000],
  ['ten minutes', 600_000, undefined, 10_000],
  ['ten minutes, coarser', 600_000, 60_000, 60_000],
  ['an hour', HOUR, 1000, 60_000],
  ['a day', 24 * HOUR, undefined, 24 * 60_000],
])('looks at %s in steps that are few enough', (_, rangeMs, wished, stepMs) => {
  expect(instanceRange(T, T + rangeMs, wished).stepMs).toBe(stepMs)
})

it('tells when an instance was gone, and how its memory went', () => {
  const collector = createInstanceCollector({ fromMs: T, toMs: T + 4000, stepMs: 1000 }, (one) => one.pid !== 9)
  collector.see(T, [row(1, 10), row(2, 99), row(9)])
  collector.see(T + 1000, [row(1, 11), row(2, 98)])
  collector.see(T + 2000, [row(1, null)])
  collector.see(T + 4000, [row(1, 13), row(2, 5, T + 3500)])
  const { items, more } = collector.result()
  expect(more).toBe(0)
  expect(items.map(({ pid, endTime, rssTrend }) => [pid, endTime, rssTrend])).toEqual([
    [1, null, [10, 11, null, 13]],
    [2, null, [null, null, null, 5]],
    [2, new Date(T + 2000).toISOString(), [99, 98, null, null]],
  ])
})

it('keeps those with most memory, and says how many it left out', () => {
  const collector = createInstanceCollector(instanceRange(T, T + 1000, undefined), () => true)
  collector.see(
    T,
    Array.from({ length: INSTANCES_MAX + 5 }, (_, index) => row(index, index)),
  )
  const { items, more } = collector.result()
  expect([items.length, more, items.at(-1)?.pid]).toEqual([INSTANCES_MAX, 5, 5])
})
