import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLogger } from '../logger.ts'
import { createSelfMetrics, type SelfMetrics } from '../metrics.ts'
import type { Bus } from './bus.ts'
import { collect, textRecord, until } from './bus-test-kit.ts'
import { createEmbeddedBus, type EmbeddedBusConfig } from './embedded-bus.ts'

const HOUR_MS = 3_600_000
const KIB = 1024
const name = 'driftline.kept.v1'
const topics = { kept: { name, partitions: 1, retentionMs: HOUR_MS, retentionBytes: 1024 * KIB } }

/** Segments of this topic are a quarter of its bytes: 256 KiB, four records of 60 KB. */
const RECORD_BYTES = 60_000

describe('retention of the embedded bus', () => {
  let dataDir: string
  let nowMs: number
  let metrics: SelfMetrics
  let bus: Bus

  const open = async (changes: Partial<EmbeddedBusConfig> = {}): Promise<void> => {
    const deps = { logger: createLogger('silent' as 'fatal'), metrics, clock: { nowMs: () => nowMs } }
    bus = createEmbeddedBus({ dataDir, topics, sweepEveryMs: 10, ...changes }, deps)
    await bus.start()
  }
  const publish = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) {
      await bus.publish([textRecord(name, '', { value: new Uint8Array(RECORD_BYTES) })])
    }
  }
  const firstOffset = async (): Promise<number> => (await bus.read(name, 0, 0, 1))[0]?.offset ?? (await oldest())
  const oldest = async (): Promise<number> => {
    const directories = await readdir(join(dataDir, 'bus', name, '0'))
    return Math.min(...directories.map(Number))
  }
  const metric = async (metricName: string): Promise<number> => {
    const found = await metrics.registry.getSingleMetric(`driftline_bus_${metricName}`)?.get()
    return found?.values[0]?.value ?? 0
  }

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'driftline-bus-'))
    nowMs = Date.now()
    metrics = createSelfMetrics()
    await open()
  })
  afterEach(async () => {
    await bus.stop()
    await rm(dataDir, { recursive: true })
  })

  it('deletes old segments once they are past their time, and keeps the offsets of the rest', async () => {
    await publish(10)
    nowMs += HOUR_MS / 2
    await publish(2)
    nowMs += HOUR_MS / 2 + 1
    const first = await untilOldest((offset) => offset > 0)
    expect(first).toBeLessThanOrEqual(10)
    const records = await bus.read(name, 0, 0, 100)
    expect(records[0]!.offset).toBe(first)
    expect(records.at(-1)!.offset).toBe(11)
  })

  it('deletes the oldest segments when there are more bytes than allowed', async () => {
    await publish(40)
    await untilOldest((offset) => offset > 15)
    expect(await metric('disk_bytes')).toBeLessThanOrEqual(1024 * KIB)
    expect((await bus.read(name, 0, 39, 40)).length).toBe(1)
  })

  it('never deletes what a group has not read; refuses more at the hard cap; goes on when the group has read', async () => {
    let release: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const group = await collect(bus, {
      group: 'slow',
      topics: [name],
      async handle(batch) {
        await held
        return batch.records.at(-1)!.offset + 1
      },
    })
    await expect(publish(60)).rejects.toMatchObject({ code: 'bus_retention_blocked', retryable: true })
    expect(await firstOffset()).toBe(0)
    expect(await metric('retention_refused_total')).toBeGreaterThan(0)
    await untilMetric('retention_blocked_bytes', (bytes) => bytes > 0)
    release()
    await untilOldest((offset) => offset > 0)
    await untilMetric('retention_blocked_bytes', (bytes) => bytes === 0)
    await publish(10)
    await group.stop()
  })

  it('remembers after a restart what a group that is away has not read, until the group expires', async () => {
    const group = await collect(bus, { group: 'away', topics: [name] })
    await group.stop()
    await bus.stop()
    await open({ groupExpiryMs: 7 * HOUR_MS })
    await publish(10)
    nowMs += 2 * HOUR_MS
    await publish(1)
    await untilMetric('retention_blocked_bytes', (bytes) => bytes > 0)
    expect(await firstOffset()).toBe(0)
    nowMs += 6 * HOUR_MS
    await untilOldest((offset) => offset > 0)
  })

  it('does not forget a group because the whole server rested for long', async () => {
    const before = await collect(bus, { group: 'rested', topics: [name] })
    await before.stop()
    await publish(10)
    await bus.stop()
    nowMs += 8 * 24 * HOUR_MS
    await open()
    await untilMetric('retention_blocked_bytes', (bytes) => bytes > 0)
    const after = await collect(bus, { group: 'rested', topics: [name] })
    await until(
      () => after.batches.at(-1)?.records.at(-1)?.offset,
      (offset) => offset === 9,
    )
    expect(after.batches[0]!.records[0]!.offset).toBe(0)
  })

  it('deletes nothing that a reader stands in, and lets a reader that fell behind go on at the oldest record', async () => {
    await publish(4)
    const tailed: number[] = []
    await bus.tail({ topics: [name], handle: (records) => void tailed.push(...records.map(({ offset }) => offset)) })
    await publish(40)
    await untilOldest((offset) => offset > 4)
    expect(tailed).toEqual(Array.from({ length: 40 }, (_, index) => index + 4))
    const oldestBefore = await oldest()
    const late = await collect(bus, { group: 'late', topics: [name] })
    await until(
      () => late.batches.at(-1)?.records.at(-1)?.offset,
      (offset) => offset === 43,
    )
    // Sweeps go on meanwhile, so it began at what was the oldest at some moment between.
    const began = late.batches[0]!.records[0]!.offset
    expect(began).toBeGreaterThanOrEqual(oldestBefore)
    expect(began).toBeLessThanOrEqual(await oldest())
  })

  async function untilOldest(holds: (offset: number) => boolean): Promise<number> {
    return poll(oldest, holds)
  }

  async function untilMetric(metricName: string, holds: (value: number) => boolean): Promise<number> {
    return poll(() => metric(metricName), holds)
  }
})

async function poll<T>(see: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  await expect.poll(async () => holds(await see()), { timeout: 10_000, interval: 10 }).toBe(true)
  return see()
}
