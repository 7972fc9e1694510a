import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf'
import { createCheckQueue } from '@driftline/checks/check-queue'
import { createFlowStore } from '@driftline/checks/flow-store'
import { createGallery } from '@driftline/checks/gallery/gallery'
import { readFlow } from '@driftline/checks/read-flow'
import { createSealer } from '@driftline/platform/access/sealing'
import { protoText } from '@driftline/platform/analytics/proto-text'
import { delimited, startTestStore, type TestStore } from '@driftline/platform/analytics/testing/store-test-kit'
import type { Bus } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import type { Component } from '@driftline/platform/lifecycle'
import { createLogger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import {
  hostMetrics,
  MetricKind,
  type RunEvent,
  RunEventSchema,
  RunStatus,
  SampleBatchSchema,
  SeriesBatchSchema,
  seriesId,
  topics,
} from '@driftline/proto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readCheckerConfig } from '../config.ts'
import { createChecker } from '../service.ts'

const HOST = 'host:web-1'
const logger = createLogger('fatal')
const clock = systemClock
let dir: string
let store: TestStore
let bus: Bus
let metadata: Metadata
let checker: Component

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'driftline-gallery-'))
  const deps = { logger, clock, metrics: createSelfMetrics() }
  store = await startTestStore()
  bus = createEmbeddedBus({ dataDir: dir, topics }, deps)
  metadata = createSqliteMetadata({ file: join(dir, 'metadata.sqlite') }, deps)
  await bus.start()
  await metadata.start()
  await keepHost()
  const config = readCheckerConfig({ env: {}, yaml: {}, file: null })
  checker = createChecker(config, {
    ...deps,
    bus,
    metadata,
    analytics: store.store,
    hotState: createInProcessHotState({ maxKeys: 10_000 }, { clock }),
    sealer: createSealer({ keyFile: join(dir, 'secret.key') }),
  })
  await checker.start()
})
afterAll(async () => {
  await checker?.stop()
  await bus?.stop()
  await metadata?.stop()
  await store?.end()
  rmSync(dir, { recursive: true, force: true })
})

/** CPU and memory of a host, as an agent measured them just now. */
async function keepHost(): Promise<void> {
  const measured = [hostMetrics.cpu, hostMetrics.memoryShare]
  const now = BigInt(Date.now())
  const ids = measured.map(({ name }) => seriesId('default', HOST, name, '{}'))
  const series = measured.map(({ name: metric, unit }, at) => {
    const common = { tenant: 'default', process: HOST, kind: MetricKind.GAUGE, attributes: '{}', definedAtMs: now }
    return { ...common, id: ids[at]!, metric, unit }
  })
  const samples = { baseTimeMs: now, series: ids, timeOffsetMs: [0, 0], value: [0.2, 0.5] }
  const records = [
    ['series_in', SeriesBatchSchema, toBinary(SeriesBatchSchema, create(SeriesBatchSchema, { series }))],
    ['samples_in', SampleBatchSchema, toBinary(SampleBatchSchema, create(SampleBatchSchema, samples))],
  ] as const
  for (const [table, schema, value] of records) {
    await store.store.insertProtobuf({
      table,
      schema: protoText(schema),
      message: schema.name,
      body: delimited(value),
      deduplicationToken: `gallery-${table}`,
    })
  }
}

async function runExample(id: string): Promise<RunEvent> {
  const example = createGallery({ productHost: '127.0.0.1', productPort: 8080, host: HOST }).find(
    (one) => one.id === id,
  )!
  const read = readFlow(example.definition)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const flow = await createFlowStore({ metadata, clock }).create('default', read.definition, 'user:admin')
  const queue = createCheckQueue({ metadata, clock })
  const asked = { flow: flow.id, trigger: 'button' as const, initiatedBy: 'user:admin', initiatedByName: 'admin' }
  const { checkId } = (await queue.request('default', asked))!
  for (;;) {
    const check = await queue.get('default', checkId)
    if (check?.state === 'ended') return fromJson(RunEventSchema, check.progress as JsonValue)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const problemsOf = ({ steps }: RunEvent): string[] =>
  steps.filter(({ status }) => status !== RunStatus.SUCCESS).map(({ name, errorMessage }) => `${name}: ${errorMessage}`)

test.each([
  ['invoice-to-cash', 7],
  ['demo-crawl', 1],
  ['own-host', 3],
])('%s of the gallery runs as it is', async (id, steps) => {
  const run = await runExample(id)
  expect(problemsOf(run)).toEqual([])
  expect([run.status, run.steps.length]).toEqual([RunStatus.SUCCESS, steps])
})

test('what one step found is what the next one used, and secrets are masked', async () => {
  const rows = await metadata.db
    .selectFrom('checks')
    .select('progress')
    .where('flow', '=', 'flow:invoice-to-cash')
    .execute()
  const run = fromJson(RunEventSchema, rows[0]!.progress as JsonValue)
  const values = new Map(
    run.steps.flatMap(({ key, values: each }) => each.map(({ name, value }) => [`${key}.${name}`, value])),
  )
  expect(values.get('order.id')).toBe('O-1001')
  expect(values.get('invoice.id')).toBe('I-1001')
  expect(values.get('ledger.entry')).toMatch(/^J-\d+$/)
  expect(values.get('sign_in.token')).toMatch(/^[•*]+$/)
})
