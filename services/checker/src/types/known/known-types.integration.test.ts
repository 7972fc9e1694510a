import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { checkTypes } from '@driftline/checks/types/check-types'
import { protoText } from '@driftline/platform/analytics/proto-text'
import { delimited, startTestStore, type TestStore } from '@driftline/platform/analytics/testing/store-test-kit'
import { systemClock } from '@driftline/platform/clock'
import { LogBatchSchema, MetricKind, SampleBatchSchema, SeriesBatchSchema, seriesId } from '@driftline/proto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CheckAnswer, type CheckContext, CheckFailure, type CheckTools } from '../../check-type.ts'
import { createLogType } from '../log/log-type.ts'
import { createMetricType } from '../metric/metric-type.ts'
import { createMqttType } from '../mqtt/mqtt-type.ts'

const PRESS = 'device:plant-a:press-3'
const NOW = Date.now()
let kit: TestStore
let tokens = 0

async function keep<D extends DescMessage>(table: string, schema: D, message: MessageInitShape<D>): Promise<void> {
  await kit.store.insertProtobuf({
    table,
    schema: protoText(schema),
    message: schema.name,
    body: delimited(toBinary(schema, create(schema, message))),
    deduplicationToken: `known-${++tokens}`,
  })
}

interface Where {
  readonly tenant?: string
  readonly attributes?: string
}

async function keepSamples(
  process: string,
  metric: string,
  values: readonly (readonly [ageSeconds: number, value: number])[],
  { tenant = 'default', attributes = '{}' }: Where = {},
): Promise<void> {
  const id = seriesId(tenant, process, metric, attributes)
  const series = {
    id,
    tenant,
    process,
    metric,
    unit: '1',
    kind: MetricKind.GAUGE,
    attributes,
    definedAtMs: BigInt(NOW),
  }
  await keep('series_in', SeriesBatchSchema, { series: [series] })
  await keep('samples_in', SampleBatchSchema, {
    baseTimeMs: BigInt(NOW),
    series: values.map(() => id),
    timeOffsetMs: values.map(([age]) => -age * 1000),
    value: values.map(([, value]) => value),
  })
}

async function keepLines(
  lines: readonly {
    readonly age: number
    readonly body: string
    readonly severity?: number
    readonly attributes?: object
  }[],
  tenant = 'default',
): Promise<void> {
  await keep('logs_in', LogBatchSchema, {
    tenant,
    process: 'log:payments',
    source: 'source-1',
    baseTimeMs: BigInt(NOW),
    timeOffsetMs: lines.map(({ age }) => Math.round(-age * 1000)),
    severity: lines.map(({ severity = 9 }) => severity),
    body: lines.map(({ body }) => body),
    attributes: lines.map(({ attributes }) => (attributes === undefined ? '' : JSON.stringify(attributes))),
    pattern: lines.map(() => 0n),
    origin: lines.map(() => 0),
    origins: ['/var/log/payments.log'],
  })
}

beforeAll(async () => {
  kit = await startTestStore()
  await keepSamples(PRESS, 'temperature', [
    [600, 60],
    [420, 71.5],
  ])
  await keepSamples(PRESS, 'temperature', [[5, 1000]], { tenant: 'other' })
  await keepSamples(PRESS, 'vibration', [[10, 1]], { attributes: '{"axis":"x"}' })
  await keepSamples(PRESS, 'vibration', [[20, 2]], { attributes: '{"axis":"y"}' })
  await keepSamples(PRESS, 'parts', [[4 * 86_400, 7]])
  await keepSamples('host:web-1', 'system.cpu.utilization', [
    [200, 0.2],
    [100, 0.4],
    [3, 0.9],
  ])
  await keepLines([
    { age: 3600, body: 'payment declined for good' },
    {
      age: 120,
      body: 'Payment declined: card 7 expired',
      severity: 17,
      attributes: { code: 402, card: { no: 7 }, 'http.route': '/pay' },
    },
    { age: 60, body: '{"msg":"payment accepted","amount":12.5}', severity: 9 },
  ])
  await keepLines([{ age: 1, body: 'secret of others', severity: 21 }], 'other')
})
afterAll(() => kit?.end())

const lines: string[] = []
function contextOf(changes: Partial<CheckContext> = {}): CheckContext {
  return {
    tenant: 'default',
    process: 'flow:a',
    signal: new AbortController().signal,
    deadlineMs: performance.now() + 30_000,
    startedMs: NOW - 90_000,
    log: (text) => lines.push(text),
    mask: (text) => text,
    secret: () => undefined,
    ...changes,
  }
}

const tools = (): CheckTools => ({ analytics: kit.store, clock: systemClock }) as unknown as CheckTools

const runs = {
  mqtt: (config: object, context = contextOf()) =>
    createMqttType(tools()).run(checkTypes.mqtt.schema.parse(config), context),
  metric: (config: object, context = contextOf()) =>
    createMetricType(tools()).run(checkTypes.metric.schema.parse(config), context),
  log: (config: object, context = contextOf()) =>
    createLogType(tools()).run(checkTypes.log.schema.parse({ process: 'log:payments', ...config }), context),
}

async function failureOf(work: Promise<CheckAnswer>): Promise<CheckFailure> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(CheckFailure)
  return error as CheckFailure
}

describe('the latest value of a device', () => {
  test('is of this tenant, with its age', async () => {
    const answer = await runs.mqtt({ process: PRESS, metric: 'temperature', ageSecondsMax: 900 })
    expect(await answer.fact('value')).toBe(71.5)
    expect(await answer.fact('age')).toBeGreaterThanOrEqual(420)
    expect(answer.faults).toEqual([])
    expect(answer.result).toMatchObject({ value: 71.5 })
  })

  test('that is too old says how old', async () => {
    const answer = await runs.mqtt({ process: PRESS, metric: 'temperature' })
    expect(answer.faults!.map(({ of, failure }) => [of, failure.message])).toEqual([
      ['age', 'latest value is 7 min old, expected at most 5 min'],
    ])
  })

  test('is found when it is days old', async () => {
    const answer = await runs.mqtt({ process: PRESS, metric: 'parts' })
    expect(answer.faults![0]!.failure.message).toBe('latest value is 4 d old, expected at most 5 min')
  })

  test('is of the series with the attributes that are named', async () => {
    const y = await runs.mqtt({ process: PRESS, metric: 'vibration', attributes: { axis: 'y' } })
    expect(await y.fact('value')).toBe(2)
    const any = await runs.mqtt({ process: PRESS, metric: 'vibration' })
    expect(await any.fact('value')).toBe(1)
    const none = await failureOf(runs.mqtt({ process: PRESS, metric: 'vibration', attributes: { axis: 'z' } }))
    expect(none).toMatchObject({
      reason: 'value_missing',
      message: `Nothing was ever received for vibration (axis z) of ${PRESS}`,
      hint: expect.stringContaining('without these attributes'),
    })
  })

  test.each([
    ['a process', 'device:nobody', 'temperature'],
    ['a metric', PRESS, "x' OR 1=1 --"],
  ])('of %s that is unknown is missing', async (_, process, metric) => {
    expect(await failureOf(runs.mqtt({ process, metric }))).toMatchObject({ reason: 'value_missing' })
  })
})

describe('a metric over a window', () => {
  const cpu = { process: 'host:web-1', metric: 'system.cpu.utilization' }
  test.each([
    ['last', 300, 0.9, 3],
    ['mean', 300, 0.5, 3],
    ['min', 300, 0.2, 3],
    ['max', 300, 0.9, 3],
    ['sum', 300, 1.5, 3],
    ['mean', 150, 0.65, 2],
    ['max', 172_800, 0.9, 3],
    ['sum', 172_800, 1.5, 3],
  ])('%s over %i s is %d', async (aggregation, overSeconds, value, count) => {
    const answer = await runs.metric({ ...cpu, aggregation, overSeconds })
    expect(await answer.fact('value')).toBeCloseTo(value)
    expect(await answer.fact('count')).toBe(count)
    expect(answer.faults).toEqual([])
  })

  test('that is empty says so, unless it may be', async () => {
    const old = { process: PRESS, metric: 'parts', overSeconds: 300 }
    const answer = await runs.metric(old)
    expect(answer.faults![0]!.failure.message).toBe(`No value of parts of ${PRESS} within 5 min`)
    const allowed = await runs.metric({ ...old, assertions: [{ of: 'count', is: 'equals', value: 0 }] })
    expect([allowed.faults, await allowed.fact('count'), await allowed.fact('value')]).toEqual([[], 0, undefined])
  })
})

describe('lines of a log', () => {
  test.each<[string, object, number]>([
    ['all of five minutes', {}, 2],
    ['a longer time', { withinSeconds: 7200 }, 3],
    ['a word', { contains: 'declined' }, 1],
    ['a word in other case', { contains: 'PAYMENT' }, 2],
    ['a part of a word', { contains: 'declin' }, 0],
    ['two words', { contains: 'expired payment' }, 1],
    ['a phrase', { contains: '"declined: card"' }, 1],
    ['a phrase in another order', { contains: '"card declined"' }, 0],
    ['a level', { severityAtLeast: 'warn' }, 1],
    ['a number in a field', { fields: { code: 402 } }, 1],
    ['a field in an object', { fields: { 'card.no': 7 } }, 1],
    ['a field with dots in its name', { fields: { 'http.route': '/pay' } }, 1],
    ['a field of the line itself', { fields: { amount: 12.5, msg: 'payment accepted' } }, 1],
    ['a field that is not there', { fields: { nothing: null }, contains: 'accepted' }, 1],
    ['another value', { fields: { code: 403 } }, 0],
    ['only since the start', { sinceStart: true }, 1],
    ['what only looks like a statement', { contains: "') OR 1=1 --" }, 0],
  ])('are found by %s', async (_, config, count) => {
    expect(await (await runs.log(config)).fact('count')).toBe(count)
  })

  test('have facts of the newest, and its text only for those who may see bodies', async () => {
    const answer = await runs.log({ contains: 'declined' })
    expect(await answer.fact('line')).toBe('Payment declined: card 7 expired')
    expect(await answer.fact('field', 'card.no')).toBe(7)
    expect(await answer.fact('field', 'http.route')).toBe('/pay')
    expect(await answer.fact('field', 'nothing.here')).toBeUndefined()
    expect(JSON.stringify(answer.result)).not.toContain('expired')
    expect(answer.body!.text).toContain('expired')
  })

  test('that are missing say which', async () => {
    const answer = await runs.log({ contains: 'refunded', severityAtLeast: 'error', fields: { code: 1 } })
    expect(answer.faults![0]!.failure.message).toBe(
      'no line with "refunded", whose code is 1, of level error or above in log:payments within 5 min',
    )
    const since = await runs.log({ contains: 'declined', sinceStart: true })
    expect(since.faults![0]!.failure.message).toBe('no line with "declined" in log:payments since the run began')
    const counted = await runs.log({ contains: 'refunded', assertions: [{ of: 'count', is: 'at_most', value: 0 }] })
    expect(counted.faults).toEqual([])
  })
})

describe('waiting', () => {
  test('ends when the line comes', async () => {
    const answering = runs.log({ contains: 'settled', waitSeconds: 20 })
    await new Promise((resolve) => setTimeout(resolve, 300))
    await keepLines([{ age: 0, body: 'payment settled' }])
    const answer = await answering
    expect([await answer.fact('count'), answer.faults]).toEqual([1, []])
  })

  test('ends when an assertion holds', async () => {
    const metric = 'queue.length'
    await keepSamples('host:web-2', metric, [[30, 9]])
    const answering = runs.metric({
      process: 'host:web-2',
      metric,
      waitSeconds: 20,
      assertions: [{ of: 'value', is: 'at_most', value: 3 }],
    })
    await new Promise((resolve) => setTimeout(resolve, 300))
    await keepSamples('host:web-2', metric, [[0, 2]])
    expect(await (await answering).fact('value')).toBe(2)
  })

  test('ends with its time, and says what was missing', async () => {
    lines.length = 0
    const answer = await runs.log({ contains: 'never', waitSeconds: 1 })
    expect(answer.faults![0]!.failure.message).toContain('no line with "never"')
    expect(lines.at(-1)).toMatch(/^waited [\d.]+ s, asked \d+ times/)
  })

  test('ends before the attempt does', async () => {
    const beganMs = performance.now()
    const context = contextOf({ deadlineMs: beganMs + 1500 })
    await runs.log({ contains: 'never', waitSeconds: 3000 }, context)
    expect(performance.now()).toBeLessThan(beganMs + 1500)
  })

  test('ends at once when somebody cancels', async () => {
    const controller = new AbortController()
    const answering = runs.log({ contains: 'never', waitSeconds: 3000 }, contextOf({ signal: controller.signal }))
    setTimeout(() => controller.abort(), 100)
    await expect(answering).rejects.toThrow(/abort/i)
  })
})
