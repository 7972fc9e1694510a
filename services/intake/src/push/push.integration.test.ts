import { gzipSync } from 'node:zlib'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { pushDefinition } from '@driftline/ingest/definitions/push'
import { AppError } from '@driftline/platform/errors'
import { ExportMetricsServiceResponseSchema, StatusSchema } from '@driftline/proto/otlp'
import { WriteRequestSchema } from '@driftline/proto/prometheus'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type PushRig, startPushRig } from './testing/push-rig.ts'
import { encodeSnappy } from './testing/snappy-blocks.ts'

const SAMPLES = '/api/v1/ingest/samples'
const RECORDS = '/api/v1/ingest/records'
const WRITE = '/api/v1/prometheus/write'
const remoteWrite = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' }
const away = new AppError('bus_unavailable', 'away', { retryable: true })

let rig: PushRig
beforeAll(async () => {
  rig = await startPushRig()
})
afterEach(() => {
  rig.failure = null
  rig.forget()
})
afterAll(() => rig.stop())

const writeRequest = (labels: Record<string, string>, ...values: number[]): Uint8Array =>
  toBinary(
    WriteRequestSchema,
    create(WriteRequestSchema, {
      timeseries: [
        {
          labels: Object.entries(labels).map(([name, value]) => ({ name, value })),
          samples: values.map((value, i) => ({ value, timestamp: BigInt(Date.now() - 1000 + i) })),
        },
      ],
    }),
  )

describe('samples', () => {
  const item = { process: 'device:plant:press-3', metric: 'temperature', value: 71.5, unit: 'Cel' }

  test('JSON: what was taken is on the bus, what was not is told by its index and kept as a letter', async () => {
    const time = new Date(Date.now() - 5000).toISOString()
    const items = [
      { ...item, time, attributes: { zone: 'a' } },
      { ...item, value: 'hot' },
      { ...item, process: 'nonsense' },
      { ...item, time: '1970-01-01T00:00:00Z' },
      { ...item, time: '2262-01-01T00:00:00Z' },
      item,
    ]
    const response = await rig.post(SAMPLES, JSON.stringify(items))
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      accepted: 2,
      refused: 4,
      errors: [
        { index: 1, reason: 'value_invalid' },
        { index: 2, reason: 'process_invalid' },
        { index: 3, reason: 'time_too_old' },
        { index: 4, reason: 'time_in_future' },
      ],
    })
    await expect.poll(() => rig.samples()).toHaveLength(2)
    expect(rig.samples()[0]).toMatchObject({
      ...item,
      tenant: 'default',
      timeMs: Date.parse(time),
      attributes: { zone: 'a' },
    })
    await expect
      .poll(() =>
        rig
          .letters()
          .map(({ reason }) => reason)
          .sort(),
      )
      .toEqual(['process_invalid', 'time_in_future', 'time_too_old', 'value_invalid'])
    const letter = rig.letters().find(({ reason }) => reason === 'value_invalid')
    expect(letter).toMatchObject({
      source: 'push:samples:key-1',
      subject: SAMPLES,
      replayable: true,
      tenant: 'default',
    })
    expect(JSON.parse(Buffer.from(letter!.payload).toString())).toEqual(items[1])
  })

  test('CSV, packed, in a stream', async () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `device:csv:${i % 10},level,${i},"{""n"":""${i % 3}""}"`)
    const csv = `process,metric,value,attributes\r\n${lines.join('\r\n')}\r\ndevice:csv:1,level,NaN,\r\n`
    const headers = { 'content-type': 'text/csv; charset=utf-8', 'content-encoding': 'gzip' }
    const response = await rig.post(SAMPLES, gzipSync(csv), headers)
    expect(await response.json()).toMatchObject({
      accepted: 5000,
      refused: 1,
      errors: [{ index: 5000, reason: 'value_not_finite' }],
    })
    await expect.poll(() => rig.samples()).toHaveLength(5000)
  })

  test.each([
    ['no JSON array', '{"process":"device:a"}', {}, 400, 'body_malformed'],
    ['a body that breaks off', `[${JSON.stringify(item)}`, {}, 400, 'body_malformed'],
    ['nothing', '', {}, 400, 'body_malformed'],
    [
      'CSV with a column that is misspelt',
      'process,metric,valeu\n',
      { 'content-type': 'text/csv' },
      400,
      'body_malformed',
    ],
    ['another type', '<a/>', { 'content-type': 'text/xml' }, 415, 'type_unsupported'],
    ['another packing', '[]', { 'content-encoding': 'br' }, 415, 'encoding_unsupported'],
    ['what is no gzip', '[]', { 'content-encoding': 'gzip' }, 400, 'gzip_malformed'],
    ['no key', '[]', { authorization: '' }, 401, 'unauthenticated'],
    ['a key that is not valid', '[]', { authorization: 'Bearer nobody' }, 401, 'unauthenticated'],
    ['a cookie', '[]', { authorization: '', cookie: 'driftline_session=good' }, 401, 'unauthenticated'],
    ['a key that may only read', '[]', { authorization: 'Bearer reader' }, 403, 'forbidden'],
  ] as const)('%s', async (_what, body, headers, status, code) => {
    const response = await rig.post(SAMPLES, body, headers as Record<string, string>)
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ status, code })
  })

  test('another method is refused, another path is not ours', async () => {
    const headers = { authorization: 'Bearer good' }
    const response = await fetch(`${rig.url}${SAMPLES}`, { headers })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
    expect((await fetch(`${rig.url}/api/v1/overview`, { headers })).status).toBe(404)
  })

  test('while the bus is away nothing is acknowledged, and the same again is not taken for a repeat', async () => {
    const key = 'key-1'
    const filter = { unchanged: true, keepEverySeconds: 3600 }
    const definition = pushDefinition.parse({ door: 'samples', key, filter })
    rig.push.define([
      { tenant: 'default', id: 's', kind: 'push', name: 's', active: true, definition, secrets: {}, version: 1 },
    ])
    const body = JSON.stringify([{ ...item, metric: 'again', time: Date.now() }])
    rig.failure = away
    const refused = await rig.post(SAMPLES, body)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    rig.failure = null
    expect(await (await rig.post(SAMPLES, body)).json()).toMatchObject({ accepted: 1 })
    expect(await (await rig.post(SAMPLES, body)).json()).toMatchObject({ accepted: 1 })
    await expect.poll(() => rig.samples()).toHaveLength(1)
    expect(rig.status('default push:samples:key-1')?.filtered).toContainEqual({ reason: 'duplicate', count: 1 })
    rig.push.define([])
  })
})

describe('bombs and pressure', () => {
  test('a gzip bomb is stopped early, a plain one by its declared length', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024, 0x20))
    const packed = await rig.post(SAMPLES, bomb, { 'content-encoding': 'gzip' })
    expect(packed.status).toBe(413)
    const plain = await rig.post(SAMPLES, Buffer.alloc(17 * 1024 * 1024, 0x20))
    expect(plain.status).toBe(413)
  })

  test('beyond the bytes that may be on their way a sender is asked to come back', async () => {
    const small = await startPushRig({ bytesInFlightMax: 100_000 })
    const response = await small.post(WRITE, encodeSnappy(new Uint8Array(200_000)), remoteWrite)
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '1'])
    expect((await small.post(WRITE, encodeSnappy(writeRequest({ __name__: 'a' }, 1)), remoteWrite)).status).toBe(204)
    await small.stop()
  })

  test('a body that stops coming is given up', async () => {
    const slow = await startPushRig({ bodyIdleMs: 50 })
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('[')),
    })
    const response = await fetch(`${slow.url}${SAMPLES}`, {
      method: 'POST',
      body,
      duplex: 'half',
      headers: { authorization: 'Bearer good', 'content-type': 'application/json' },
    } as RequestInit)
    expect(response.status).toBe(408)
    await slow.stop()
  })

  test('guessing keys is slowed down, a valid key beside it is not', async () => {
    const calm = await startPushRig()
    const guesses = await Promise.all(
      Array.from({ length: 80 }, (_, i) => calm.post(SAMPLES, '[]', { authorization: `Bearer guess-${i}` })),
    )
    expect(guesses.map(({ status }) => status)).toContain(429)
    await calm.stop()
  })

  test('series beyond the bound are refused, and who has too many is named', async () => {
    const few = await startPushRig({ seriesPerSourceMax: 10, seriesPerTenantMax: 15 })
    const items = Array.from({ length: 1000 }, (_, i) => ({
      process: 'device:a',
      metric: 'm',
      value: 1,
      attributes: { order: `${i}` },
    }))
    const answer = (await (await few.post(SAMPLES, JSON.stringify(items))).json()) as { errors: { detail: string }[] }
    expect(answer).toMatchObject({ accepted: 10, refused: 990 })
    expect(answer.errors).toHaveLength(100)
    expect(answer.errors[0]).toMatchObject({ index: 10, reason: 'series_too_many' })
    expect(answer.errors[0]!.detail).toContain('attribute order of m has 10 different values')
    // Others of the tenant go on up to its own bound, and other tenants do not notice.
    for (const [key, accepted] of [
      ['other', 5],
      ['foreign', 10],
    ] as const) {
      const response = await few.post(SAMPLES, JSON.stringify(items), { authorization: `Bearer ${key}` })
      expect(await response.json()).toMatchObject({ accepted })
    }
    await few.stop()
  })
})

describe('records', () => {
  test('become rows, and are flagged by rules', async () => {
    const rules = [{ name: 'large', expression: 'amount > 1,00,000', severity: 'critical', unit: 'INR' }]
    const definition = pushDefinition.parse({ door: 'records', key: 'key-1', rules })
    rig.push.define([
      { tenant: 'default', id: 'r', kind: 'push', name: 'r', active: true, definition, secrets: {}, version: 1 },
    ])
    const items = [
      { process: 'log:payments', body: 'paid', severity: 'info', attributes: { amount: 5000, account: 'A-1' } },
      { process: 'log:payments', attributes: { amount: 250_000, account: 'A-2' } },
      { process: 'host:web-1', body: 'x' },
      { process: 'log:payments', severity: 99 },
    ]
    const response = await rig.post(RECORDS, JSON.stringify(items))
    expect(await response.json()).toMatchObject({
      accepted: 2,
      refused: 2,
      errors: [
        { index: 2, reason: 'process_invalid' },
        { index: 3, reason: 'severity_invalid' },
      ],
    })
    await expect.poll(() => rig.rows()).toHaveLength(2)
    expect(rig.rows()).toMatchObject([
      { process: 'log:payments', severity: 9, body: 'paid', attributes: '{"amount":5000,"account":"A-1"}' },
      { process: 'log:payments', severity: 0, body: '{"amount":250000,"account":"A-2"}', attributes: '' },
    ])
    await expect
      .poll(() => rig.flagged())
      .toMatchObject([{ rule: 'large', process: 'log:payments', field: 'amount', value: 250_000, unit: 'INR' }])
    rig.push.define([])
  })

  test('count as lines of their process, and as what a log does', async () => {
    const items = ['info', 'error', 'fatal', undefined].map((severity) => ({
      process: 'log:counted',
      body: 'x',
      severity,
    }))
    await rig.post(RECORDS, JSON.stringify(items))
    const told = () => rig.samples().map(({ metric, attributes, value }) => [metric, attributes['log.level'], value])
    await expect.poll(told).toHaveLength(6)
    expect(told()).toEqual([
      ['log.lines', 'none', 1],
      ['log.lines', 'info', 1],
      ['log.lines', 'error', 1],
      ['log.lines', 'fatal', 1],
      ['process.events', undefined, 4],
      ['process.events.failed', undefined, 2],
    ])
  })

  test('one on each line', async () => {
    const lines = ['{"process":"log:a","body":"one"}', '', 'nonsense', '{"process":"log:a","body":"two"}'].join('\n')
    const response = await rig.post(RECORDS, lines, { 'content-type': 'application/x-ndjson' })
    expect(await response.json()).toMatchObject({
      accepted: 2,
      refused: 1,
      errors: [{ index: 1, reason: 'item_malformed' }],
    })
  })
})

describe('remote write', () => {
  test('what is whole is answered with 204 and durable', async () => {
    const response = await rig.post(WRITE, encodeSnappy(writeRequest({ __name__: 'up', job: 'shop' }, 1)), remoteWrite)
    expect([response.status, await response.text()]).toEqual([204, ''])
    await expect.poll(() => rig.samples()).toMatchObject([{ process: 'service:shop', metric: 'up', value: 1 }])
  })

  test('a key as the password of Basic', async () => {
    const authorization = `Basic ${Buffer.from('anybody:good').toString('base64')}`
    const body = encodeSnappy(writeRequest({ __name__: 'up' }, 1))
    expect((await rig.post(WRITE, body, { ...remoteWrite, authorization })).status).toBe(204)
  })

  test('400 says what must not come again; what was accepted is kept', async () => {
    const body = encodeSnappy(writeRequest({ __name__: 'rate', job: 'shop' }, 1, Number.POSITIVE_INFINITY))
    const response = await rig.post(WRITE, body, remoteWrite)
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('1 samples were accepted, 1 refused: 1 value_not_finite')
    await expect.poll(() => rig.samples()).toMatchObject([{ metric: 'rate', value: 1 }])
    await expect.poll(() => rig.letters()).toMatchObject([{ reason: 'value_not_finite', replayable: true }])
  })

  test.each([
    ['no Snappy', new Uint8Array([1, 2, 3]), {}, 400],
    ['a Snappy bomb', new Uint8Array([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 97]), {}, 413],
    ['no protobuf', encodeSnappy(new Uint8Array([0xff, 0xff])), {}, 400],
    [
      'remote write 2.0',
      new Uint8Array(),
      { 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request' },
      415,
    ],
    ['gzip', gzipSync(''), { 'content-encoding': 'gzip' }, 415],
  ])('%s', async (_what, body, headers, status) => {
    const response = await rig.post(WRITE, body, { ...remoteWrite, ...headers })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toContain('text/plain')
  })

  test('503 while the bus is away', async () => {
    rig.failure = away
    const body = encodeSnappy(writeRequest({ __name__: 'up' }, 1))
    expect((await rig.post(WRITE, body, remoteWrite)).status).toBe(503)
  })
})

describe('OTLP over HTTP', () => {
  const now = (): string => `${Date.now()}000000`
  const metrics = (...points: object[]) =>
    JSON.stringify({
      resourceMetrics: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
          scopeMetrics: [{ metrics: [{ name: 'queue.depth', gauge: { dataPoints: points } }] }],
        },
      ],
    })

  test('all accepted: an empty response', async () => {
    const response = await rig.post('/v1/metrics', metrics({ timeUnixNano: now(), asDouble: 4 }))
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'application/json',
      '{}',
    ])
    await expect.poll(() => rig.samples()).toMatchObject([{ process: 'service:shop', metric: 'queue.depth', value: 4 }])
  })

  test('some accepted: partial success with a count and why', async () => {
    const points = [
      { timeUnixNano: now(), asDouble: 4 },
      { timeUnixNano: '1', asDouble: 4 },
      { timeUnixNano: now(), asDouble: 'NaN' },
    ]
    const response = await rig.post('/v1/metrics', metrics(...points))
    const answer = (await response.json()) as { partialSuccess: { rejectedDataPoints: string; errorMessage: string } }
    expect(answer.partialSuccess.rejectedDataPoints).toBe('2')
    expect(answer.partialSuccess.errorMessage).toMatch(/1 time_too_old .*; 1 value_not_finite/)
    await expect.poll(() => rig.samples()).toHaveLength(1)
    await expect.poll(() => rig.letters()).toHaveLength(2)
  })

  test('protobuf is answered in protobuf', async () => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' }
    const empty = await rig.post('/v1/metrics', gzipSync(new Uint8Array()), headers)
    expect(
      fromBinary(ExportMetricsServiceResponseSchema, new Uint8Array(await empty.arrayBuffer())).partialSuccess,
    ).toBeUndefined()
    const broken = await rig.post('/v1/metrics', gzipSync(Uint8Array.of(0xff)), headers)
    expect([broken.status, broken.headers.get('content-type')]).toEqual([400, 'application/x-protobuf'])
    expect(fromBinary(StatusSchema, new Uint8Array(await broken.arrayBuffer())).message).toContain('body_malformed')
    await expect
      .poll(() => rig.letters())
      .toMatchObject([{ reason: 'body_malformed', source: 'push:otlp:key-1', replayable: false }])
  })

  test('logs become rows of the service', async () => {
    const record = { timeUnixNano: now(), severityNumber: 17, body: { stringValue: 'payment failed' } }
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }
    const body = JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords: [record] }] }] })
    expect((await rig.post('/v1/logs', body)).status).toBe(200)
    await expect
      .poll(() => rig.rows())
      .toMatchObject([{ process: 'service:shop', severity: 17, body: 'payment failed' }])
  })

  test('refusals are google.rpc.Status, with when to come back', async () => {
    expect(await (await rig.post('/v1/metrics', '{}', { authorization: '' })).json()).toMatchObject({ code: 16 })
    rig.failure = away
    const response = await rig.post('/v1/metrics', metrics({ timeUnixNano: now(), asDouble: 4 }))
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await response.json()).toMatchObject({ code: 14 })
  })
})
