import { create, fromBinary } from '@bufbuild/protobuf'
import type { BusRecord } from '@driftline/platform/bus/bus'
import { createFaultyBus, type Fate } from '@driftline/platform/bus/faulty-bus'
import { createRepeatFilter } from '@driftline/platform/bus/repeat-filter'
import {
  decodeSamples,
  FlaggedRecordSchema,
  MetricKind,
  partitionOf,
  SeriesBatchSchema,
  seriesId,
  topics,
} from '@driftline/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCollector, isRefusal, sampleOutcomes } from './collector.ts'
import { createIngestPublisher } from './publisher.ts'
import { createSeriesBook } from './series-book.ts'

const NOW_MS = 1_800_000_000_000
const HOUR = 3_600_000
const clock = { nowMs: () => NOW_MS }

function createRig(options: { fate?: () => Fate; epoch?: number } = {}) {
  const book = createSeriesBook({ perTenantMax: 10_000, perSourceMax: 10_000 }, { clock })
  const config = { tenant: 'default', source: 'mqtt-1', ageMsMax: 48 * HOUR, aheadMsMax: 600_000 }
  const collector = createCollector(config, { book, clock })
  const { bus, stored } = createFaultyBus(4, options.fate ?? (() => 'stored'))
  const publisher = createIngestPublisher({ source: 'mqtt/mqtt-1', epoch: options.epoch ?? 1 }, { bus, book, clock })
  const define = (process: string, metric = 'level'): number =>
    book.define({
      tenant: 'default',
      source: 'mqtt-1',
      process,
      metric,
      attributes: {},
      unit: '',
      kind: MetricKind.GAUGE,
    })
  return { book, collector, publisher, stored, define }
}

/** Samples as `process metric time value`, as consumers of both topics read them. */
function samplesOf(stored: readonly BusRecord[]): string[] {
  const names = new Map<bigint, string>()
  for (const { topic, value } of stored) {
    if (topic !== topics.series.name) continue
    for (const { id, process, metric } of fromBinary(SeriesBatchSchema, value).series)
      names.set(id, `${process} ${metric}`)
  }
  return stored
    .filter(({ topic }) => topic === topics.samples.name)
    .flatMap(({ value }) => {
      const { seriesPairs, baseTimeMs, timeOffsetMs, value: values, count } = decodeSamples(value)!
      return Array.from({ length: count }, (_, at) => {
        const id = (BigInt(seriesPairs[2 * at + 1]!) << 32n) | BigInt(seriesPairs[2 * at]!)
        return `${names.get(id)} ${Number(baseTimeMs) + timeOffsetMs[at]! - NOW_MS} ${values[at]}`
      })
    })
}

describe('what is collected is published', () => {
  test('definitions first, then samples, split by the routing key of their process', async () => {
    const { collector, publisher, stored, define } = createRig()
    const first = define('device:a')
    const second = define('device:b')
    for (const [handle, value] of [
      [first, 1],
      [second, 2],
      [first, 3],
    ] as const)
      collector.sample(handle, NOW_MS - value, value)
    await publisher.publish(collector.take()!)
    expect(stored.map(({ topic, key }) => `${topic} ${key}`)).toEqual([
      'driftline.series.v1 default/device:a',
      'driftline.series.v1 default/device:b',
      'driftline.samples.v1 default/device:a',
      'driftline.samples.v1 default/device:b',
    ])
    expect(samplesOf(stored)).toEqual(['device:a level -1 1', 'device:a level -3 3', 'device:b level -2 2'])
    expect(collector.take()).toBeNull()
  })

  test('a definition is told once', async () => {
    const { collector, publisher, stored, define } = createRig()
    const handle = define('device:a')
    for (const value of [1, 2]) {
      collector.sample(handle, NOW_MS + value, value)
      await publisher.publish(collector.take()!)
    }
    expect(stored.filter(({ topic }) => topic === topics.series.name)).toHaveLength(1)
    expect(samplesOf(stored)).toHaveLength(2)
  })

  test('property: whatever is added comes out, in order within a process', async () => {
    const sample = fc.tuple(
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: -HOUR, max: 1000 }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(sample, { maxLength: 600 }), async (samples) => {
        const { collector, publisher, stored, define } = createRig()
        const expected = new Map<string, string[]>()
        for (const [device, offset, value] of samples) {
          const process = `device:d-${device}`
          if (collector.sample(define(process), NOW_MS + offset, value) !== 0) continue
          const lines = expected.get(process) ?? []
          expected.set(process, [...lines, `${process} level ${offset} ${value}`])
        }
        const batch = collector.take()
        if (batch !== null) await publisher.publish(batch)
        const found = samplesOf(stored)
        expect(found).toHaveLength([...expected.values()].flat().length)
        for (const [process, lines] of expected) {
          expect(found.filter((line) => line.startsWith(`${process} `))).toEqual(lines)
        }
      }),
      { numRuns: 50 },
    )
  })

  test('flagged records go with the rest', async () => {
    const { collector, publisher, stored } = createRig()
    collector.flag(create(FlaggedRecordSchema, { tenant: 'default', process: 'device:a', id: 'r-1' }))
    await publisher.publish(collector.take()!)
    expect(stored.map(({ topic, key }) => `${topic} ${key}`)).toEqual(['driftline.flagged-records.v1 default/device:a'])
  })
})

describe('what is refused or left out', () => {
  test.each<[string, number, number, string]>([
    ['now', 0, 1, 'kept'],
    ['NaN', 0, Number.NaN, 'value_not_finite'],
    ['infinity', 0, Number.POSITIVE_INFINITY, 'value_not_finite'],
    ['1970', -NOW_MS, 1, 'time_too_old'],
    ['two days and a bit ago', -48 * HOUR - 1, 1, 'time_too_old'],
    ['two days ago', -48 * HOUR, 1, 'kept'],
    ['eleven minutes ahead', 660_000, 1, 'time_in_future'],
    ['2262', 7_423_372_036_854, 1, 'time_in_future'],
    ['a time that is none', Number.NaN, 1, 'time_too_old'],
    ['a time beyond all', Number.POSITIVE_INFINITY, 1, 'time_in_future'],
  ])('%s', (_, offsetMs, value, outcome) => {
    const { collector, define } = createRig()
    const code = collector.sample(define('device:a'), NOW_MS + offsetMs, value)
    expect(sampleOutcomes[code]).toBe(outcome)
    expect(isRefusal(code)).toBe(outcome !== 'kept')
    expect(collector.outcomes[code]).toBe(1)
    expect(collector.sampleCount).toBe(outcome === 'kept' ? 1 : 0)
  })
})

describe('a publish that failed', () => {
  test('is made again with the same batch, and nothing is lost', async () => {
    const fates: Fate[] = ['refused', 'stored', 'refused', 'stored']
    let next = 0
    const { collector, publisher, stored, define } = createRig({ fate: () => fates[next++] ?? 'stored' })
    collector.sample(define('device:a'), NOW_MS, 7)
    const batch = collector.take()!
    await expect(publisher.publish(batch)).rejects.toThrow()
    await expect(publisher.publish(batch)).rejects.toThrow()
    await publisher.publish(batch)
    expect(samplesOf(stored)).toEqual(['device:a level 0 7'])
  })

  test('with a position: the same range read again after a crash is known for a repeat', async () => {
    const before = createRig()
    const after = createRig()
    for (const { collector, publisher, define } of [before, after]) {
      for (const device of ['a', 'b', 'c', 'd', 'e']) collector.sample(define(`device:${device}`), NOW_MS, 1)
      await publisher.publish(collector.take()!, 1)
    }
    after.collector.sample(after.define('device:a'), NOW_MS, 2)
    await after.publisher.publish(after.collector.take()!, 2)
    const isRepeat = createRepeatFilter({ maxSources: 10 }).isRepeat
    const samples = [...before.stored, ...after.stored].filter(({ topic }) => topic === topics.samples.name)
    const kept = samples.filter((record) => !isRepeat(record))
    expect(kept.map(({ key }) => key).sort()).toEqual([...'aabcde'].map((device) => `default/device:${device}`))
    for (const { key, partition } of kept) expect(partition).toBe(partitionOf(key, 4))
  })
})

test('the id on the wire is the id of the series', async () => {
  const { collector, publisher, stored, define } = createRig()
  collector.sample(define('device:a'), NOW_MS, 1)
  await publisher.publish(collector.take()!)
  const record = stored.find(({ topic }) => topic === topics.samples.name)!
  const { seriesPairs } = decodeSamples(record.value)!
  const id = (BigInt(seriesPairs[1]!) << 32n) | BigInt(seriesPairs[0]!)
  expect(id).toBe(seriesId('default', 'device:a', 'level', '{}'))
})
