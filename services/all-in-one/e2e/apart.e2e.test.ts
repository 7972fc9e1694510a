import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestDatabase } from '@driftline/platform/metadata/testing/create-test-database'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { startClickHouse } from '../../../infra/servers/clickhouse.ts'
import { openWindow, signIn, type Window } from './browser.ts'
import { eventually, freePort, type RunningChild, runAgent, runService } from './child.ts'
import { findInThePast, watchALife } from './life.ts'

const PASSWORD = 'end-to-end-password'
const READY_WITHIN_MS = 120_000
const SERVICES = ['writer', 'alerter', 'analyzer', 'intake', 'gateway'] as const

const directory = mkdtempSync(join(tmpdir(), 'driftline-apart-'))
const children = new Map<string, RunningChild>()
const windows: Window[] = []
let clickHouse: Awaited<ReturnType<typeof startClickHouse>> | undefined

beforeAll(async () => {
  clickHouse = await startClickHouse()
}, READY_WITHIN_MS)

afterEach(async () => {
  await Promise.all(windows.splice(0).map((window) => window.close()))
  await Promise.all([...children.values()].map((child) => child.end('SIGKILL')))
})
afterAll(async () => {
  await clickHouse?.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** Address of another shared server, for a suite that needs more than one. */
async function sharedServer(name: string): Promise<string> {
  const response = await fetch(`${inject('serverDesk')}/${name}`)
  const body = (await response.json()) as { url: string; reason?: string }
  if (!response.ok) throw new Error(`${name} is needed: ${body.reason}`)
  return body.url
}

async function engineVariables(kafka: string): Promise<Record<string, string>> {
  const run = randomBytes(4).toString('hex')
  return {
    DRIFTLINE_KAFKA_BROKERS: kafka,
    DRIFTLINE_KAFKA_TOPIC_PREFIX: `apart-${run}.`,
    DRIFTLINE_DATABASE_URL: await createTestDatabase(await sharedServer('postgres')),
    DRIFTLINE_REDIS_URL: await sharedServer('redis'),
    DRIFTLINE_CLICKHOUSE_URL: clickHouse?.url ?? '',
    DRIFTLINE_DATA_DIR: join(directory, 'unused'),
  }
}

async function start(name: string, env: Record<string, string>): Promise<void> {
  const opsPort = await freePort()
  const child = runService(name, { ...env, DRIFTLINE_OPS_PORT: String(opsPort) }, directory)
  children.set(name, child)
  await child.prints(/"message":"ready"/, READY_WITHIN_MS)
  expect((await fetch(`http://127.0.0.1:${opsPort}/readyz`)).status).toBe(200)
}

async function makeAgentKey(address: string): Promise<string> {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ username: 'admin', password: PASSWORD })
  const session = await fetch(`${address}/api/v1/sessions`, { method: 'POST', headers, body })
  const { token } = (await session.json()) as { token: string }
  const made = await fetch(`${address}/api/v1/api-keys`, {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${token}` },
    body: JSON.stringify({ name: 'end to end', role: 'ingest' }),
  })
  return ((await made.json()) as { key: string }).key
}

describeWithServer('chromium', 'every service apart, on Kafka, PostgreSQL, Redis and ClickHouse', (browser) => {
  test('shows this machine live, rewinds it, and keeps its history through a SIGKILL of each service', async () => {
    const httpPort = await freePort()
    const grpcPort = await freePort()
    const address = `http://127.0.0.1:${httpPort}`
    const env = {
      ...(await engineVariables(await sharedServer('kafka'))),
      DRIFTLINE_HTTP_PORT: String(httpPort),
      DRIFTLINE_GRPC_PORT: String(grpcPort),
      DRIFTLINE_MONITOR_GRPC_PORT: '0',
      DRIFTLINE_ADMIN_PASSWORD: PASSWORD,
    }
    await Promise.all(SERVICES.map((name) => start(name, env)))
    const agent = runAgent(
      {
        DRIFTLINE_AGENT_SERVER: `http://127.0.0.1:${grpcPort}`,
        DRIFTLINE_AGENT_API_KEY: await makeAgentKey(address),
        DRIFTLINE_AGENT_SPOOL_DIR: join(directory, 'spool'),
      },
      directory,
    )
    children.set('agent', agent)
    await agent.prints(/connected/, READY_WITHIN_MS)

    const window = await openWindow(browser().url)
    windows.push(window)
    await signIn(window.page, address, PASSWORD)
    await window.page.getByText('This machine is on the air').waitFor({ timeout: 60_000 })
    const life = await watchALife(window)
    await findInThePast(window, address, life)

    for (const name of SERVICES) {
      await children.get(name)?.end('SIGKILL')
      await start(name, env)
    }
    await eventually('the gateway answers again', READY_WITHIN_MS, async () => {
      const answer = await fetch(`${address}/readyz`)
      return answer.ok ? true : undefined
    })
    await findInThePast(window, address, life)
    // Live again as well: a new process is seen although every service was killed.
    await window.page.goto(`${address}/`)
    await watchALife(window)
    expect(window.problems).toEqual([])
  })
})
