import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { createSourceAsks } from '@driftline/ingest/source-asks'
import { readSourceStatus } from '@driftline/ingest/source-status'
import { createSourceStore, type StoredSource } from '@driftline/ingest/source-store'
import type { SourceStatusDetail } from '@driftline/ingest/status-detail'
import { createSealer } from '@driftline/platform/access/sealing'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { createFaultyBus, type Fate } from '@driftline/platform/bus/faulty-bus'
import { systemClock } from '@driftline/platform/clock'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import type { Component } from '@driftline/platform/lifecycle'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { decodeSamples, SeriesBatchSchema, topics } from '@driftline/proto'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { readCheckerConfig } from '../config.ts'
import { createChecker } from '../service.ts'

const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
const directory = mkdtempSync(join(tmpdir(), 'driftline-polls-'))
const metadata = createSqliteMetadata({ file: join(directory, 'metadata.sqlite') }, deps)
const sealer = createSealer({ key: randomBytes(32) })
const store = createSourceStore({ metadata, sealer, clock: systemClock })
const asks = createSourceAsks({ metadata, sealer, clock: systemClock })
let fate: Fate = 'stored'
const { bus, stored } = createFaultyBus(4, () => fate)
let checker: Component
let target: Server
let targetUrl = ''
/** What the target does with a request; each test sets its own. */
let answer: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) => void response.end()
let atOnce = 0
let mostAtOnce = 0
let requests = 0

beforeAll(async () => {
  await metadata.start()
  target = createServer((request, response) => {
    requests += 1
    atOnce += 1
    mostAtOnce = Math.max(mostAtOnce, atOnce)
    response.once('close', () => {
      atOnce -= 1
    })
    answer(request, response)
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  targetUrl = `http://127.0.0.1:${(target.address() as AddressInfo).port}`
  const config = readCheckerConfig({
    env: { DRIFTLINE_ALLOWED_PRIVATE_NETWORKS: '127.0.0.0/8', DRIFTLINE_CHECKER_INSTANCE: 'test' },
    yaml: { checker: { allowed_roots: [directory], demo_target: false } },
    file: null,
  })
  const hotState = createInProcessHotState({ maxKeys: 10_000 }, deps)
  // Polls ask other programs; nothing here reads what the product has.
  const analytics = {} as AnalyticsStore
  checker = createChecker(config, { ...deps, bus, metadata, sealer, hotState, analytics })
  await checker.start()
}, 60_000)
afterAll(async () => {
  await checker.stop()
  target.closeAllConnections()
  await new Promise((resolve) => target.close(resolve))
  await metadata.stop()
  rmSync(directory, { recursive: true, force: true })
})
beforeEach(async () => {
  for (const source of await store.list('default')) await store.remove('default', source.id, 'user:test')
  stored.length = 0
  fate = 'stored'
  requests = 0
  mostAtOnce = 0
})

const until = (holds: () => void | Promise<void>): Promise<void> => vi.waitFor(holds, { timeout: 30_000, interval: 50 })
const json = (value: unknown) => (_request: IncomingMessage, response: ServerResponse) =>
  void response.setHeader('content-type', 'application/json').end(JSON.stringify(value))

/** Definitions are told once, and known from then on. */
const names = new Map<bigint, string>()

/** Samples as `process metric attributes value`, in the order in which they were published. */
function samples(): string[] {
  for (const { topic, value } of stored) {
    if (topic !== topics.series.name) continue
    for (const { id, process, metric, attributes } of fromBinary(SeriesBatchSchema, value).series) {
      names.set(id, `${process} ${metric} ${attributes}`)
    }
  }
  return stored.flatMap(({ topic, value }) => {
    const batch = topic === topics.samples.name ? decodeSamples(value) : null
    return Array.from({ length: batch?.count ?? 0 }, (_, at) => {
      const { seriesPairs, value: values } = batch!
      const id = (BigInt(seriesPairs[2 * at + 1]!) << 32n) | BigInt(seriesPairs[2 * at]!)
      return `${names.get(id)} ${values[at]}`
    })
  })
}

async function status(source: StoredSource): Promise<SourceStatusDetail> {
  const rows = await readSourceStatus(metadata, 'default', Date.now())
  const row = rows.find((each) => each.source === source.id)
  if (row === undefined) throw new Error('no status yet')
  return row.detail
}

const poll = (name: string, definition: object): Promise<StoredSource> =>
  store.create('default', { kind: 'poll', name, definition: { everySeconds: 1, ...definition } }, 'user:test')

it('maps rows of a REST answer, and measures itself', async () => {
  answer = json({
    items: [
      { region: 'north', open: 3 },
      { region: 'south', open: '4' },
    ],
  })
  const metrics = [{ metric: 'shop.open', value: '$.open', attributes: { region: '$.region' } }]
  const source = await poll('shop', {
    type: 'rest',
    checkConfiguration: { url: `${targetUrl}/orders` },
    rows: '$.items',
    metrics,
  })
  await until(async () => {
    expect(samples()).toEqual(
      expect.arrayContaining([
        'service:shop shop.open {"region":"north"} 3',
        'service:shop shop.open {"region":"south"} 4',
        'service:shop process.events {} 1',
        'service:shop process.events.failed {} 0',
      ]),
    )
    expect(await status(source)).toMatchObject({ state: 'receiving', message: '' })
  })
})

it('never has two turns at once, and says which it missed', async () => {
  answer = (_request, response) => void setTimeout(() => response.end('{"total": 1}'), 1500)
  const source = await poll('slow', {
    type: 'rest',
    timeoutSeconds: 1,
    checkConfiguration: { url: targetUrl },
    metrics: [{ metric: 'total', value: 'total' }],
  })
  await until(async () => {
    expect(requests).toBeGreaterThan(2)
    const { refused, message } = await status(source)
    expect(refused).toMatchObject([{ reason: 'timeout' }])
    expect(message).toContain('1.0 s')
  })
  expect(mostAtOnce).toBe(1)
  expect(samples().filter((sample) => sample.includes('process.events.failed'))).toContain(
    'service:slow process.events.failed {} 1',
  )
})

it('lets a target that fails rest, and goes on when it answers again', async () => {
  answer = (_request, response) => void response.writeHead(503).end('no')
  const source = await poll('down', {
    type: 'rest',
    checkConfiguration: { url: targetUrl },
    metrics: [{ metric: 'total', value: 'total' }],
  })
  await until(async () => {
    const { message, filtered, state } = await status(source)
    expect(state).toBe('failed')
    expect(message).toContain('status was 503, expected below 400')
    expect(filtered).toMatchObject([{ reason: 'target_rests' }])
  })
  const asked = requests
  expect(asked).toBeLessThanOrEqual(8)
})

it('loses nothing while the bus is away, and asks for nothing further', async () => {
  let total = 0
  answer = (_request, response) => {
    total += 1
    response.end(JSON.stringify({ total }))
  }
  await poll('kept', {
    type: 'rest',
    checkConfiguration: { url: targetUrl },
    metrics: [{ metric: 'total', value: 'total' }],
  })
  await until(() => expect(samples().some((sample) => sample.endsWith('total {} 1'))).toBe(true))
  fate = 'refused'
  const before = requests
  await until(() => expect(requests).toBeGreaterThan(before))
  const away = requests
  await new Promise((resolve) => setTimeout(resolve, 2500))
  expect(requests).toBe(away)
  fate = 'stored'
  await until(() => {
    const totals = samples().filter((sample) => sample.includes(' total {} '))
    expect(totals).toEqual(Array.from({ length: totals.length }, (_, index) => `service:kept total {} ${index + 1}`))
    expect(totals.length).toBeGreaterThan(away)
  })
})

it('reads facts of a file and numbers in it', async () => {
  const file = join(directory, 'balance.json')
  writeFileSync(file, '{"balance": 184500.5}')
  const metrics = [
    { metric: 'balance', value: '$.balance', unit: '{INR}' },
    { metric: 'file.size', value: 'size', unit: 'By' },
  ]
  await poll('balance', { type: 'file', checkConfiguration: { url: `file://${file}` }, metrics })
  await until(() => {
    expect(samples()).toEqual(
      expect.arrayContaining(['service:balance balance {} 184500.5', 'service:balance file.size {} 21']),
    )
  })
})

it('previews a draft on real answers, and stores nothing of it', async () => {
  answer = json({ total: 42 })
  const definition = {
    everySeconds: 5,
    type: 'rest',
    checkConfiguration: { url: targetUrl },
    metrics: [{ metric: 'total', value: '$.total' }],
    rules: [{ name: 'much', expression: 'total > 40' }],
  }
  const ask = { kind: 'poll' as const, source: '', definition, secrets: {} }
  const { id } = await asks.preview('default', ask, 'user:test')
  await until(async () => {
    const preview = await asks.readPreview('default', id)
    expect(preview?.answer).toMatchObject({
      state: 'receiving',
      items: [expect.objectContaining({ produced: [expect.objectContaining({ metric: 'total', value: 42 })] })],
    })
  })
  await asks.cancelPreview('default', id)
  expect(samples()).toEqual([])
})

it('stops with its source', async () => {
  answer = json({ total: 1 })
  const metrics = [{ metric: 'total', value: 'total' }]
  const source = await poll('gone', { type: 'rest', checkConfiguration: { url: targetUrl }, metrics })
  await until(() => expect(requests).toBeGreaterThan(0))
  await store.remove('default', source.id, 'user:test')
  await until(async () => {
    const rows = await readSourceStatus(metadata, 'default', Date.now())
    expect(rows.map((row) => row.source)).not.toContain(source.id)
  })
  const asked = requests
  await new Promise((resolve) => setTimeout(resolve, 2500))
  expect(requests).toBe(asked)
})

describeWithServer('postgres', 'a poll of PostgreSQL', (server) => {
  it('maps the rows of a query', async () => {
    const url = new URL(server().url)
    const { createCredentialStore } = await import('@driftline/checks/vault/credential-store')
    const credentials = createCredentialStore({ metadata, sealer, clock: systemClock })
    const fields = { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) || 'none' }
    await credentials.create('default', { name: 'pg', kind: 'basic', hosts: [url.hostname], fields }, 'user:test')
    await poll('ledger', {
      type: 'sql',
      checkConfiguration: {
        url: `postgresql://${url.host}${url.pathname}`,
        credential: 'pg',
        query: `select region, n as open from (values ('north', 3), ('south', 4)) as orders(region, n)`,
      },
      metrics: [{ metric: 'ledger.open', value: 'open', attributes: { region: 'region' } }],
    })
    await until(() => {
      expect(samples()).toEqual(
        expect.arrayContaining([
          'service:ledger ledger.open {"region":"north"} 3',
          'service:ledger ledger.open {"region":"south"} 4',
        ]),
      )
    })
  })
})

describeWithServer('prometheus', 'a scrape of Prometheus itself', (server) => {
  it('brings its series, without those that are dropped', async () => {
    const url = new URL('/metrics', server().url).href
    await poll('prometheus', { type: 'prometheus', checkConfiguration: { url, drop: ['go_.*'] } })
    await until(() => {
      const found = samples()
      expect(found.some((sample) => sample.startsWith('service:prometheus prometheus_build_info {'))).toBe(true)
      expect(found.some((sample) => sample.startsWith('service:prometheus prometheus_http_requests_total {'))).toBe(
        true,
      )
      expect(found.filter((sample) => sample.includes(' go_'))).toEqual([])
    })
  })
})
