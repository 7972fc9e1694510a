import { describe, expect, it } from 'vitest'
import { headersOf } from './bus-test-kit.ts'
import { createRepeatFilter, epochLifeFor, type SequencedRecord } from './repeat-filter.ts'

const record = (
  sequence: number | string,
  { partition = 0, ...changes }: { source?: string; epoch?: string; tenant?: string; partition?: number } = {},
): SequencedRecord => ({
  topic: 'driftline.samples.v1',
  partition,
  headers: headersOf(0, { sequence: String(sequence), ...changes }),
})

describe('the repeat filter', () => {
  it('passes what is above the highest sequence, gaps included, and nothing else', () => {
    const filter = createRepeatFilter({ maxSources: 10 })
    const seen = [1, 2, 2, 1, 5, 4, 6, 9, 10, 9].map((sequence) => filter.isRepeat(record(sequence)))
    expect(seen).toEqual([false, false, true, true, false, true, false, false, false, true])
  })

  it('keeps topics, partitions, tenants, sources and epochs apart', () => {
    const filter = createRepeatFilter({ maxSources: 10 })
    expect(filter.isRepeat(record(5))).toBe(false)
    expect(filter.isRepeat({ ...record(5), topic: 'driftline.series.v1' })).toBe(false)
    for (const changes of [{ partition: 1 }, { tenant: 'other' }, { source: 'other' }, { epoch: '2' }]) {
      expect(filter.isRepeat(record(5, changes))).toBe(false)
      expect(filter.isRepeat(record(5, changes))).toBe(true)
    }
    expect(filter.isRepeat(record(1, { tenant: 'ab', source: 'c' }))).toBe(false)
    expect(filter.isRepeat(record(1, { tenant: 'a', source: 'bc' }))).toBe(false)
  })

  it('still knows repeats of an older epoch, and forgets the oldest beyond the bound', () => {
    const filter = createRepeatFilter({ maxSources: 10, maxEpochsPerSource: 2 })
    filter.isRepeat(record(7, { epoch: '9' }))
    filter.isRepeat(record(1, { epoch: '10' }))
    expect(filter.isRepeat(record(7, { epoch: '9' }))).toBe(true)
    filter.isRepeat(record(1, { epoch: '11' }))
    expect(filter.isRepeat(record(7, { epoch: '9' }))).toBe(false)
    expect(filter.isRepeat(record(1, { epoch: '10' }))).toBe(true)
  })

  it('knows what a source repeats that started twenty times before it was answered', () => {
    const filter = createRepeatFilter({ maxSources: 10 })
    const startMs = Date.UTC(2026, 0, 1)
    const starts = Array.from({ length: 20 }, (_, start) => String(startMs + start * 2000))
    for (const epoch of starts) expect(filter.isRepeat(record(3, { epoch }))).toBe(false)
    for (const epoch of starts) expect(filter.isRepeat(record(3, { epoch }))).toBe(true)
  })

  it('forgets starts that are two days older than the last, but for the last four', () => {
    const filter = createRepeatFilter({ maxSources: 10 })
    const startMs = Date.UTC(2026, 0, 1)
    for (let day = 0; day < 30; day++) filter.isRepeat(record(1, { epoch: String(startMs + day * 86_400_000) }))
    const known = (): string[] => Object.keys(filter.snapshot()[0]?.sequences ?? {})
    expect(known()).toEqual([26, 27, 28, 29].map((day) => String(startMs + day * 86_400_000)))
    for (let hour = 1; hour <= 40; hour++)
      filter.isRepeat(record(1, { epoch: String(startMs + 29 * 86_400_000 + hour) }))
    expect(known()).toHaveLength(32)
  })

  it('forgets the source that was silent longest, and counts it', () => {
    const filter = createRepeatFilter({ maxSources: 2 })
    filter.isRepeat(record(1, { source: 'a' }))
    filter.isRepeat(record(1, { source: 'b' }))
    filter.isRepeat(record(2, { source: 'a' }))
    expect(filter.evictedSources()).toBe(0)
    filter.isRepeat(record(1, { source: 'c' }))
    expect(filter.evictedSources()).toBe(1)
    expect(filter.isRepeat(record(2, { source: 'a' }))).toBe(true)
    expect(filter.isRepeat(record(1, { source: 'b' }))).toBe(false)
  })

  it('compares numbers beyond 2^53 exactly', () => {
    const filter = createRepeatFilter({ maxSources: 10 })
    expect(filter.isRepeat(record('9007199254740993'))).toBe(false)
    expect(filter.isRepeat(record('9007199254740992'))).toBe(true)
    expect(filter.isRepeat(record('18446744073709551615'))).toBe(false)
  })

  it.each(['', '-1', '1.5', 'NaN', '0x1', '007', '1e3', '١'])(
    'lets a sequence pass that is no number: %j',
    (sequence) => {
      const filter = createRepeatFilter({ maxSources: 10 })
      expect(filter.isRepeat(record(sequence))).toBe(false)
      expect(filter.isRepeat(record(sequence))).toBe(false)
      expect(filter.snapshot()).toEqual([])
    },
  )

  it('goes on from a snapshot that went through JSON', () => {
    const first = createRepeatFilter({ maxSources: 10 })
    for (const partition of [0, 1]) first.isRepeat(record(3, { partition, source: '__proto__' }))
    const restored = createRepeatFilter({ maxSources: 10 })
    restored.isRepeat(record(5, { partition: 1, source: '__proto__' }))
    restored.restore(JSON.parse(JSON.stringify(first.snapshot())))
    expect(restored.isRepeat(record(3, { source: '__proto__' }))).toBe(true)
    expect(restored.isRepeat(record(4, { source: '__proto__' }))).toBe(false)
    expect(restored.isRepeat(record(5, { partition: 1, source: '__proto__' }))).toBe(true)
  })

  it('takes and forgets single partitions', () => {
    const filter = createRepeatFilter({ maxSources: 10 })
    for (const partition of [0, 1]) filter.isRepeat(record(3, { partition }))
    const of = { topic: 'driftline.samples.v1', partition: 1 }
    expect(filter.snapshot(of)).toEqual([{ ...of, tenant: 'default', source: 'test', sequences: { '1': '3' } }])
    filter.forget(of.topic, 1)
    expect(filter.isRepeat(record(3, { partition: 0 }))).toBe(true)
    expect(filter.isRepeat(record(3, { partition: 1 }))).toBe(false)
  })

  it('remembers starts for as long as it is told to, the youngest few in any case', () => {
    const hour = 3_600_000
    const knows = (epochLifeMs: number): boolean => {
      const filter = createRepeatFilter({ maxSources: 10, epochLifeMs })
      for (const hours of [0, 40, 60, 61, 62, 63]) filter.isRepeat(record(5, { epoch: String(1 + hours * hour) }))
      expect(filter.isRepeat(record(5, { epoch: String(1 + 60 * hour) }))).toBe(true)
      return filter.isRepeat(record(5, { epoch: '1' }))
    }
    expect(knows(epochLifeFor(24 * hour))).toBe(false)
    expect(knows(epochLifeFor(72 * hour))).toBe(true)
  })
})
