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
import { createSelfMetrics } from '@driftline/platform/metrics'
import {
  RunEventSchema,
  RunEvidenceSchema,
  RunStatus,
  RunTrigger,
  routingKey,
  type Topic,
  topics,
} from '@driftline/proto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createPositionStore } from './positions.ts'
import { createWriter } from './service.ts'

const PROCESS = 'flow:invoice-to-cash'
const timeMs = BigInt(Date.now())

let test: TestStore
let dir: string
let bus: Bus
let metadata: Metadata
let writer: Component

beforeAll(async () => {
  test = await startTestStore()
  dir = mkdtempSync(join(tmpdir(), 'driftline-writer-runs-'))
  const deps = { logger: quietLogger, metrics: createSelfMetrics(), clock: systemClock }
  bus = createEmbeddedBus({ dataDir: dir, topics }, deps)
  metadata = createSqliteMetadata({ file: join(dir, 'metadata.db') }, deps)
  await bus.start()
  await metadata.start()
  const config = {
    lingerMs: 50,
    quietLingerMs: 50,
    quietBytes: 0,
    bodyBytesMax: 1_000_000,
    recordsMax: 100,
    sourcesMax: 100,
    settleAfterMs: 100,
  }
  writer = createWriter(config, {
    ...deps,
    bus,
    analytics: test.store,
    positions: createPositionStore(metadata),
  })
  await writer.start()
})
afterAll(async () => {
  await writer?.stop()
  await metadata?.stop()
  await bus?.stop()
  await test?.end()
  rmSync(dir, { recursive: true, force: true })
})

let sequence = 0
function record<D extends DescMessage>(topic: Topic, schema: D, message: MessageInitShape<D>): OutgoingRecord {
  return {
    topic: topic.name,
    key: routingKey('default', PROCESS),
    headers: {
      'content-type': 'application/protobuf',
      message: topic.message.typeName,
      tenant: 'default',
      source: 'checker:1',
      epoch: '1',
      sequence: String(++sequence),
    },
    value: toBinary(schema, create(schema, message)),
  }
}

const base: MessageInitShape<typeof RunEventSchema> = {
  tenant: 'default',
  process: PROCESS,
  run: 'run-1',
  status: RunStatus.RUNNING,
  trigger: RunTrigger.BUTTON,
  initiatedBy: 'user:1',
  initiatedByName: 'admin',
  flowName: 'Invoice to cash',
  flowVersion: 2,
  stepCount: 3,
  currentStep: 2,
  requestedMs: timeMs,
  startMs: timeMs + 5n,
}

const ended: MessageInitShape<typeof RunEventSchema> = {
  ...base,
  revision: 3,
  status: RunStatus.FAILED,
  endMs: timeMs + 105n,
  executionTime: 0.1,
  message: 'status was 503, expected 200',
  steps: [
    {
      number: 1,
      key: 'login',
      name: 'Sign in',
      checkType: 'rest',
      target: 'POST crm.example/login',
      status: RunStatus.SUCCESS,
      attempt: 2,
      attemptsMax: 4,
      startMs: timeMs + 5n,
      endMs: timeMs + 55n,
      executionTime: 0.05,
      result: '{"status":200}',
      values: [
        { name: 'customer', value: 'C-1047', secret: false },
        { name: 'token', value: '•••', secret: true },
      ],
      attempts: [
        {
          attempt: 1,
          status: RunStatus.FAILED,
          startMs: timeMs + 5n,
          executionTime: 0.01,
          reason: 'connection_refused',
          errorMessage: 'refused',
        },
        { attempt: 2, status: RunStatus.SUCCESS, startMs: timeMs + 30n, executionTime: 0.02 },
      ],
    },
    {
      number: 2,
      key: 'invoice',
      name: 'Find the invoice',
      status: RunStatus.FAILED,
      startMs: timeMs + 55n,
      endMs: timeMs + 105n,
      executionTime: 0.05,
      reason: 'status_unexpected',
      errorMessage: 'status was 503, expected 200',
      hasEvidence: true,
    },
    { number: 3, key: 'cash', name: 'Book the cash', status: RunStatus.SKIPPED },
  ],
  lines: [
    { stepNumber: 0, timeMs, level: 'info', text: 'begins' },
    { stepNumber: 1, attempt: 1, timeMs: timeMs + 6n, elapsed: 0.001, level: 'info', text: 'POST crm.example/login' },
    { stepNumber: 2, attempt: 1, timeMs: timeMs + 60n, elapsed: 0.005, level: 'error', text: 'status was 503' },
  ],
}

const count = async (sql: string): Promise<number> => Number((await test.store.query<{ n: string }>(sql))[0]?.n)

it('keeps a run when it has ended, with its steps, and what was told twice once', async () => {
  await bus.publish([
    record(topics.runs, RunEventSchema, { ...base, revision: 1 }),
    record(topics.runs, RunEventSchema, { ...base, revision: 2, steps: [{ number: 1, status: RunStatus.RUNNING }] }),
    record(topics.runs, RunEventSchema, ended),
    record(topics.runs, RunEventSchema, { ...ended, revision: 4, message: 'told again' }),
    record(topics.runEvidence, RunEvidenceSchema, {
      tenant: 'default',
      process: PROCESS,
      run: 'run-1',
      stepNumber: 2,
      attempt: 1,
      timeMs,
      kind: 'screenshot',
      mediaType: 'image/png',
      content: Uint8Array.of(137, 80, 0, 255),
    }),
  ])
  await expect.poll(() => count('SELECT count() AS n FROM run_evidence FINAL'), { timeout: 30_000 }).toBe(1)
  await expect
    .poll(() => count(`SELECT count() AS n FROM runs WHERE message = 'told again'`), { timeout: 30_000 })
    .toBe(1)

  const runs = await test.store.query<Record<string, unknown>>('SELECT * FROM runs FINAL')
  expect(runs).toEqual([
    expect.objectContaining({
      run: 'run-1',
      revision: 4,
      status: 'failed',
      trigger: 'button',
      initiated_by_name: 'admin',
      execution_time: 0.1,
      step_count: 3,
      lines: [expect.objectContaining({ text: 'begins' })],
    }),
  ])
  const words = String(runs[0]?.['words']).split('\n')
  expect(words).toEqual(expect.arrayContaining(['told again', 'admin', 'c-1047', 'status was 503, expected 200']))
  expect(words).not.toContain('•••')

  const steps = await test.store.query<Record<string, unknown>>('SELECT * FROM run_steps FINAL ORDER BY step_number')
  expect(steps).toEqual([
    expect.objectContaining({
      status: 'success',
      attempt: 2,
      execution_time: 0.05,
      values: [
        { name: 'customer', value: 'C-1047', secret: 0 },
        { name: 'token', value: '•••', secret: 1 },
      ],
      attempts: [
        expect.objectContaining({ attempt: 1, reason: 'connection_refused', error_message: 'refused' }),
        expect.objectContaining({ attempt: 2, reason: '', status: RunStatus.SUCCESS }),
      ],
      lines: [expect.objectContaining({ text: 'POST crm.example/login', elapsed: 0.001 })],
    }),
    expect.objectContaining({ status: 'failed', reason: 'status_unexpected', has_evidence: 1 }),
    expect.objectContaining({ status: 'skipped', start_time: null, execution_time: null, lines: [] }),
  ])
  const evidence = await test.store.query<{ bytes: string }>('SELECT hex(content) AS bytes FROM run_evidence FINAL')
  expect(evidence).toEqual([{ bytes: '895000FF' }])
})
