import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { quietLogger, startTestStore, type TestStore } from '@driftline/platform/analytics/testing/store-test-kit'
import type { Bus, OutgoingRecord } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics, type SelfMetrics } from '@driftline/platform/metrics'
import {
  AlertSchema,
  AnomalySchema,
  BaselineBatchSchema,
  DeadLetterSchema,
  encodeLogBatch,
  FlaggedRecordSchema,
  KpiBatchSchema,
  LogPatternSchema,
  logAttributesTag,
  logBodyTag,
  PackedSnapshotSchema,
  SampleBatchSchema,
  SeriesBatchSchema,
  Severity,
  type Topic,
  topics,
} from '@driftline/proto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPositionStore } from './positions.ts'
import { createWriter } from './service.ts'

const timeMs = BigInt(Math.floor(Date.now() / 60_000) * 60_000)
const config = {
  lingerMs: 50,
  quietLingerMs: 50,
  quietBytes: 0,
  bodyBytesMax: 1_000_000,
  recordsMax: 100,
  sourcesMax: 100,
  settleAfterMs: 100,
}

const everyTable = [
  'samples',
  'samples_1m',
  'series',
  'snapshots',
  'kpis',
  'kpis_1m',
  'dead_letters',
  'baselines',
  'drift',
  'anomalies',
  'alerts',
  'logs',
  'log_patterns',
  'flagged_records',
]

let test: TestStore
let dir: string
let bus: Bus
let metadata: Metadata
let metrics: SelfMetrics
let writer: Component

beforeAll(async () => {
  test = await startTestStore()
})
afterAll(async () => {
  await test.end()
})
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'driftline-writer-'))
  metrics = createSelfMetrics()
  const deps = { logger: quietLogger, metrics, clock: systemClock }
  bus = createEmbeddedBus({ dataDir: dir, topics }, deps)
  metadata = createSqliteMetadata({ file: join(dir, 'metadata.db') }, deps)
  await bus.start()
  await metadata.start()
  const analytics = test.store
  writer = createWriter(config, { ...deps, bus, analytics, positions: createPositionStore(metadata) })
  await writer.start()
})
afterEach(async () => {
  await writer.stop()
  await metadata.stop()
  await bus.stop()
  rmSync(dir, { recursive: true, force: true })
  for (const table of everyTable) {
    await test.store.execute(`TRUNCATE TABLE ${table}`)
  }
})

let sequence = 0
function record(topic: Topic, value: Uint8Array, changes: { sequence?: number; host?: string } = {}): OutgoingRecord {
  const { host = 'a' } = changes
  return {
    topic: topic.name,
    key: `default/host:${host}`,
    headers: {
      'content-type': 'application/protobuf',
      message: topic.message.typeName,
      tenant: 'default',
      source: host,
      epoch: '1',
      sequence: String(changes.sequence ?? ++sequence),
    },
    value,
  }
}

const encode = <D extends DescMessage>(schema: D, message: MessageInitShape<D>): Uint8Array =>
  toBinary(schema, create(schema, message))

const samples = (series: number, length = 1): Uint8Array =>
  encode(SampleBatchSchema, {
    baseTimeMs: timeMs,
    series: Array<bigint>(length).fill(BigInt(series)),
    timeOffsetMs: Array.from({ length }, (_, i) => i),
    value: Array<number>(length).fill(series),
  })

const count = async (sql: string): Promise<number> => Number((await test.store.query<{ n: string }>(sql))[0]?.n)
const eventually = (sql: string) => expect.poll(() => count(sql), { timeout: 30_000 })

async function metric(name: string): Promise<number> {
  const values = (await metrics.registry.getSingleMetric(name)?.get())?.values ?? []
  return values.reduce((sum, { value }) => sum + value, 0)
}

const baselines: MessageInitShape<typeof BaselineBatchSchema> = {
  tenant: 'default',
  minuteTimeMs: timeMs,
  process: ['host:a', 'host:a', 'host:a', 'host:b', 'host:a', 'device:p'],
  metric: ['cpu', 'memory', 'disk_read', 'cpu', 'system.filesystem.usage', 'temperature'],
  attributes: ['', '', '', '', '{}', '{}'],
  value: [9, 1, 1, 1, 101, 90],
  centre: [1, 15, 1, Number.NaN, 1, 60],
  spread: [2, 2, 2, Number.NaN, 1, 10],
  deviation: [4, -7, 0, Number.NaN, 100, 3],
}

const anomaly: MessageInitShape<typeof AnomalySchema> = {
  tenant: 'default',
  id: 'one',
  process: 'host:a',
  severity: Severity.CRITICAL,
  startTimeMs: timeMs,
  timeMs,
  value: Number.NaN,
  contributions: [{ metric: 'cpu', share: 1 }],
  metrics: { cpuCores: 2.5 },
}

/** Rows of one process from one file, as sources write them. */
function lines(bodies: readonly string[], attributes: readonly string[], dayApart = 0): Uint8Array {
  const texts = (tag: number, each: readonly string[]): Uint8Array =>
    Buffer.concat(each.map((text) => Buffer.concat([Buffer.from([tag, Buffer.byteLength(text)]), Buffer.from(text)])))
  return encodeLogBatch({
    tenant: 'default',
    process: 'log:shop',
    source: 'source-1',
    baseTimeMs: timeMs,
    timeOffsetMs: Int32Array.from(bodies, (_, index) => index * dayApart * 86_400_000),
    severity: Uint8Array.from(bodies, () => 17),
    patternPairs: Uint32Array.from(bodies.flatMap(() => [5, 1])),
    origin: Uint8Array.from(bodies, (_, index) => index % 2),
    origins: ['/var/log/a.log', '/var/log/b.log'],
    bodies: texts(logBodyTag, bodies),
    attributes: texts(logAttributesTag, attributes),
  })
}

describe('the writer', () => {
  it('brings every stream to its table', async () => {
    const at = { tenant: 'default', timeMs }
    await bus.publish([
      record(topics.series, encode(SeriesBatchSchema, { series: [{ id: 7n, tenant: 'default', process: 'host:a' }] })),
      record(topics.samples, samples(7, 3)),
      record(
        topics.snapshots,
        encode(PackedSnapshotSchema, { ...at, host: 'a', keyFrame: true, table: Uint8Array.of(0, 10) }),
      ),
      record(
        topics.kpis,
        encode(KpiBatchSchema, {
          tenant: 'default',
          bucketTimeMs: timeMs,
          process: ['host:a'],
          ...Object.fromEntries(KpiBatchSchema.fields.slice(4).map((field) => [field.localName, [Number.NaN]])),
        }),
      ),
      record(topics.baselines, encode(BaselineBatchSchema, baselines)),
      record(topics.anomalies, encode(AnomalySchema, { ...anomaly, revision: 1 })),
      record(topics.anomalies, encode(AnomalySchema, { ...anomaly, revision: 2, endTimeMs: timeMs + 9000n })),
      record(topics.alerts, encode(AlertSchema, { tenant: 'default', id: 'a', openedAtMs: timeMs, version: 1 })),
    ])
    await eventually('SELECT count() AS n FROM samples').toBe(3)
    await eventually("SELECT count() AS n FROM series WHERE process = 'host:a'").toBe(1)
    await eventually('SELECT count() AS n FROM snapshots WHERE key_frame').toBe(1)
    await eventually('SELECT count() AS n FROM kpis WHERE cpu_cores IS NULL').toBe(1)
    await eventually('SELECT count() AS n FROM baselines WHERE spread = 2').toBe(3)
    await eventually('SELECT count() AS n FROM drift WHERE up = 4 AND down = -7').toBe(1)
    await eventually("SELECT count() AS n FROM drift WHERE process = 'device:p' AND up = 3").toBe(1)
    await eventually("SELECT count() AS n FROM alerts WHERE status = 'unspecified'").toBe(1)
    await eventually('SELECT count() AS n FROM anomalies FINAL').toBe(1)
    expect(
      await test.store.query(
        'SELECT severity, toUnixTimestamp64Milli(assumeNotNull(end_time)) - toUnixTimestamp64Milli(start_time) AS ms, ' +
          'contributions, metrics[5] AS cpu, value, revision FROM anomalies FINAL',
      ),
    ).toEqual([
      {
        severity: 'critical',
        ms: '9000',
        contributions: [{ metric: 'cpu', share: 1 }],
        cpu: 2.5,
        value: null,
        revision: 2,
      },
    ])
    await expect.poll(() => metric('driftline_writer_records_total')).toBe(8)
  })

  it('makes a row of each line, in order, with the words of its origin', async () => {
    await bus.publish([record(topics.logs, lines(['Zebra crossing', '{"a":1}', 'déjà vu'], ['{"b":"c"}', '', '']))])
    await eventually('SELECT count() AS n FROM logs').toBe(3)
    const rows = await test.store.query(
      'SELECT body, attributes, origin, severity, toString(pattern) AS pattern, source, ' +
        'toFloat64(ordinal - min(ordinal) OVER ()) AS place FROM logs ORDER BY ordinal',
    )
    const all = { severity: 17, pattern: String(2 ** 32 + 5), source: 'source-1' }
    expect(rows).toEqual([
      { ...all, body: 'Zebra crossing', attributes: '{"b":"c"}', origin: '/var/log/a.log', place: 0 },
      { ...all, body: '{"a":1}', attributes: '', origin: '/var/log/b.log', place: 1 },
      { ...all, body: 'déjà vu', attributes: '', origin: '/var/log/a.log', place: 2 },
    ])
    const zebras = "SELECT count() AS n FROM logs WHERE hasAllTokens(body, ['zebra'])"
    expect(await count(zebras)).toBe(1)
    await test.store.execute('OPTIMIZE TABLE logs FINAL')
    expect(await count(zebras)).toBe(1)
  })

  it('takes an old log whose lines are of many days', async () => {
    const bodies = Array.from({ length: 20 }, (_, index) => `line ${index}`)
    const days = bodies.map(() => '')
    await bus.publish([record(topics.logs, lines(bodies, days, -1))])
    await eventually('SELECT count() AS n FROM logs').toBe(20)
    expect(await count('SELECT count() AS n FROM dead_letters')).toBe(0)
  })

  it('keeps templates as they were first seen, and flagged records once', async () => {
    const template = { tenant: 'default', process: 'log:shop', id: 2n ** 63n, template: 'a <*>', example: 'a 1' }
    const flagged = {
      tenant: 'default',
      process: 'log:shop',
      id: 'fr_1',
      timeMs,
      record: '{"amount":5}',
      value: Number.NaN,
    }
    await bus.publish([
      record(topics.logPatterns, encode(LogPatternSchema, { ...template, firstSeenMs: timeMs, learning: true })),
      record(topics.logPatterns, encode(LogPatternSchema, { ...template, firstSeenMs: timeMs + 9n })),
      record(topics.flaggedRecords, encode(FlaggedRecordSchema, { ...flagged, severity: Severity.WARNING })),
      record(topics.flaggedRecords, encode(FlaggedRecordSchema, { ...flagged, severity: Severity.WARNING })),
    ])
    await eventually('SELECT count() AS n FROM log_patterns FINAL').toBe(1)
    await eventually('SELECT count() AS n FROM flagged_records FINAL').toBe(1)
    await eventually('SELECT sum(learning) AS n FROM log_patterns FINAL').toBe(1)
    expect(
      await test.store.query(
        'SELECT toString(id) AS id, template, toUnixTimestamp64Milli(first_seen) AS ms FROM log_patterns FINAL',
      ),
    ).toEqual([{ id: String(2n ** 63n), template: 'a <*>', ms: String(timeMs) }])
    expect(await test.store.query('SELECT severity, record, value FROM flagged_records FINAL')).toEqual([
      { severity: 'warning', record: '{"amount":5}', value: null },
    ])
  })

  it('keeps what a dead letter says of itself, and the record that an anomaly is about', async () => {
    const letter = { tenant: 'default', timeMs, id: 'letter-1', subject: 'plant/a', replayable: true }
    await bus.publish([
      record(topics.deadLetters, encode(DeadLetterSchema, letter)),
      record(topics.anomalies, encode(AnomalySchema, { ...anomaly, record: '{"amount":5}', revision: 1 })),
    ])
    await eventually('SELECT count() AS n FROM dead_letters').toBe(1)
    await eventually('SELECT count() AS n FROM anomalies').toBe(1)
    expect(await test.store.query('SELECT id, subject, replayable FROM dead_letters')).toEqual([
      { id: 'letter-1', subject: 'plant/a', replayable: true },
    ])
    expect(await test.store.query('SELECT record FROM anomalies FINAL')).toEqual([{ record: '{"amount":5}' }])
  })

  it('drops what a source sent twice', async () => {
    await bus.publish([1, 2, 2, 3, 1].map((each) => record(topics.samples, samples(each), { sequence: 1000 + each })))
    await eventually('SELECT count() AS n FROM samples').toBe(3)
    await expect.poll(() => metric('driftline_writer_repeats_dropped_total')).toBe(2)
    await eventually('SELECT sum(count) AS n FROM samples_1m').toBe(3)
  })

  it('buries poison with its reason, and nothing else', async () => {
    const unequal = encode(SampleBatchSchema, { baseTimeMs: timeMs, series: [1n, 2n], timeOffsetMs: [0], value: [1] })
    const truncated = samples(1, 10).subarray(0, 50)
    const texts = Buffer.from('\n\n; DROP TABLE samples; SELECT 1\n\n')
    const good = Array.from({ length: 40 }, (_, i) => samples(100 + i))
    const values = [...good.slice(0, 20), unequal, truncated, ...good.slice(20), texts]
    await bus.publish(values.map((value) => record(topics.samples, value)))
    await eventually('SELECT count() AS n FROM samples').toBe(40)
    await eventually('SELECT count() AS n FROM dead_letters').toBe(3)
    expect(await count('SELECT uniqExact(series) AS n FROM samples')).toBe(40)
    const rows = await test.store.query<{ reason: string; detail: string; source: string; payload: string }>(
      'SELECT reason, detail, source, service, topic, base64Encode(payload) AS payload FROM dead_letters ORDER BY `offset`',
    )
    expect(new Set(rows.map(({ reason }) => reason))).toEqual(new Set(['store_refused']))
    expect(rows[0]).toMatchObject({ source: 'a', service: 'writer', topic: topics.samples.name })
    expect(rows[0]!.detail).toContain('SIZES_OF_ARRAYS_DONT_MATCH')
    expect(rows.map(({ payload }) => Buffer.from(payload, 'base64'))).toEqual(
      [unequal, truncated, texts].map((each) => Buffer.from(each)),
    )
    await expect.poll(() => metric('driftline_writer_dead_letters_total')).toBe(3)
  })

  it('waits for a store that is away, and loses nothing', async () => {
    await bus.publish([record(topics.samples, samples(1))])
    await eventually('SELECT count() AS n FROM samples').toBe(1)
    const killed = test.server.childPid()!
    process.kill(killed, 'SIGKILL')
    for (let i = 2; i <= 30; i++) await bus.publish([record(topics.samples, samples(i))])
    await expect.poll(() => test.store.ping().catch(() => false), { timeout: 30_000 }).toBe(true)
    await eventually('SELECT uniqExact(series) AS n FROM samples').toBe(30)
    expect(await count('SELECT count() AS n FROM samples')).toBe(30)
  })

  it('stops at once while it lingers, and has nothing to repeat afterwards', async () => {
    await bus.publish([record(topics.samples, samples(1))])
    await eventually('SELECT count() AS n FROM samples').toBe(1)
    const startedAt = performance.now()
    await writer.stop()
    expect(performance.now() - startedAt).toBeLessThan(5000)
    const rows = await metadata.db.selectFrom('writer_positions').selectAll().execute()
    expect(rows).toHaveLength(1)
    expect(rows[0]).toMatchObject({ topic: topics.samples.name, intent: null, next_offset: 1 })
  })
})
