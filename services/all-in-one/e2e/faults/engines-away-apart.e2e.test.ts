import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { afterEach, expect, test } from 'vitest'
import { startClickHouse } from '../../../../infra/servers/clickhouse.ts'
import { startKafka } from '../../../../infra/servers/kafka.ts'
import { startPostgres } from '../../../../infra/servers/postgres.ts'
import { startRedis } from '../../../../infra/servers/redis.ts'
import { eventually } from '../child.ts'
import { type Apart, createApart, SERVICES } from './apart.ts'
import { type CountingAgent, startCountingAgent } from './counting-agent.ts'
import { checkTables, drain, expectNothingTwice, expectWhole, withStore } from './history.ts'
import { complaintsOf, type LogLine } from './logs.ts'
import { createSeededRandom } from './random.ts'
import { openRest } from './rest.ts'

const HOST = 'counted-1'
const AWAY_MS = 5000
const SOON_MS = 180_000
/** Of one service during one outage: each failure a few times, not one line per attempt of every connection. */
const COMPLAINTS_MAX = 500

/** A server of this test alone, which it may end like a crash. */
interface Engine {
  readonly url: string
  crash(): Promise<void>
  restart(): Promise<void>
  stop(): Promise<void>
}
type EngineName = 'kafka' | 'postgres' | 'redis' | 'clickHouse'

/** What somebody who reads the log must find there while the engine is away. */
const complaint: Record<EngineName, (line: LogLine) => boolean> = {
  kafka: ({ message, error }) => error?.code === 'bus_unavailable' || message.startsWith('kafkajs: '),
  postgres: ({ error }) => error?.code === 'metadata_unavailable',
  redis: ({ error }) => error?.code === 'hot_state_unavailable',
  clickHouse: ({ error }) => error?.code === 'store_unavailable',
}

const directory = mkdtempSync(join(tmpdir(), 'driftline-agent-'))
const cleanUps: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
  rmSync(directory, { recursive: true, force: true })
})

async function startEngines(): Promise<Record<EngineName, Engine>> {
  const kafka = await startKafka()
  const engines = {
    kafka: { url: kafka.url, crash: () => kafka.kill(), restart: () => kafka.start(), stop: () => kafka.stop() },
    // It is ended like a crash: what it has confirmed must be on disk.
    postgres: await startPostgres({ durable: true }),
    redis: await startRedis(),
    clickHouse: await startClickHouse(),
  }
  cleanUps.push(async () => {
    await Promise.all(Object.values(engines).map((engine) => engine.stop()))
  })
  return engines
}

async function beAway(name: EngineName, engine: Engine, apart: Apart, agent: CountingAgent): Promise<void> {
  const from = SERVICES.map((service) => apart.current(service).output().length)
  await engine.crash()
  await eventually(`somebody complains that ${name} is away`, SOON_MS, async () => {
    const lines = SERVICES.flatMap((service, index) => complaintsOf(apart.current(service), from[index]))
    return lines.some(complaint[name]) || undefined
  })
  await sleep(AWAY_MS)
  const counts = SERVICES.map((service, index) => complaintsOf(apart.current(service), from[index]).length)
  process.stdout.write(`${name} away: complaints of ${SERVICES.join(', ')}: ${counts.join(', ')}\n`)
  for (const count of counts) expect(count).toBeLessThan(COMPLAINTS_MAX)
  await engine.restart()
  const before = agent.acknowledged()
  await eventually(`acknowledging after ${name} came back`, SOON_MS, async () => {
    return agent.acknowledged() >= before + 20 || undefined
  })
}

describeWithServer('kafka', 'apart, while Kafka', () => {
  describeWithServer('postgres', 'or PostgreSQL', () => {
    describeWithServer('redis', 'or Redis or ClickHouse is away', () => {
      test('every service says so, goes on by itself when it is back, and nothing is lost', {
        timeout: 1_200_000,
      }, async () => {
        const engines = await startEngines()
        const { kafka, postgres, redis, clickHouse } = engines
        const apart = await createApart({
          kafka: kafka.url,
          postgres: postgres.url,
          redis: redis.url,
          clickHouse: clickHouse.url,
        })
        cleanUps.push(() => apart.remove())
        const lives = SERVICES.map((name) => apart.launch(name))
        await Promise.all(lives.map((life) => apart.ready(life)))
        const rest = await openRest(apart.address)
        const options = { host: HOST, server: apart.intake, apiKey: rest.ingestKey, directory }
        const agent = await startCountingAgent(options)
        cleanUps.push(() => agent.stop())

        for (const name of ['postgres', 'redis', 'clickHouse', 'kafka'] as const) {
          await beAway(name, engines[name], apart, agent)
        }
        const batches = await drain(agent, rest)
        await checkTables(agent, rest, createSeededRandom('tables'))
        // The lives that began this test: nobody was started again.
        for (const life of lives) expect(process.kill(life.pid, 0)).toBe(true)
        await withStore({ clickhouseUrl: clickHouse.url }, async (store) => {
          await expectWhole(store, HOST, batches)
          await expectNothingTwice(store)
        })
        process.stdout.write(`engines away: ${batches} batches\n`)
      })
    })
  })
})
