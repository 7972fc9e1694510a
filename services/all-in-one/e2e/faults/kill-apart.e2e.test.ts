import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTestDatabase } from '@driftline/platform/metadata/testing/create-test-database'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { afterEach, test } from 'vitest'
import { startClickHouse } from '../../../../infra/servers/clickhouse.ts'
import { eventually, root } from '../child.ts'
import { type Apart, createApart, SERVICES, type ServiceName } from './apart.ts'
import { type CountingAgent, startCountingAgent } from './counting-agent.ts'
import { checkTables, drain, expectNothingTwice, expectWhole, withStore } from './history.ts'
import { createMortalAgent, type MortalAgent } from './mortal-agent.ts'
import { createSeededRandom, type SeededRandom } from './random.ts'
import { openRest } from './rest.ts'

const KILLS = 20
const WORKS_WITHIN_MS = 120_000
const HOSTS = ['counted-1', 'counted-2'] // in different partitions

/** How a service shows that it works: only then a kill can tear something. */
const work: Record<Exclude<ServiceName, 'intake'>, RegExp> = {
  writer: /^driftline_writer_records_total\{.*\} [1-9]/m,
  analyzer: /^driftline_analyzer_records_total\{.*\} [1-9]/m,
  gateway: /^driftline_/m,
}

const directory = mkdtempSync(join(tmpdir(), 'driftline-agents-'))
const cleanUps: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
  rmSync(directory, { recursive: true, force: true })
})

function keep<T>(thing: T, cleanUp: (thing: T) => Promise<void>): T {
  cleanUps.push(() => cleanUp(thing))
  return thing
}

/** Kills a service twenty times: mostly while it works, sometimes while it starts. It starts again at once. */
async function killAgain(name: ServiceName, apart: Apart, agents: readonly CountingAgent[], random: SeededRandom) {
  for (let kill = 0; kill < KILLS; kill++) {
    if (random.below(4) < 1) await sleep(random.below(2500))
    else {
      await waitForWork(name, apart, agents)
      await sleep(random.below(2000))
    }
    await apart.current(name).end('SIGKILL')
    apart.launch(name)
  }
}

async function waitForWork(name: ServiceName, apart: Apart, agents: readonly CountingAgent[]): Promise<void> {
  const before = agents.map((agent) => agent.acknowledged())
  const works = async (): Promise<boolean> =>
    name === 'intake'
      ? agents.some((agent, index) => agent.acknowledged() > before[index]!)
      : await apart.shows(name, work[name])
  await eventually(`work of the ${name}`, WORKS_WITHIN_MS, async () => ((await works()) ? true : undefined))
}

async function killRunsOf(agent: MortalAgent, random: SeededRandom): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    const run = await agent.run()
    await sleep(random.below(2000))
    await run.end('SIGKILL')
  }
  await agent.finish()
}

describeWithServer('kafka', 'apart, on Kafka', (kafka) => {
  describeWithServer('postgres', 'PostgreSQL', (postgres) => {
    describeWithServer('redis', 'Redis and ClickHouse', (redis) => {
      test(`every batch is there once after each service and an agent were killed ${KILLS} times`, {
        timeout: 1_800_000,
      }, async () => {
        const random = createSeededRandom('kill apart')
        const clickHouse = keep(await startClickHouse(), (server) => server.stop())
        const engines = { kafka: kafka().url, redis: redis().url, clickHouse: clickHouse.url }
        const database = await createTestDatabase(postgres().url)
        const apart = keep(await createApart({ ...engines, postgres: database }), (each) => each.remove())
        await Promise.all(SERVICES.map((name) => apart.ready(apart.launch(name))))
        const rest = await openRest(apart.address)

        const agentAt = { server: apart.intake, apiKey: rest.ingestKey }
        const agents: CountingAgent[] = []
        for (const host of HOSTS) {
          const started = await startCountingAgent({ ...agentAt, host, directory: join(directory, host) })
          agents.push(keep(started, (agent) => agent.stop()))
        }
        const mortal = createMortalAgent({ ...agentAt, host: 'mortal', directory: join(directory, 'mortal') }, root)
        keep(mortal, (each) => each.remove())

        await Promise.all([
          ...SERVICES.map((name) => killAgain(name, apart, agents, random)),
          killRunsOf(mortal, random),
        ])
        await Promise.all(SERVICES.map((name) => apart.ready(apart.current(name))))

        const counts: Record<string, number> = {}
        for (const agent of agents) counts[agent.host] = await drain(agent, rest)
        for (const agent of agents) await checkTables(agent, rest, random)
        await withStore({ clickhouseUrl: clickHouse.url }, async (store) => {
          for (const host of HOSTS) await expectWhole(store, host, counts[host]!)
          counts.mortal = await mortal.expectWhole(store)
          await expectNothingTwice(store)
        })
        process.stdout.write(`kill apart: batches ${JSON.stringify(counts)}\n`)
      })
    })
  })
})
