import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import {
  type Anomaly,
  AnomalyPhase,
  AnomalySchema,
  encodeSamples,
  MetricKind,
  partitionOf,
  routingKey,
  SeriesBatchSchema,
  seriesId,
  topics,
} from '@driftline/proto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFileCheckpoints } from '../../checkpoints.ts'
import { defaultStepConfig } from '../../config.ts'
import { createAnalyzer } from '../../service.ts'
import { START_MS } from '../../testing/events.ts'

const PROCESS = 'device:plant-a:press-3'
const METRIC = 'temperature'
const key = routingKey('default', PROCESS)
const id = seriesId('default', PROCESS, METRIC, '{}')
const headers = { 'content-type': 'application/protobuf', tenant: 'default', source: 'gateway-1', epoch: '1' } as const

const recordOf = (
  topic: { name: string; message: { typeName: string } },
  second: number,
  value: Uint8Array,
): OutgoingRecord => ({
  topic: topic.name,
  key,
  headers: { ...headers, message: topic.message.typeName, sequence: String(second + 1) },
  value,
})

function recordsOf(second: number, value: number): OutgoingRecord[] {
  const samples = encodeSamples({
    baseTimeMs: BigInt(START_MS + second * 1000 + 300),
    seriesPairs: BigUint64Array.of(id),
    timeOffsetMs: new Int32Array(1),
    value: Float64Array.of(value),
  })
  if (second > 0) return [recordOf(topics.samples, second, samples)]
  const kind = MetricKind.GAUGE
  const series = [{ id, tenant: 'default', process: PROCESS, metric: METRIC, unit: 'Cel', kind, attributes: '{}' }]
  const definition = toBinary(SeriesBatchSchema, create(SeriesBatchSchema, { series }))
  return [recordOf(topics.series, second, definition), recordOf(topics.samples, second, samples)]
}

const dataDir = mkdtempSync(join(tmpdir(), 'driftline-levels-'))
const logger = createLogger('fatal')
const clock = systemClock
const bus = createEmbeddedBus({ dataDir, topics }, { logger, metrics: createSelfMetrics(), clock })

beforeAll(() => bus.start())
afterAll(async () => {
  await bus.stop()
  rmSync(dataDir, { recursive: true })
})

async function anomalies(): Promise<Anomaly[]> {
  const partition = partitionOf(key, bus.partitionsOf(topics.anomalies.name))
  const records = await bus.read(topics.anomalies.name, partition, 0, Number.MAX_SAFE_INTEGER)
  return records.map(({ value }) => fromBinary(AnomalySchema, value)).filter(({ process }) => process === PROCESS)
}

test('a device that was steady for 3 minutes and gets twice as hot: opened within 15 s, closed within 20 s', async () => {
  const analyzer = createAnalyzer(
    { dataDir, checkpointMs: 0, step: defaultStepConfig },
    { bus, checkpoints: createFileCheckpoints({ dataDir }), logger, metrics: createSelfMetrics(), clock },
  )
  await analyzer.start()
  const publish = async (from: number, to: number, valueAt: (second: number) => number): Promise<void> => {
    for (let second = from; second < to; second++) await bus.publish(recordsOf(second, valueAt(second)))
  }
  await publish(0, 180, (second) => 45 + Math.sin(second * 2.4) / 2)
  await publish(180, 197, (second) => 90 + Math.sin(second * 2.4) / 2)
  await expect.poll(async () => (await anomalies()).length, { timeout: 30_000 }).toBe(1)
  const [opened] = await anomalies()
  expect(opened).toMatchObject({ phase: AnomalyPhase.OPENED, type: 'level_shift', metric: METRIC })
  expect(opened!.description).toMatch(/^temperature of press-3 at plant-a is (89|90)(\.\d+)? °C, above what is usual/)
  expect((Number(opened!.timeMs) - START_MS) / 1000 - 180).toBeLessThanOrEqual(15)
  await publish(197, 240, (second) => 90 + Math.sin(second * 2.4) / 2)
  await publish(240, 264, (second) => 45 + Math.sin(second * 2.4) / 2)
  await expect.poll(async () => (await anomalies()).at(-1)?.phase, { timeout: 30_000 }).toBe(AnomalyPhase.CLOSED)
  const all = await anomalies()
  expect(new Set(all.map(({ id: of }) => of)).size).toBe(1)
  expect((Number(all.at(-1)!.endTimeMs) - START_MS) / 1000 - 240).toBeLessThanOrEqual(20)
  await analyzer.stop()
})
