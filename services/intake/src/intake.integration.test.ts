import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { letterAllowance } from '@driftline/ingest/dead-letters'
import type { Bus, BusRecord } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import {
  DeadLetterSchema,
  decodeSamples,
  SeriesBatchSchema,
  SnapshotSchema,
  seriesId,
  topics,
  viewUint64,
} from '@driftline/proto'
import { status } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { defaultLimits } from './limits.ts'
import { createIntake, type Intake, type IntakePrincipal } from './service.ts'
import { type AgentClient, batchOf, connectAgent } from './testing/agent-client.ts'

const logger = createLogger('fatal')
const config = {
  bind: '127.0.0.1',
  grpcPort: 0,
  tls: null,
  instance: 'intake-test',
  limits: defaultLimits,
  streamsMax: 10,
  window: 4,
}
const keys: Record<string, IntakePrincipal> = {
  good: { tenant: 'default', permissions: new Set(['ingest']) },
  reader: { tenant: 'default', permissions: new Set() },
}

describe('the intake over the embedded bus', () => {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-intake-'))
  const metrics = createSelfMetrics()
  const clock = systemClock
  let bus: Bus
  let failure: AppError | null = null
  let intake: Intake
  const records: BusRecord[] = []
  const agents: AgentClient[] = []
  const connect = (token: string | null = 'good'): AgentClient => {
    const agent = connectAgent(intake.port(), token)
    agents.push(agent)
    return agent
  }
  const ready = async (): Promise<AgentClient> => {
    const agent = connect()
    agent.hello()
    agent.define()
    await agent.reply(1)
    return agent
  }
  const on = (topic: { name: string }): BusRecord[] => records.filter((record) => record.topic === topic.name)

  beforeAll(async () => {
    bus = createEmbeddedBus({ dataDir: directory, topics }, { logger, metrics, clock })
    await bus.start()
    await bus.tail({
      topics: Object.values(topics).map(({ name }) => name),
      handle: (each) => void records.push(...each.map((record) => ({ ...record, value: record.value.slice() }))),
    })
    const publish: Bus['publish'] = (each) => (failure === null ? bus.publish(each) : Promise.reject(failure))
    const authenticate = async (token: string): Promise<IntakePrincipal | null> => keys[token] ?? null
    intake = createIntake(config, { bus: { ...bus, publish }, access: { authenticate }, logger, metrics, clock })
    await intake.start()
  })
  afterEach(() => {
    failure = null
    for (const agent of agents.splice(0)) agent.close()
    records.length = 0
  })
  afterAll(async () => {
    await intake?.stop()
    await bus?.stop()
    rmSync(directory, { recursive: true })
  })

  test('acknowledges a batch once series, samples and snapshot are on the bus, in our own ids', async () => {
    const agent = await ready()
    const now = Date.now()
    agent.send({ case: 'batch', value: batchOf(now, 1, { keyFrame: true }) })
    const replies = await agent.reply(2)
    expect(replies[0]).toMatchObject({ case: 'welcome', value: { window: 4 } })
    expect(replies[1]).toMatchObject({ case: 'acknowledgement', value: { epoch: 1n, sequence: 1n } })
    await expect.poll(() => records.length).toBe(3)

    const series = fromBinary(SeriesBatchSchema, on(topics.series)[0]!.value).series
    expect(series.map((each) => each.process)).toEqual(['os:web-1:nginx', 'host:web-1'])
    const samples = on(topics.samples)[0]!
    expect(samples.key).toBe('default/host:web-1')
    expect(samples.headers).toMatchObject({ source: 'agent-1', epoch: '1', sequence: '1', tenant: 'default' })
    const columns = decodeSamples(samples.value)!
    const ids = [...viewUint64(new Uint8Array(Uint32Array.from(columns.seriesPairs).buffer))]
    expect(ids).toEqual([
      seriesId('default', 'os:web-1:nginx', 'process.cpu.usage', '{}'),
      seriesId('default', 'host:web-1', 'system.cpu.utilization', '{}'),
    ])
    expect(series.map((each) => each.id)).toEqual(ids)
    expect([...columns.value]).toEqual([0.5, 1.5])
    const snapshot = fromBinary(SnapshotSchema, on(topics.snapshots)[0]!.value)
    expect(snapshot).toMatchObject({ tenant: 'default', host: 'web-1', timeMs: BigInt(now), keyFrame: true })
  })

  test('tells series once per stream, and again only when they change', async () => {
    const agent = await ready()
    agent.send({ case: 'batch', value: batchOf(Date.now(), 1) })
    await agent.reply(2)
    agent.define()
    agent.send({ case: 'batch', value: batchOf(Date.now(), 2) })
    await agent.reply(3)
    await expect.poll(() => on(topics.samples)).toHaveLength(2)
    expect(on(topics.series)).toHaveLength(1)
  })

  test.each([
    ['no key', null, status.UNAUTHENTICATED],
    ['an unknown key', 'wrong', status.UNAUTHENTICATED],
    ['a key that may only read', 'reader', status.PERMISSION_DENIED],
  ])('keeps out %s', async (_, token, code) => {
    const agent = connect(token)
    agent.hello()
    expect(await agent.ended).toMatchObject({ code })
    expect(agent.replies).toEqual([])
  })

  test('refuses a bad batch, dead-letters it, and goes on with the next', async () => {
    const agent = await ready()
    agent.send({ case: 'batch', value: batchOf(Date.now(), 1, { values: [1, Number.NaN] }) })
    agent.send({ case: 'batch', value: batchOf(Date.now(), 2) })
    const replies = await agent.reply(3)
    expect(replies[1]).toMatchObject({ case: 'refusal', value: { sequence: 1n, reason: 'value_not_finite' } })
    expect(replies[2]).toMatchObject({ case: 'acknowledgement', value: { sequence: 2n } })
    await expect.poll(() => on(topics.deadLetters)).toHaveLength(1)
    const letter = fromBinary(DeadLetterSchema, on(topics.deadLetters)[0]!.value)
    expect(letter).toMatchObject({ service: 'intake', source: 'agent-1', reason: 'value_not_finite' })
    expect(letter.payload.length).toBeGreaterThan(0)
    expect(await metrics.registry.metrics()).toContain(
      'driftline_dead_letters_total{service="intake",reason="value_not_finite"} 1',
    )
  })

  test('a flood of bad batches is all refused, and only a part of it leaves dead letters', async () => {
    const agent = await ready()
    for (let sequence = 1; sequence <= 2500; sequence++) {
      agent.send({ case: 'batch', value: batchOf(Date.now() - 49 * 3_600_000, sequence) })
    }
    const replies = await agent.reply(2501)
    expect(replies.slice(1).every((reply) => reply.case === 'refusal')).toBe(true)
    expect(on(topics.deadLetters).length).toBeGreaterThanOrEqual(letterAllowance.burst)
    expect(on(topics.deadLetters).length).toBeLessThan(2500)
  })

  test('ends a stream that is not CollectRequest with INVALID_ARGUMENT', async () => {
    const agent = await ready()
    agent.sendRaw(Uint8Array.from([0x1a, 0xff, 0xff, 0xff, 0x0f, 1]))
    expect(await agent.ended).toMatchObject({ code: status.INVALID_ARGUMENT })
  })

  test('without the bus nothing is acknowledged, and the agent is told when to come back', async () => {
    const agent = await ready()
    failure = new AppError('bus_unavailable', 'no broker answers', { retryable: true })
    agent.send({ case: 'batch', value: batchOf(Date.now(), 1) })
    const ended = await agent.ended
    expect(ended).toMatchObject({ code: status.UNAVAILABLE })
    expect(ended!.metadata.get('grpc-retry-pushback-ms')).toEqual(['1000'])
    expect(agent.replies).toHaveLength(1)
  })

  test('a newer stream of the same source ends the older one', async () => {
    const older = await ready()
    const newer = await ready()
    expect(await older.ended).toMatchObject({ code: status.ABORTED })
    newer.send({ case: 'batch', value: batchOf(Date.now(), 1) })
    expect((await newer.reply(2))[1]).toMatchObject({ case: 'acknowledgement' })
  })

  test('an agent that ignores the window is held back and loses nothing', async () => {
    const agent = await ready()
    for (let sequence = 1; sequence <= 500; sequence++) {
      agent.send({ case: 'batch', value: batchOf(Date.now(), sequence) })
    }
    agent.finish()
    expect(await agent.ended).toBeNull()
    expect(agent.replies.at(-1)).toMatchObject({ case: 'acknowledgement', value: { sequence: 500n } })
    await expect
      .poll(() => on(topics.samples).map(({ headers }) => Number(headers.sequence)))
      .toEqual(Array.from({ length: 500 }, (_, index) => index + 1))
  })
})
