import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { Bus, BusRecord } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { createKafkaBus } from '@driftline/platform/bus/kafka-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { type KpiBatch, KpiBatchSchema, partitionOf, routingKey, TickSchema, topics } from '@driftline/proto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CheckpointStore, createFileCheckpoints, createMetadataCheckpoints } from './checkpoints.ts'
import { defaultStepConfig } from './config.ts'
import { createAnalyzer } from './service.ts'
import { START_MS } from './testing/events.ts'
import { hostRecords } from './testing/host-records.ts'

const logger = createLogger('fatal')
const clock = systemClock
const SECONDS = 20

async function kpisOf(bus: Bus, host: string): Promise<BusRecord[]> {
  const partition = partitionOf(routingKey('default', `host:${host}`), bus.partitionsOf(topics.kpis.name))
  const records = await bus.read(topics.kpis.name, partition, 0, Number.MAX_SAFE_INTEGER)
  return records.filter(({ headers }) => headers.source === `analyzer/default/host:${host}`)
}

/** `stopsKeeping` makes a store act as if the process had been killed: nothing is kept from then on. */
function killable(store: CheckpointStore): CheckpointStore & { stopsKeeping: boolean } {
  const wrapped = {
    ...store,
    stopsKeeping: false,
    async take(partition: number) {
      const holding = await store.take(partition)
      const save = async (bytes: Uint8Array): Promise<boolean> => {
        if (wrapped.stopsKeeping) throw new Error('killed')
        return holding.save(bytes)
      }
      return { ...holding, save }
    },
  }
  return wrapped
}

function suite(makeBus: () => Bus, makeStore: () => { store: CheckpointStore; close: () => Promise<void> }): void {
  const hosts = ['web-1', 'web-2', 'db-1']
  let bus: Bus
  let checkpoints: ReturnType<typeof makeStore>

  beforeAll(async () => {
    bus = makeBus()
    await bus.start()
    checkpoints = makeStore()
  })
  afterAll(async () => {
    await checkpoints?.close()
    await bus?.stop()
  })

  const analyzerOver = (store: CheckpointStore) =>
    createAnalyzer(
      { dataDir: '', checkpointMs: 0, joinAgainAfterMs: 500, step: defaultStepConfig },
      { bus, checkpoints: store, logger, metrics: createSelfMetrics(), clock },
    )
  const publish = async (from: number, to: number): Promise<void> => {
    for (let second = from; second < to; second++) await bus.publish(hosts.flatMap((host) => hostRecords(host, second)))
  }
  const closedSeconds = async (host: string): Promise<number[]> =>
    [...new Set((await kpisOf(bus, host)).map(({ headers }) => Number(headers.sequence) - START_MS / 1000))].sort(
      (a, b) => a - b,
    )
  const seconds = (to: number): number[] => Array.from({ length: to }, (_, second) => second)

  test('killed after publishing and before its checkpoint, it publishes the same again under the same sequence', async () => {
    const store = killable(checkpoints.store)
    const first = analyzerOver(store)
    await first.start()
    await publish(0, 8)
    await expect.poll(() => closedSeconds('db-1'), { timeout: 30_000 }).toEqual(seconds(7))
    store.stopsKeeping = true
    await publish(8, 14)
    for (const host of hosts) await expect.poll(() => closedSeconds(host), { timeout: 30_000 }).toEqual(seconds(13))
    await first.stop()

    const second = analyzerOver(checkpoints.store)
    await second.start()
    await publish(14, SECONDS)
    for (const host of hosts) {
      await expect.poll(() => closedSeconds(host), { timeout: 30_000 }).toEqual(seconds(SECONDS - 1))
    }
    await second.stop()

    for (const host of hosts) {
      const bySequence = new Map<string, BusRecord[]>()
      for (const record of await kpisOf(bus, host)) {
        const { sequence } = record.headers
        bySequence.set(sequence, [...(bySequence.get(sequence) ?? []), record])
      }
      for (const [one, ...repeats] of bySequence.values()) {
        for (const repeat of repeats) expect(Buffer.from(repeat.value)).toEqual(Buffer.from(one!.value))
      }
      const kpis = [...bySequence.values()].map(([record]) => fromBinary(KpiBatchSchema, record!.value))
      expect(kpis.map((batch: KpiBatch) => batch.cpuCores[0])).toEqual(seconds(SECONDS - 1).map((each) => each / 8))
      // The first frame shows what was there before; after it one instance starts each second.
      expect(kpis.map((batch) => batch.throughputPerSecond[0])).toEqual([0, ...new Array(SECONDS - 2).fill(1)])
    }
  })

  test('goes on with partitions that another one took and never worked on', async () => {
    const analyzer = analyzerOver(checkpoints.store)
    await analyzer.start()
    await publish(SECONDS, SECONDS + 2)
    for (const host of hosts) {
      await expect.poll(() => closedSeconds(host), { timeout: 30_000 }).toEqual(seconds(SECONDS + 1))
    }
    for (let partition = 0; partition < bus.partitionsOf(topics.samples.name); partition++) {
      await checkpoints.store.take(partition)
    }
    await publish(SECONDS + 2, SECONDS + 4)
    for (const host of hosts) {
      await expect.poll(() => closedSeconds(host), { timeout: 30_000 }).toEqual(seconds(SECONDS + 3))
    }
    await analyzer.stop()
  })

  test('a tick closes the last second of a host that has gone silent', async () => {
    const analyzer = analyzerOver(checkpoints.store)
    await analyzer.start()
    await new Promise((resolve) => setTimeout(resolve, 2500))
    const value = toBinary(TickSchema, create(TickSchema, { timeMs: BigInt(Date.now()) }))
    const headers = { 'content-type': 'application/protobuf', message: 'driftline.v1.Tick', tenant: 'default' } as const
    const ticks = Array.from({ length: bus.partitionsOf(topics.ticks.name) }, (_, partition) => ({
      topic: topics.ticks.name,
      key: `partition/${partition}`,
      headers: { ...headers, source: 'test', epoch: '1', sequence: '1' },
      value,
      partition,
    }))
    await bus.publish(ticks)
    for (const host of hosts) {
      await expect.poll(() => closedSeconds(host), { timeout: 30_000 }).toEqual(seconds(SECONDS + 4))
    }
    await analyzer.stop()
  })
}

describe('the analyzer on the embedded bus, with its checkpoints in a file', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'driftline-analyzer-'))
  afterAll(() => rmSync(dataDir, { recursive: true }))
  suite(
    () => createEmbeddedBus({ dataDir, topics }, { logger, metrics: createSelfMetrics(), clock }),
    () => ({ store: createFileCheckpoints({ dataDir }), close: async () => {} }),
  )
})

describeWithServer('kafka', 'the analyzer on Kafka, with its checkpoints in the metadata store', (server) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'driftline-analyzer-'))
  const metadata = createSqliteMetadata({ file: join(dataDir, 'metadata.sqlite') }, { logger, clock })
  beforeAll(() => metadata.start())
  afterAll(async () => {
    await metadata.stop()
    rmSync(dataDir, { recursive: true })
  })
  suite(
    () =>
      createKafkaBus(
        { brokers: [server().url], clientId: 'analyzer-test', topics, topicPrefix: `analyzer-${process.pid}-` },
        { logger, metrics: createSelfMetrics(), clock },
      ),
    () => ({ store: createMetadataCheckpoints({ metadata, clock }), close: async () => {} }),
  )
})
