import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Bus, BusRecord, OutgoingRecord } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { createKafkaBus } from '@driftline/platform/bus/kafka-bus'
import { createRepeatFilter } from '@driftline/platform/bus/repeat-filter'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createTestDatabase } from '@driftline/platform/metadata/testing/create-test-database'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { topics } from '@driftline/proto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createFileCheckpoints } from './checkpoints.ts'
import { createAnalyzer } from './service.ts'
import { type HandoverRigArguments, handoverStep } from './testing/handover-rig.ts'
import { hostRecords } from './testing/host-records.ts'

const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
const HOSTS = Array.from({ length: 12 }, (_, index) => `web-${index}`)
const PAUSE_MS = 50

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
    gone.then(([code]) => Promise.reject(new Error(`the analyzer ended with ${code} before it was ready`))),
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

const recordsOf = (second: number): OutgoingRecord[] => HOSTS.flatMap((host) => hostRecords(host, second))

/** Publishes second after second, quicker than they pass; answers how many there were. */
function startStream(bus: Bus): { end(): Promise<number> } {
  let ending = false
  const publish = async (): Promise<number> => {
    let second = 0
    for (; !ending; second++) {
      await bus.publish(recordsOf(second))
      await sleep(PAUSE_MS)
    }
    return second
  }
  const streaming = publish()
  return {
    end() {
      ending = true
      return streaming
    },
  }
}

async function publishedKpis(bus: Bus): Promise<BusRecord[]> {
  const all: BusRecord[] = []
  for (let partition = 0; partition < bus.partitionsOf(topics.kpis.name); partition++) {
    all.push(...(await bus.read(topics.kpis.name, partition, 0, Number.MAX_SAFE_INTEGER)))
  }
  return all
}

const nameOf = ({ headers }: BusRecord): string => `${headers.source}#${headers.sequence}`
const textOf = ({ value }: BusRecord): string => Buffer.from(value).toString('base64')

/** What consumers see: by host and second the value, repeats dropped by their headers. */
function seen(records: readonly BusRecord[]): Map<string, string> {
  const filter = createRepeatFilter({ maxSources: 1000 })
  const fresh = records.filter((record) => !filter.isRepeat(record))
  return new Map(fresh.map((record) => [nameOf(record), textOf(record)]))
}

/** What one analyzer makes of it that never stops. */
async function undisturbed(seconds: number): Promise<Map<string, string>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'driftline-handover-'))
  const bus = createEmbeddedBus({ dataDir, topics }, deps)
  const analyzer = createAnalyzer(
    { dataDir, checkpointMs: 60_000, step: handoverStep },
    { ...deps, bus, checkpoints: createFileCheckpoints({ dataDir }) },
  )
  await bus.start()
  await analyzer.start()
  for (let second = 0; second < seconds; second++) await bus.publish(recordsOf(second))
  await expect
    .poll(async () => (await publishedKpis(bus)).length, { timeout: 60_000 })
    .toBe(HOSTS.length * (seconds - 1))
  const expected = seen(await publishedKpis(bus))
  await analyzer.stop()
  await bus.stop()
  rmSync(dataDir, { recursive: true })
  return expected
}

describeWithServer('postgres', 'several analyzers', (postgres) => {
  describeWithServer('kafka', 'on one Kafka', (kafka) => {
    let bus: Bus
    let args: HandoverRigArguments

    beforeAll(async () => {
      const topicPrefix = `handover-${process.pid}.`
      args = { kafkaUrl: kafka().url, topicPrefix, postgresUrl: await createTestDatabase(postgres().url) }
      bus = createKafkaBus({ brokers: [kafka().url], clientId: 'handover', topics, topicPrefix }, deps)
      await bus.start()
    })
    afterEach(() => Promise.all([...running].map((instance) => instance.kill())))
    afterAll(() => bus?.stop())

    test('come, stop, are killed and hang while hosts stream, and the KPIs are those of one that never stopped', async () => {
      // Three, because the partitions of four topics are shared out alike among two even if nobody sees to it.
      const start = () => startInstance(args)
      const [first, second, third] = await Promise.all([start(), start(), start()])
      const stream = startStream(bus)
      await sleep(2000)
      await first.stop()
      await start()
      await sleep(1000)
      await second.kill()
      await start()
      // A silent member is missed after ten seconds; this one wakes up when its partitions are not its own any more.
      await sleep(12_000)
      await third.suspend(14_000)
      await sleep(2000)
      const seconds = await stream.end()
      const expected = await undisturbed(seconds)
      const missing = async (): Promise<string[]> => {
        const found = seen(await publishedKpis(bus))
        return [...expected.keys()].filter((name) => !found.has(name))
      }
      await expect.poll(missing, { timeout: 60_000, interval: 1000 }).toEqual([])
      const records = await publishedKpis(bus)
      const found = seen(records)
      const contradictory = records.filter((record) => expected.get(nameOf(record)) !== textOf(record))
      expect(contradictory.map(nameOf)).toEqual([])
      expect([...found.keys()].sort()).toEqual([...expected.keys()].sort())
    }, 240_000)
  })
})
