// From an event to its anomaly on the bus: embedded bus, analyzer with every detector, ten hosts of 300 groups at 1 Hz.
//   npx tsx bench/detection/latency/latency.bench.ts [seconds]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  AnomalyPhase,
  AnomalySchema,
  encodeSamples,
  SeriesBatchSchema,
  SettingsChangeSchema,
  topics,
} from '../../../proto/src/index.ts'
import { createFileCheckpoints } from '../../../services/analyzer/src/checkpoints.ts'
import { defaultStepConfig } from '../../../services/analyzer/src/config.ts'
import { createAnalyzer } from '../../../services/analyzer/src/service.ts'
import type { Bus, OutgoingRecord } from '../../../services/platform/src/bus/bus.ts'
import { createEmbeddedBus } from '../../../services/platform/src/bus/embedded-bus.ts'
import { systemClock } from '../../../services/platform/src/clock.ts'
import { createLogger } from '../../../services/platform/src/logger.ts'
import { createSelfMetrics } from '../../../services/platform/src/metrics.ts'
import { hostSource, type Source } from '../cost/estate.ts'

const [seconds = 150] = process.argv.slice(2).map(Number)
const HOSTS = 10
const GROUPS = 300
/** The past that is learnt before: one scan each so many seconds. */
const PAST_S = 600
const PAST_STEP_S = 30
/** Every second this many groups of each host pass the limit of 1,000 cores, and are back the second after. */
const EXCURSIONS = 2
const CORES = 2000

const directory = mkdtempSync(join(tmpdir(), 'driftline-latency-'))
const deps = { logger: createLogger('warn'), metrics: createSelfMetrics(), clock: systemClock }
const bus = createEmbeddedBus({ dataDir: directory, topics }, deps)
const nowMs = (): number => performance.timeOrigin + performance.now()

/** When the scan was published that closed a bucket, by host and end of the bucket. */
const dueAtMs = new Map<string, number>()
const waits: number[] = []
let isMeasured = false
let buckets = 0

/** The bus as the analyzer has it, which says when anomalies are stored. */
const watched: Bus = {
  ...bus,
  async publish(records) {
    await bus.publish(records)
    const storedMs = nowMs()
    buckets += records.filter(({ topic }) => topic === topics.kpis.name).length
    if (!isMeasured) return
    for (const { topic, value } of records) if (topic === topics.anomalies.name) noteAnomaly(value, storedMs)
  },
}

function noteAnomaly(value: Uint8Array, storedMs: number): void {
  const { phase, timeMs, process } = fromBinary(AnomalySchema, value)
  if (phase !== AnomalyPhase.OPENED) return
  const dueMs = dueAtMs.get(`${process.split(':')[1]} ${timeMs}`)
  if (dueMs !== undefined) waits.push(storedMs - dueMs)
}

const sequences = new Map<string, number>()
function recordOf(
  topic: { name: string; message: { typeName: string } },
  key: string,
  value: Uint8Array,
): OutgoingRecord {
  const sequence = (sequences.get(key) ?? 0) + 1
  sequences.set(key, sequence)
  const headers = { 'content-type': 'application/protobuf', tenant: 'default', source: key, epoch: '1' } as const
  return {
    topic: topic.name,
    key,
    headers: { ...headers, message: topic.message.typeName, sequence: `${sequence}` },
    value,
  }
}

const sources = Array.from({ length: HOSTS }, (_, at) => hostSource(`web-${at}`, GROUPS))

/** One sample of each series; `excursions` of the groups use far more CPU than they may. */
function scan({ ids, level, series, hostKey }: Source, timeMs: number, excursions: number): OutgoingRecord {
  const value = level.map((each) => each * (1 + 0.05 * Math.random()))
  const second = Math.floor(timeMs / 1000)
  for (let each = 0; each < excursions; each++) {
    const group = `group-${(second * EXCURSIONS + each) % GROUPS}`
    const at = series.findIndex(({ process, metric }) => process.endsWith(`:${group}`) && metric.endsWith('cpu.usage'))
    if (at !== -1) value[at] = CORES
  }
  const timeOffsetMs = new Int32Array(ids.length)
  const bytes = encodeSamples({ baseTimeMs: BigInt(Math.floor(timeMs)), seriesPairs: ids, timeOffsetMs, value })
  return recordOf(topics.samples, hostKey, bytes)
}

/** Hosts scan once a second, each at a moment of its own. */
async function live(source: Source, at: number, untilMs: number): Promise<void> {
  const phaseMs = 205 + (at * 790) / HOSTS
  for (let next = Math.ceil(nowMs() / 1000) * 1000 + phaseMs; next < untilMs; next += 1000) {
    await sleep(Math.max(0, next - nowMs()))
    const record = scan(source, next, EXCURSIONS)
    dueAtMs.set(`web-${at} ${Math.floor(next / 1000) * 1000}`, nowMs())
    await bus.publish([record])
  }
}

const limit = create(SettingsChangeSchema, {
  effectiveTimeMs: 1n,
  change: { case: 'detection', value: { thresholds: [{ metric: 'cpu', above: 1000 }] } },
})

await bus.start()
const analyzer = createAnalyzer(
  { dataDir: directory, checkpointMs: 5000, step: defaultStepConfig },
  { ...deps, bus: watched, checkpoints: createFileCheckpoints({ dataDir: directory }) },
)
for (let partition = 0; partition < bus.partitionsOf(topics.settings.name); partition++) {
  const record = recordOf(topics.settings, 'settings', toBinary(SettingsChangeSchema, limit))
  await bus.publish([{ ...record, partition, headers: { ...record.headers, source: `settings/${partition}` } }])
}
for (const { hostKey, series } of sources) {
  const batch = create(SeriesBatchSchema, { series: [...series] })
  await bus.publish([recordOf(topics.series, hostKey, toBinary(SeriesBatchSchema, batch))])
}
await analyzer.start()
const beginMs = nowMs()
for (let past = PAST_S; past > 0; past -= PAST_STEP_S) {
  await bus.publish(sources.map((source) => scan(source, beginMs - past * 1000, 0)))
}
const pastBuckets = HOSTS * (PAST_S / PAST_STEP_S - 2)
while (buckets < pastBuckets) await sleep(200)
isMeasured = true
const untilMs = nowMs() + seconds * 1000
const began = process.cpuUsage()
await Promise.all(sources.map((source, at) => live(source, at, untilMs)))
await sleep(1000)
const { user, system } = process.cpuUsage(began)
await analyzer.stop()
await bus.stop()
rmSync(directory, { recursive: true, force: true })

waits.sort((a, b) => a - b)
const at = (share: number): string =>
  `${waits[Math.min(waits.length - 1, Math.floor(waits.length * share))]?.toFixed(1)} ms`
process.stdout.write(`${HOSTS} hosts of ${GROUPS} groups, ${seconds} s, ${waits.length} anomalies opened\n`)
process.stdout.write(`event to anomaly on the bus: p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, longest ${at(1)}\n`)
process.stdout.write(`CPU, making the input included: ${((user + system) / 10_000 / seconds).toFixed(0)} % of a core\n`)
