/**
 * The MQTT service as a process of its own, on an embedded bus: `fork`ed with where messages come from; tells its ports
 * and, once a second, what it has made durable and what it takes.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mqttDefinition } from '@driftline/ingest/definitions/mqtt'
import type { Source } from '@driftline/ingest/definitions/source'
import { createSeriesBook } from '@driftline/ingest/series-book'
import { createSourceMeter } from '@driftline/ingest/source-meter'
import type { StatusBoard } from '@driftline/ingest/source-status'
import { createEmbeddedBroker } from '@driftline/mqtt/broker/embedded-broker'
import { createDiscovery } from '@driftline/mqtt/mapping/discovery'
import { createSources } from '@driftline/mqtt/sources'
import type { Bus } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { decodeSamples, topics } from '@driftline/proto'

/** `url`: a broker, or `embedded`. */
export interface ReaderArguments {
  readonly url: string
  readonly protocol: '5' | '3.1.1'
}

/** What it tells once a second: counts since the start, the rest of this second. */
export interface ReaderReport {
  readonly messages: number
  readonly samples: number
  /** From the time in a message to durable, milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly state: string
  readonly refused: number
  readonly cpuSeconds: number
  readonly rssMiB: number
}

const { url, protocol } = JSON.parse(process.argv[2]!) as ReaderArguments
const clock = systemClock
const deps = { logger: createLogger('warn'), metrics: createSelfMetrics(), clock }
const dataDir = mkdtempSync(join(tmpdir(), 'driftline-bench-mqtt-'))
const bus = createEmbeddedBus({ dataDir, topics }, deps)
await bus.start()

const BUCKETS = 10_000
const meter = createSourceMeter(clock)
const board: StatusBoard = {
  name: 'board',
  start: async () => {},
  stop: async () => {},
  of: () => meter,
  drop: () => {},
}
let samples = 0
/** From the time in a message to durable on the bus: a count per millisecond, of the running second. */
let latencies = new Uint32Array(BUCKETS)
const publish: Bus['publish'] = async (records) => {
  await bus.publish(records)
  const nowMs = Date.now()
  for (const { topic, value } of records) {
    const columns = topic === topics.samples.name ? decodeSamples(value) : null
    if (columns === null) continue
    samples += columns.value.length
    for (const offset of columns.timeOffsetMs) {
      latencies[Math.max(0, Math.min(BUCKETS - 1, nowMs - Number(columns.baseTimeMs) - offset))]! += 1
    }
  }
}
const quantile = (share: number): number => {
  const wanted = latencies.reduce((sum, count) => sum + count, 0) * share
  let seen = 0
  for (let ms = 0; ms < BUCKETS; ms++) {
    seen += latencies[ms]!
    if (seen > 0 && seen >= wanted) return ms
  }
  return 0
}
const sources = createSources(
  { instance: 'bench', bounds: { ageMsMax: 48 * 3_600_000, aheadMsMax: 600_000 }, embedded: url === 'embedded' },
  {
    ...deps,
    bus: { ...bus, publish },
    hotState: createInProcessHotState({ maxKeys: 100 }, { clock }),
    book: createSeriesBook({ perTenantMax: 200_000, perSourceMax: 100_000 }, { clock }),
    board,
    createDiscovery,
    firstHeardOf: () => {},
    publishEmbedded: () => {},
  },
)
const source: Source<'mqtt'> = {
  tenant: 'default',
  id: 'bench',
  kind: 'mqtt',
  name: 'bench',
  active: true,
  secrets: {},
  version: 1,
  definition: mqttDefinition.parse({
    broker: { url, protocol },
    discover: [],
    mappings: [
      {
        topic: 'bench/{site}/{machine}',
        payload: 'json',
        time: { path: '$.ts', format: 'ms' },
        fields: [
          { path: '$.temp', metric: 'device.temperature', unit: 'Cel' },
          { path: '$.rpm', metric: 'device.speed' },
          { path: '$.vib.rms', metric: 'device.vibration' },
        ],
      },
    ],
  }),
}
await sources.follow([source], [])
let port = 0
if (url === 'embedded') {
  const broker = createEmbeddedBroker(
    { bind: '127.0.0.1', port: 0, tls: null, anonymous: true, limits: { messagesPerClientSecond: 100_000 } },
    {
      ...deps,
      access: { authenticate: async () => null },
      take(tenant, message, settle) {
        sources.takeEmbedded(tenant, message, settle)
      },
      refused: () => {},
    },
  )
  await broker.start()
  port = broker.port()
}
let usedBefore = process.cpuUsage()
const report = setInterval(() => {
  const used = process.cpuUsage(usedBefore)
  usedBefore = process.cpuUsage()
  const detail = meter.read(Date.now())
  process.send?.({
    messages: detail.events,
    samples,
    p50: quantile(0.5),
    p99: quantile(0.99),
    state: detail.state,
    refused: detail.refused.reduce((sum, { count }) => sum + count, 0),
    cpuSeconds: (used.user + used.system) / 1e6,
    rssMiB: process.memoryUsage().rss / 1_048_576,
  } satisfies ReaderReport)
  latencies = new Uint32Array(BUCKETS)
}, 1000)
process.send?.({ port })
process.on('message', async () => {
  clearInterval(report)
  await sources.stop()
  await bus.stop()
  rmSync(dataDir, { recursive: true, force: true })
  process.exit(0)
})
