import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { createSourceMeter } from '@driftline/ingest/source-meter'
import { createPushServer } from '@driftline/intake/push/http/push-server'
import { createPush } from '@driftline/intake/push/push'
import { pushDefaults } from '@driftline/intake/push/push-config'
import { encodeSnappy } from '@driftline/intake/push/testing/snappy-blocks'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { topics } from '@driftline/proto'
import { ExportMetricsServiceRequestSchema } from '@driftline/proto/otlp'
import { WriteRequestSchema } from '@driftline/proto/prometheus'

/** What one door was measured to take, sender and bus on the same processors. */
export interface DoorFigures {
  readonly door: string
  readonly samplesPerSecond: number
  readonly requests: number
  readonly seconds: number
  /** Answered, by the sender's clock, milliseconds. */
  readonly p99Ms: number
  readonly residentBytesMax: number
}

const POINTS = 2000
/** Bodies that differ in their times, sent in turn. */
const BODIES = 40

interface Shape {
  readonly path: string
  readonly headers: Record<string, string>
  body(round: number, startMs: number): Uint8Array
}

const seriesOf = (i: number): Record<string, string> => ({
  instance: `10.0.${i % 20}.7:9100`,
  method: ['GET', 'POST', 'PUT', 'DELETE'][i % 4]!,
  handler: `/api/v1/resource-${i % 50}`,
  code: ['200', '404', '500'][i % 3]!,
  shard: String(i),
})

/** Requests as senders make them: 2,000 series of one service, five attributes each. */
export const shapes: Readonly<Record<string, Shape>> = {
  'remote write': {
    path: '/api/v1/prometheus/write',
    headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
    body(round, startMs) {
      const timeseries = Array.from({ length: POINTS }, (_, i) => ({
        labels: Object.entries({ __name__: 'http_requests_total', job: 'shop', ...seriesOf(i) })
          .sort()
          .map(([name, value]) => ({ name, value })),
        samples: [{ value: i + round / 7, timestamp: BigInt(startMs + round) }],
      }))
      return encodeSnappy(toBinary(WriteRequestSchema, create(WriteRequestSchema, { timeseries })))
    },
  },
  'OTLP protobuf': {
    path: '/v1/metrics',
    headers: { 'content-type': 'application/x-protobuf' },
    body(round, startMs) {
      const text = (value: string) => ({ value: { case: 'stringValue' as const, value } })
      const dataPoints = Array.from({ length: POINTS }, (_, i) => ({
        attributes: Object.entries(seriesOf(i)).map(([key, value]) => ({ key, value: text(value) })),
        timeUnixNano: BigInt(startMs + round) * 1_000_000n,
        value: { case: 'asDouble' as const, value: i + round / 7 },
      }))
      const resource = { attributes: [{ key: 'service.name', value: text('shop') }] }
      const metrics = [{ name: 'queue.depth', data: { case: 'gauge' as const, value: { dataPoints } } }]
      const resourceMetrics = [{ resource, scopeMetrics: [{ metrics }] }]
      return toBinary(ExportMetricsServiceRequestSchema, create(ExportMetricsServiceRequestSchema, { resourceMetrics }))
    },
  },
  'samples JSON': {
    path: '/api/v1/ingest/samples',
    headers: { 'content-type': 'application/json' },
    body(round, startMs) {
      const items = Array.from({ length: POINTS }, (_, i) => ({
        process: 'service:shop',
        metric: 'queue.depth',
        value: i + round / 7,
        time: startMs + round,
        attributes: seriesOf(i),
      }))
      return Buffer.from(JSON.stringify(items))
    },
  },
}

/** Sends requests of one shape over `connections` for some seconds, and counts what was answered as accepted. */
export async function measureDoor(door: string, seconds: number, connections = 4): Promise<DoorFigures> {
  const shape = shapes[door]!
  const directory = mkdtempSync(join(tmpdir(), 'driftline-push-bench-'))
  const [logger, metrics, clock] = [createLogger('warn'), createSelfMetrics(), systemClock] as const
  const bus = createEmbeddedBus({ dataDir: directory, topics }, { logger, metrics, clock })
  const key = randomUUID()
  const principal = {
    tenant: 'default',
    kind: 'api-key' as const,
    id: 'bench',
    name: 'bench',
    permissions: new Set(['ingest']),
  }
  const access = { authenticate: async (token: string) => (token === key ? principal : null) }
  const rows = { ensure: async () => ({ active: true }) }
  const board = { of: () => createSourceMeter(clock), drop: () => {} }
  const config = { ...pushDefaults, instance: 'bench', statusInstance: 'bench' }
  const push = createPush(config, { bus, access, board, rows, logger, metrics, clock })
  const server = createPushServer({ bind: '127.0.0.1', port: 0, tls: null }, { http: push.http, logger })
  for (const each of [bus, push, server]) await each.start()

  const startMs = Date.now() - 60_000
  const bodies = Array.from({ length: BODIES }, (_, round) => shape.body(round, startMs))
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const headers = { ...shape.headers, authorization: `Bearer ${key}` }
  const send = (body: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      const outgoing = request({
        agent,
        port: server.port(),
        host: '127.0.0.1',
        method: 'POST',
        path: shape.path,
        headers,
      })
      outgoing.once('error', reject)
      outgoing.once('response', (response) => {
        response.resume()
        response.once('end', () => {
          if ((response.statusCode ?? 500) < 300) resolve()
          else reject(new Error(`answered ${response.statusCode}`))
        })
      })
      outgoing.end(body)
    })
  for (const body of bodies) await send(body)

  const latencies: number[] = []
  let residentBytesMax = 0
  const watch = setInterval(() => {
    residentBytesMax = Math.max(residentBytesMax, process.memoryUsage.rss())
  }, 50)
  const begin = performance.now()
  const endMs = begin + seconds * 1000
  await Promise.all(
    Array.from({ length: connections }, async (_, lane) => {
      for (let i = lane; performance.now() < endMs; i += connections) {
        const sentAt = performance.now()
        await send(bodies[i % BODIES]!)
        latencies.push(performance.now() - sentAt)
      }
    }),
  )
  const took = (performance.now() - begin) / 1000
  clearInterval(watch)
  agent.destroy()
  for (const each of [server, push, bus]) await each.stop()
  rmSync(directory, { recursive: true, force: true })
  latencies.sort((a, b) => a - b)
  return {
    door,
    samplesPerSecond: Math.round((latencies.length * POINTS) / took),
    requests: latencies.length,
    seconds: Number(took.toFixed(1)),
    p99Ms: Number((latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN).toFixed(1)),
    residentBytesMax,
  }
}
