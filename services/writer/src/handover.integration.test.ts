import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { create, toBinary } from '@bufbuild/protobuf'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { createAnalyticsStore } from '@driftline/platform/analytics/create-analytics-store'
import { quietLogger, testConfig } from '@driftline/platform/analytics/testing/store-test-kit'
import type { Bus, OutgoingRecord } from '@driftline/platform/bus/bus'
import { createKafkaBus } from '@driftline/platform/bus/kafka-bus'
import { systemClock } from '@driftline/platform/clock'
import { createTestDatabase } from '@driftline/platform/metadata/testing/create-test-database'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { routingKey, SampleBatchSchema, topics } from '@driftline/proto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { startClickHouse } from '../../../infra/servers/clickhouse.ts'
import type { HandoverRigArguments } from './testing/handover-rig.ts'

const SAMPLES = 5
const SOURCES = 12
const START_MS = Math.floor(Date.now() / 86_400_000) * 86_400_000 - 86_400_000

interface Instance {
  stop(): Promise<unknown>
  kill(): Promise<unknown>
  /** Takes it off the processor for so long, as a machine that hangs does. */
  suspend(ms: number): Promise<void>
}

const running = new Set<Instance>()

async function startInstance(args: HandoverRigArguments): Promise<Instance> {
  const script = fileURLToPath(new URL('./testing/handover-rig.ts', import.meta.url))
  const child = fork(script, [JSON.stringify(args)], { execArgv: ['--import', 'tsx'] })
  const gone = once(child, 'exit')
  await Promise.race([
    once(child, 'message'),
    gone.then(([code]) => Promise.reject(new Error(`the writer ended with ${code} before it was ready`))),
  ])
  const end = (act: () => unknown): Promise<unknown> => {
    running.delete(instance)
    act()
    return gone
  }
  const instance: Instance = {
    stop: () => end(() => child.send('stop')),
    kill: () => end(() => child.kill('SIGKILL')),
    async suspend(ms) {
      child.kill('SIGSTOP')
      await sleep(ms)
      child.kill('SIGCONT')
    },
  }
  running.add(instance)
  return instance
}

/** Batch n is series n of source n modulo `SOURCES`. */
function recordOf(batch: number): OutgoingRecord {
  const source = `host-${batch % SOURCES}`
  const message = create(SampleBatchSchema, {
    baseTimeMs: BigInt(START_MS + batch * 1000),
    series: Array<bigint>(SAMPLES).fill(BigInt(batch)),
    timeOffsetMs: Array.from({ length: SAMPLES }, (_, i) => i),
    value: Array.from({ length: SAMPLES }, (_, i) => batch + i),
  })
  return {
    topic: topics.samples.name,
    key: routingKey('default', `host:${source}`),
    headers: {
      'content-type': 'application/protobuf',
      message: SampleBatchSchema.typeName,
      tenant: 'default',
      source,
      epoch: '1',
      sequence: String(batch + 1),
    },
    value: toBinary(SampleBatchSchema, message),
  }
}

/** Publishes batch after batch; now and then all sources send their last ones again, as after a lost answer. */
function startStream(bus: Bus): { end(): Promise<number> } {
  let ending = false
  const publish = async (): Promise<number> => {
    let batch = 0
    while (!ending) {
      const next = Array.from({ length: SOURCES }, () => recordOf(batch++))
      await bus.publish(next)
      if (batch % (SOURCES * 7) === 0) await bus.publish(next)
      await sleep(10)
    }
    return batch
  }
  const streaming = publish()
  return {
    end() {
      ending = true
      return streaming
    },
  }
}

async function verdict(store: AnalyticsStore, batches: number): Promise<object> {
  const wrong = (from: string) =>
    store.query(`SELECT series, n FROM (${from}) WHERE n != {n: UInt64} LIMIT 20`, { n: SAMPLES })
  const missing = await store.query(
    'SELECT number FROM numbers({batches: UInt64}) WHERE number NOT IN (SELECT series FROM samples) LIMIT 20',
    { batches },
  )
  const notOnce = await wrong('SELECT series, count() AS n FROM samples GROUP BY series')
  const notOnceInMinutes = await wrong('SELECT series, sum(count) AS n FROM samples_1m GROUP BY series')
  return { missing, notOnce, notOnceInMinutes }
}

describeWithServer('postgres', 'several writers', (postgres) => {
  describeWithServer('kafka', 'on one Kafka, into one store', (kafka) => {
    let bus: Bus
    let clickhouse: Awaited<ReturnType<typeof startClickHouse>>
    let store: AnalyticsStore
    let args: HandoverRigArguments

    beforeAll(async () => {
      const topicPrefix = `writers-${process.pid}.`
      clickhouse = await startClickHouse()
      const postgresUrl = await createTestDatabase(postgres().url)
      args = { kafkaUrl: kafka().url, topicPrefix, postgresUrl, clickhouseUrl: clickhouse.url }
      const deps = { logger: quietLogger, metrics: createSelfMetrics(), clock: systemClock }
      bus = createKafkaBus({ brokers: [kafka().url], clientId: 'writers', topics, topicPrefix }, deps)
      await bus.start()
      store = createAnalyticsStore(testConfig({ dir: '', clickhouseUrl: clickhouse.url, migrationsDir: null }), deps)
    })
    afterEach(() => Promise.all([...running].map((instance) => instance.kill())))
    afterAll(async () => {
      await store?.stop()
      await bus?.stop()
      await clickhouse?.stop()
    })

    test('come at once, stop, are killed and hang while batches stream, and each batch is there once', async () => {
      const [first, second] = await Promise.all([startInstance(args), startInstance(args)])
      await store.start()
      const stream = startStream(bus)
      await sleep(2000)
      await first.stop()
      const third = await startInstance(args)
      await sleep(1000)
      await second.kill()
      await startInstance(args)
      // Longer than a silent member is given, so that it wakes up with partitions that are not its own any more.
      await sleep(12_000)
      await third.suspend(14_000)
      await sleep(2000)
      const batches = await stream.end()
      const whole = { missing: [], notOnce: [], notOnceInMinutes: [] }
      await expect.poll(() => verdict(store, batches), { timeout: 60_000, interval: 1000 }).toEqual(whole)
      await sleep(3000)
      expect(await verdict(store, batches)).toEqual(whole)
      expect(batches).toBeGreaterThan(1000)
    }, 240_000)
  })
})
