import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { eventually, freePort } from './child.ts'
import { createProduct, type Product } from './faults/product.ts'
import { curl, isInstalled, runProgram } from './sources/programs.ts'
import { openSession, type Session, type SourceItem } from './sources/session.ts'

const SEEN_WITHIN_MS = 60_000

const directory = mkdtempSync(join(tmpdir(), 'driftline-push-'))
let product: Product
let session: Session
let key: string
const stops: (() => Promise<void>)[] = []

beforeAll(async () => {
  product = await createProduct()
  await product.ready(product.launch())
  session = await openSession(product.address)
  key = await session.makeKey('senders')
})
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})
afterAll(async () => {
  await product.remove()
  rmSync(directory, { recursive: true, force: true })
})

interface Kpis {
  readonly executionTime: number | null
  readonly errorRate: number | null
  readonly throughput: number | null
}

const kpisOf = (process: string): Promise<Kpis> => session.get<Kpis>(`processes/${encodeURIComponent(process)}/metrics`)

/** Waits until a service is in the list, with figures that fit. */
async function seen(process: string, fits: (kpis: Kpis) => boolean): Promise<void> {
  await eventually(`${process} with its KPIs`, SEEN_WITHIN_MS, async () => {
    const services = await session.list<{ processId: string }>('processes?kind=service')
    if (!services.some(({ processId }) => processId === process)) return undefined
    return fits(await kpisOf(process)) ? true : undefined
  })
}

/** The source that made itself for what a key sends through a door. */
async function pushedThrough(door: string): Promise<SourceItem> {
  return eventually(`the source of ${door}`, SEEN_WITHIN_MS, async () =>
    (await session.list<SourceItem>('sources?kind=push')).find(({ source }) => source.startsWith(`push:${door}:`)),
  )
}

/** How a source is doing is written every two seconds: a moment after its first data it may still be waiting. */
async function isWell(door: string): Promise<void> {
  const check = async () => expect(await pushedThrough(door)).toMatchObject({ status: 'ok', refused: 0 })
  await vi.waitFor(check, { timeout: SEEN_WITHIN_MS, interval: 250 })
}

test('the OpenTelemetry SDK: a service with execution time, throughput and errors', async () => {
  const exporter = new OTLPMetricExporter({
    url: `${product.address}/v1/metrics`,
    headers: { authorization: `Bearer ${key}` },
  })
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ 'service.name': 'checkout' }),
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 500, exportTimeoutMillis: 500 })],
  })
  const duration = provider.getMeter('shop').createHistogram('http.server.request.duration', {
    unit: 's',
    advice: { explicitBucketBoundaries: [0.1, 0.2, 0.4] },
  })
  const timer = setInterval(() => {
    for (let i = 0; i < 4; i++) duration.record(0.15, { 'http.response.status_code': i === 0 ? 500 : 200 })
  }, 100)
  stops.push(async () => {
    clearInterval(timer)
    await provider.shutdown()
  })
  await seen('service:checkout', ({ executionTime, errorRate, throughput }) => {
    return (executionTime ?? 0) > 100 && (errorRate ?? 0) > 0.1 && (throughput ?? 0) > 1
  })
  await isWell('otlp')
})

describeWithServer('prometheus', 'Prometheus', (server) => {
  test('remote write: a service for its job, with the metric that is named as what it counts', async () => {
    const address = new URL(server().url)
    const configFile = address.searchParams.get('config') ?? ''
    const configure = async (config: object): Promise<void> => {
      writeFileSync(configFile, JSON.stringify(config))
      expect((await fetch(`${address.origin}/-/reload`, { method: 'POST' })).status).toBe(200)
    }
    stops.push(() => configure({}))
    await configure({
      global: { scrape_interval: '200ms' },
      scrape_configs: [{ job_name: 'self', static_configs: [{ targets: [address.host] }] }],
      remote_write: [
        {
          url: `${product.address}/api/v1/prometheus/write`,
          basic_auth: { username: 'prometheus', password: key },
          queue_config: { batch_send_deadline: '200ms' },
          metadata_config: { send_interval: '500ms' },
        },
      ],
    })
    const { source } = await pushedThrough('remote-write')
    const kpis = { events: 'prometheus_tsdb_head_samples_appended_total' }
    await session.redefine(source, (definition) => ({ ...definition, kpis }))
    await seen('service:self', ({ throughput }) => (throughput ?? 0) > 10)
    const series = await session.list<{ metric: string }>('processes/service:self/series?limit=1000')
    expect(series.map(({ metric }) => metric)).toEqual(expect.arrayContaining(['up', 'go_goroutines']))
    await isWell('remote-write')
  })
})

test('curl: samples as JSON and CSV, exact answers, and what is refused is a dead letter', async ({ skip }) => {
  if (!isInstalled('curl')) skip('curl is not installed (Debian package curl)')
  const url = `${product.address}/api/v1/ingest/samples`
  const now = new Date().toISOString()
  const events = { process: 'service:billing', metric: 'process.events', kind: 'delta', time: now }
  const send = (sample: object): Promise<string> => curl(key, '--json', JSON.stringify([sample]), url)
  expect(JSON.parse(await send({ ...events, value: 5 }))).toEqual({ accepted: 1, refused: 0, errors: [] })
  const csv = 'process,metric,value,unit,attributes.zone\nservice:billing,queue.depth,12,{item},a\n'
  const answer = await curl(key, '-H', 'content-type: text/csv', '--data-binary', csv, url)
  expect(JSON.parse(answer)).toEqual({ accepted: 1, refused: 0, errors: [] })
  const refused = JSON.parse(await send({ ...events, value: 'many' })) as { errors: { reason: string }[] }
  expect(refused).toMatchObject({ accepted: 0, refused: 1, errors: [{ index: 0 }] })

  await eventually('the figures of the service', SEEN_WITHIN_MS, async () => {
    await send({ ...events, time: new Date().toISOString(), value: 5 })
    return ((await kpisOf('service:billing')).throughput ?? 0) > 0 ? true : undefined
  })
  const letter = await eventually('the dead letter', SEEN_WITHIN_MS, async () =>
    (await session.list<{ reason: string; service: string }>('dead-letters?q=many')).at(0),
  )
  expect(letter).toMatchObject({ service: 'intake', reason: refused.errors[0]?.reason })
  const series = await session.list<{ metric: string; attributes: object }>('processes/service:billing/series')
  expect(series).toEqual(
    expect.arrayContaining([expect.objectContaining({ metric: 'queue.depth', attributes: { zone: 'a' } })]),
  )
})

test('logger: what the system says over syslog is searchable, by level and sender', async ({ skip }) => {
  if (!isInstalled('logger')) skip('logger is not installed (Debian package bsdutils)')
  const port = await freePort()
  await session.post('sources', {
    kind: 'syslog',
    name: 'network',
    definition: { udpPort: port, tcpPort: port },
  })
  await eventually('the port', SEEN_WITHIN_MS, async () => {
    const found = (await session.list<SourceItem>('sources?kind=syslog')).find(({ name }) => name === 'network')
    return found?.status === 'waiting' ? true : undefined
  })
  const say = (protocol: string, priority: string, text: string): Promise<string> =>
    runProgram('logger', [
      '--server',
      '127.0.0.1',
      '--port',
      String(port),
      protocol,
      '-t',
      'shop',
      '-p',
      priority,
      text,
    ])
  await say('--udp', 'daemon.info', 'shop opened')
  await say('--tcp', 'daemon.err', 'card refused')
  const lines = await eventually('both lines', SEEN_WITHIN_MS, async () => {
    const found = await session.lines('process=log:network')
    return found.length >= 2 ? found : undefined
  })
  expect(lines.map(({ level }) => level).sort()).toEqual(['error', 'info'])
  const [refused] = await session.lines('process=log:network&severity=error&q=refused')
  expect(refused?.fields).toMatchObject({ 'syslog.appname': 'shop' })
})
