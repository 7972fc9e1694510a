/**
 * How fast a bus stores records durably and hands them on: `npx tsx bench/bus/bus.bench.ts [lmdb|kafka]`.
 * Each scenario runs for a fixed time; latencies are of single publishes. Ratios mean more than digits.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bus, OutgoingRecord } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { createKafkaBus } from '@driftline/platform/bus/kafka-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { startKafka } from '../../infra/servers/kafka.ts'

const RUN_MS = 4000
const WARM_UP_MS = 500
const PARTITIONS = 4
const GIB = 1024 ** 3
const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }

interface Place {
  readonly bus: Bus
  close(): Promise<void>
}

interface Scenario {
  readonly title: string
  readonly publishers: number
  /** Records of one publish. */
  readonly records: number
  readonly valueBytes: number
  /** Time between the publishes of one publisher; 0 for none. */
  readonly pauseMs: number
}

const scenarios: readonly Scenario[] = [
  { title: 'one publisher, 64 KB', publishers: 1, records: 1, valueBytes: 65_536, pauseMs: 0 },
  { title: '32 publishers, 64 KB', publishers: 32, records: 1, valueBytes: 65_536, pauseMs: 0 },
  { title: '32 publishers, 1 KB', publishers: 32, records: 1, valueBytes: 1024, pauseMs: 0 },
  { title: '4 publishers, 100 x 1 KB', publishers: 4, records: 100, valueBytes: 1024, pauseMs: 0 },
  { title: 'calm: 20 publishes/s, 16 KB', publishers: 1, records: 1, valueBytes: 16_384, pauseMs: 50 },
]

/** A topic for each scenario, so that none has to read what another one wrote. */
const topicOf = ({ title }: Scenario): string => `driftline.${title.replace(/\W+/g, '-')}.v1`
const topics = Object.fromEntries(
  scenarios.map((scenario) => {
    const name = topicOf(scenario)
    return [name, { name, partitions: PARTITIONS, retentionMs: 3_600_000, retentionBytes: 4 * GIB }]
  }),
)

async function openLmdb(): Promise<Place> {
  const dataDir = await mkdtemp(join(tmpdir(), 'driftline-bench-'))
  const bus = createEmbeddedBus({ dataDir, topics }, deps)
  await bus.start()
  return { bus, close: () => bus.stop().then(() => rm(dataDir, { recursive: true })) }
}

async function openKafka(): Promise<Place> {
  const server = await startKafka()
  const bus = createKafkaBus({ brokers: [server.url], clientId: 'bench', topics }, deps)
  await bus.start()
  return { bus, close: () => bus.stop().then(() => server.stop()) }
}

interface Figures {
  readonly publishMs: number[]
  readonly handledMs: number[]
  readonly seconds: number
}

/** The value begins with the time of its publish, so that the handler can tell how old it is. */
async function run(bus: Bus, scenario: Scenario): Promise<Figures> {
  const publishMs: number[] = []
  const handledMs: number[] = []
  let measuring = false
  const group = await bus.subscribe({
    group: 'bench',
    topics: [topicOf(scenario)],
    maxRecords: 1000,
    maxBytes: 8 * 1024 * 1024,
    async handle({ records }) {
      const now = performance.now()
      for (const { value } of records) {
        const sentMs = Buffer.from(value.buffer, value.byteOffset, 8).readDoubleLE()
        if (measuring && sentMs > measuredFrom) handledMs.push(now - sentMs)
      }
      return records.at(-1)!.offset + 1
    },
  })
  const measuredFrom = performance.now() + WARM_UP_MS
  const end = measuredFrom + RUN_MS
  await Promise.all(
    Array.from({ length: scenario.publishers }, async (_, publisher) => {
      while (performance.now() < end) {
        const startedMs = performance.now()
        measuring ||= startedMs > measuredFrom
        await bus.publish(makeRecords(scenario, publisher, startedMs))
        if (startedMs > measuredFrom) publishMs.push(performance.now() - startedMs)
        if (scenario.pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, scenario.pauseMs))
      }
    }),
  )
  const seconds = (performance.now() - measuredFrom) / 1000
  await new Promise((resolve) => setTimeout(resolve, 500))
  await group.stop()
  return { publishMs, handledMs, seconds }
}

function makeRecords(scenario: Scenario, publisher: number, startedMs: number): OutgoingRecord[] {
  return Array.from({ length: scenario.records }, (_, index) => {
    const value = Buffer.alloc(scenario.valueBytes, index)
    value.writeDoubleLE(startedMs)
    const headers = {
      'content-type': 'application/protobuf',
      message: 'driftline.v1.SampleBatch',
      tenant: 'default',
      source: `agent-${publisher}`,
      epoch: '1',
      sequence: String(index),
    } as const
    return {
      topic: topicOf(scenario),
      key: 'default/host:a',
      partition: (publisher + index) % PARTITIONS,
      headers,
      value,
    }
  })
}

function percentile(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(2)
}

function line(cells: readonly string[]): string {
  const [title = '', ...numbers] = cells
  return `${title.padEnd(34)}${numbers.map((cell) => cell.padStart(11)).join('')}\n`
}

const places: Record<string, () => Promise<Place>> = { lmdb: openLmdb, kafka: openKafka }
const wanted = process.argv.slice(2)
const heads = ['publish/s', 'record/s', 'MB/s', 'pub p50', 'pub p99', 'hand p50', 'hand p99']
process.stdout.write(line(['', ...heads]))
for (const [name, openPlace] of Object.entries(places)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const place = await openPlace()
  try {
    for (const scenario of scenarios) {
      const { publishMs, handledMs, seconds } = await run(place.bus, scenario)
      const publishes = publishMs.length / seconds
      const records = publishes * scenario.records
      const megabytes = (records * scenario.valueBytes) / 1e6
      process.stdout.write(
        line([
          `${name}: ${scenario.title}`,
          publishes.toFixed(0),
          records.toFixed(0),
          megabytes.toFixed(1),
          percentile(publishMs, 0.5),
          percentile(publishMs, 0.99),
          percentile(handledMs, 0.5),
          percentile(handledMs, 0.99),
        ]),
      )
    }
  } finally {
    await place.close()
  }
}
process.stdout.write('Times in milliseconds: publish is until the record is durable, hand until a handler has it.\n')
