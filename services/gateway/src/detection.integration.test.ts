import { fromBinary } from '@bufbuild/protobuf'
import { partitionOf, routingKey, SettingsChangeSchema, Severity, topics } from '@driftline/proto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keepEpisode } from './testing/episodes.ts'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { anomalyRecord, baselineRecord, kpiRecord, seriesRecord } from './testing/records.ts'

const NGINX = 'os:web-1:nginx'
const REDIS = 'os:web-1:redis'
const MINUTE = 60_000
const minute = Math.floor(Date.now() / MINUTE) * MINUTE
const ago = (minutes: number): number => minute - minutes * MINUTE
const PATH = `/api/v1/processes/${NGINX}/detection`

let kit: GatewayKit
const get = (path: string, token?: string) => kit.request(path, token === undefined ? {} : { token })
const put = (body: unknown, token?: string) =>
  kit.request(PATH, { method: 'PUT', body, ...(token === undefined ? {} : { token }) })

beforeAll(async () => {
  kit = await startGatewayKit()
  const minutes = Array.from({ length: 90 }, (_, index) => index + 1)
  await kit.keep(
    ...minutes.map((back) =>
      kpiRecord(ago(back), {
        [NGINX]: { cpuCores: 1, cpuShare: 0.25, memoryBytes: 2e9, memoryShare: 0.5, ioShare: 0.1, instances: 1 },
        [REDIS]: { cpuCores: 0.2 },
      }),
    ),
    ...minutes.map((back) =>
      baselineRecord(ago(back), [
        [NGINX, 'cpu', back > 60 ? 3 : 1, 0.2, back === 5 ? -9 : 1],
        [NGINX, 'memory', 1e9, 1e8, 10],
        [NGINX, 'io_share', 0.05, 0.01, 5],
        [REDIS, 'cpu', 0.2, 0.1, 0],
      ]),
    ),
    baselineRecord(ago(2), [['os:x:y', 'cpu', 1, 1, 9]], 'other'),
    anomalyRecord({ id: 'a-1', process: NGINX, startMs: ago(10), endMs: ago(9), type: 'error_spike' }),
    anomalyRecord({
      id: 'a-2',
      process: NGINX,
      startMs: ago(8),
      severity: Severity.CRITICAL,
      description: 'It burns.',
    }),
    seriesRecord([{ process: NGINX, metric: 'temperature', unit: 'Cel' }]),
  )
  await keepEpisode(kit.metadata, {
    id: 'alert-1',
    process: NGINX,
    openedAtMs: ago(8),
    anomalyIds: ['a-2'],
    severity: 'critical',
  })
  await kit.restart()
})
afterAll(() => kit?.end())

describe('what was usual', () => {
  it('of a KPI, minute by minute', async () => {
    const { body } = await get(`/api/v1/processes/${NGINX}/baseline?metric=cpu&from=${ago(10)}&to=${ago(0)}`)
    expect(body).toMatchObject({ processId: NGINX, metric: 'cpu', unit: '{cpu}', step: 60 })
    expect(body.points).toHaveLength(10)
    expect(body.points[5]).toEqual({
      time: new Date(ago(5)).toISOString(),
      value: expect.closeTo(-0.8),
      centre: 1,
      spread: 0.2,
      deviation: -9,
    })
  })

  it('of a long range in longer steps, with the largest deviation', async () => {
    const { body } = await get(`/api/v1/processes/${NGINX}/baseline?metric=cpu&from=${ago(60 * 24 * 7)}`)
    expect(body.step).toBe(420)
    const largest = body.points.map((each: { deviation: number }) => each.deviation)
    expect(largest).toContain(-9)
  })

  it.each([
    ['metric=nothing', 200, 0],
    [`metric=cpu&attributes=${encodeURIComponent('{"a":"b"}')}`, 200, 0],
    ["metric=cpu'--", 200, 0],
    ['', 400, null],
    [`metric=cpu&from=${minute}&to=${minute}`, 400, null],
  ])('asked with %s', async (query, status, points) => {
    const answer = await get(`/api/v1/processes/${NGINX}/baseline?${query}`)
    expect(answer.status).toBe(status)
    if (points !== null) expect(answer.body.points).toHaveLength(points)
  })

  it('stands beside performance in the terms of the client, now and in the past', async () => {
    const { body } = await get(`/api/v1/processes/${NGINX}/performance`)
    expect(body.baseline).toMatchObject({
      cpu: { centre: 0.25, spread: 0.05 },
      memory: { centre: 0.25, spread: 0.025 },
      io: { centre: 0.05, spread: 0.01 },
      network: { centre: null, spread: null },
      executionTime: { centre: null, spread: null },
    })
    const past = await get(`/api/v1/processes/${NGINX}/performance?from=${ago(80)}&to=${ago(70)}`)
    expect(past.body.baseline.cpu).toEqual({ centre: 0.75, spread: 0.05 })
  })

  it('and what was not, is in the analysis', async () => {
    const { body } = await get(`/api/v1/processes/${NGINX}/analysis`)
    expect(body.anomalies).toEqual({ error_spike: 1, performance_degradation: 1 })
    expect(body.insights).toContain('2 anomalies: 1 of error spike, 1 of performance degradation.')
    expect(body.insights).toContain('The worst: It burns.')
  })
})

describe('drift lines of many processes', () => {
  it('of an hour, a point a minute', async () => {
    const { body } = await get('/api/v1/drift')
    expect(body.step).toBe(60)
    expect(body.processes.map((each: { processId: string }) => each.processId)).toEqual([NGINX, REDIS])
    for (const { deviations } of body.processes)
      expect(deviations).toHaveLength((Date.parse(body.to) - Date.parse(body.from)) / MINUTE)
    const nginx = body.processes[0].deviations
    expect(nginx[(ago(5) - Date.parse(body.from)) / MINUTE]).toBe(10)
    expect(nginx.at(-1)).toBeNull()
  })

  it('of those asked for, over a longer time in longer steps', async () => {
    const { body } = await get(`/api/v1/drift?process=${REDIS}&process=os:x:y&from=${ago(300)}&to=${ago(0)}`)
    expect(body.step).toBe(180)
    expect(body.processes).toMatchObject([{ processId: REDIS }])
    expect((await get(`/api/v1/drift?from=${ago(3000)}`)).status).toBe(400)
    expect((await get('/api/v1/drift', kit.access.stranger)).body.processes).toMatchObject([{ processId: 'os:x:y' }])
  })
})

describe('settings of detection', () => {
  const body = {
    enabled: true,
    disabledTypes: ['flapping'],
    degradationShare: 0.5,
    sensitivity: 0.6,
    thresholds: [{ metric: 'memory', above: 3e9, forSeconds: 30, severity: 'critical' }],
    expressions: [{ name: 'hot', expression: 'rate(temperature, 1m) > 5 and cpu > 90 %', severity: 'info' }],
  }
  const records = () =>
    kit.bus.read(
      topics.settings.name,
      partitionOf(routingKey('default', NGINX), kit.bus.partitionsOf(topics.settings.name)),
      0,
      1000,
    )

  it('are empty until somebody sets them', async () => {
    expect((await get(PATH)).body).toEqual({
      processId: NGINX,
      settings: { disabledTypes: [], thresholds: [], expressions: [] },
      version: 0,
      effectiveAt: null,
      published: true,
      updatedAt: null,
      updatedBy: null,
    })
    expect((await kit.request(PATH, { method: 'DELETE' })).status).toBe(204)
    expect(await records()).toEqual([])
  })

  it('are kept and told to the detectors, from the next whole second on', async () => {
    const before = Date.now()
    const answer = await put(body, kit.access.operator)
    expect(answer.body).toMatchObject({ settings: body, version: 1, published: true, updatedBy: 'operator' })
    const effectiveMs = Date.parse(answer.body.effectiveAt)
    expect(effectiveMs % 1000).toBe(0)
    expect(effectiveMs - before).toBeGreaterThanOrEqual(0)
    const [record] = await records()
    expect(record).toMatchObject({
      key: 'default/host:web-1',
      headers: { tenant: 'default', source: `settings/default/${NGINX}`, epoch: '1', sequence: '1' },
    })
    const change = fromBinary(SettingsChangeSchema, record!.value)
    expect(change).toMatchObject({ tenant: 'default', process: NGINX, effectiveTimeMs: BigInt(effectiveMs) })
    expect(change.change.value).toMatchObject({
      enabled: true,
      disabledTypes: ['flapping'],
      degradationShare: 0.5,
      sensitivity: 0.6,
      thresholds: [{ metric: 'memory', above: 3e9, forMs: 30_000, severity: Severity.CRITICAL }],
      expressions: [{ name: 'hot', severity: Severity.INFO }],
    })
    expect(change.change.value).not.toHaveProperty('exhaustionShare')
    expect((await put({})).body).toMatchObject({ version: 2, settings: { disabledTypes: [], thresholds: [] } })
    expect((await kit.request(PATH, { method: 'DELETE' })).status).toBe(204)
    expect((await get(PATH)).body).toMatchObject({ version: 3, published: true })
    const audit = await get('/api/v1/audit-log?limit=1')
    expect(audit.body.items[0]).toMatchObject({ action: 'detection.reset', subject: `process:${NGINX}` })
  })

  it('are told once each, in order, however many set them at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => put({ sensitivity: index / 10 })))
    const versions = answers.map((each) => each.body.version)
    expect(Math.max(...versions)).toBe(11)
    const sequences = (await records()).map(({ headers }) => Number(headers.sequence))
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b))
    expect(sequences.at(-1)).toBe(11)
    const last = fromBinary(SettingsChangeSchema, (await records()).at(-1)!.value)
    const { body: kept } = await get(PATH)
    expect(last.change.value).toMatchObject({ sensitivity: kept.settings.sensitivity })
  })

  it('say where an expression is wrong', async () => {
    const answer = await put({
      expressions: [
        { name: 'a', expression: 'cpu > 1' },
        { name: 'b', expression: 'cpu >> 5' },
      ],
    })
    expect(answer.status).toBe(400)
    expect(answer.body.errors).toMatchObject([{ parameter: 'expressions.1.expression', offset: 5, length: 1 }])
    expect(answer.body.detail).toMatch(/^expressions\.1\.expression is wrong at character 6: /)
    const units = await put({ expressions: [{ name: 'u', expression: 'temperature > 5 MB' }] })
    expect(units.body.errors).toMatchObject([{ parameter: 'expressions.0.expression' }])
  })

  it.each([
    ['an unknown field', { speed: 1 }],
    ['a threshold without a limit', { thresholds: [{ metric: 'cpu' }] }],
    ['a sensitivity above 1', { sensitivity: 2 }],
    ['an expression that is too long', { expressions: [{ name: 'x', expression: `cpu > ${'1'.repeat(1000)}` }] }],
    ['too many', { expressions: Array(51).fill({ name: 'x', expression: 'cpu > 1' }) }],
    ['a number for a list', { thresholds: 5 }],
  ])('refuse %s', async (_, wrong) => expect((await put(wrong)).status).toBe(400))

  it('are for those who may, of processes that there are', async () => {
    expect((await put({}, kit.access.viewer)).status).toBe(403)
    expect((await put({}, kit.access.stranger)).status).toBe(404)
    expect((await get(PATH, kit.access.stranger)).status).toBe(404)
    expect((await get(PATH, kit.access.viewer)).status).toBe(200)
  })
})

describe('channels', () => {
  it('are shown to administrators, with secrets that were made here', async () => {
    const keep = (key: string, value: string | readonly { [key: string]: string | readonly string[] }[]) =>
      kit.metadata.db
        .insertInto('settings')
        .values({ tenant: 'default', key, value, updated_at: new Date(), updated_by: 'system' })
        .execute()
    await keep('alerting.webhook_secret.ops', 'whsec_c2VjcmV0')
    expect((await get('/api/v1/channels')).body.items).toMatchObject([{ name: 'ops', secret: 'whsec_c2VjcmV0' }])
    await keep('alerting.channels', [
      { name: 'ops', channel: 'webhook', recipients: ['https://example.org'] },
      { name: 'mail', channel: 'email', recipients: ['ops@example.org'] },
    ])
    expect((await get('/api/v1/channels')).body.items).toEqual([
      { name: 'ops', channel: 'webhook', recipients: ['https://example.org'], secret: 'whsec_c2VjcmV0' },
      { name: 'mail', channel: 'email', recipients: ['ops@example.org'], secret: null },
    ])
    expect((await get('/api/v1/channels', kit.access.operator)).status).toBe(403)
    expect((await get('/api/v1/channels', kit.access.stranger)).body.items).toEqual([])
  })
})

describe('/metrics', () => {
  it('tell verdicts and their precision, what is open, and the drift and status of processes', async () => {
    for (const [id, verdict] of [
      ['a-1', 'noise'],
      ['a-2', 'real'],
    ]) {
      await kit.request(`/api/v1/anomalies/${id}/verdict`, { method: 'POST', body: { verdict } })
    }
    const { text } = await eventually(
      () => kit.request('/metrics', { token: null }),
      (answer) => expect(answer.text).toContain('driftline_anomaly_precision{type="error_spike"} 0\n'),
    )
    expect(text).toContain('driftline_anomaly_precision{type="performance_degradation"} 1\n')
    expect(text).toContain('# TYPE driftline_anomaly_verdicts gauge\n')
    expect(text).toContain('driftline_anomaly_verdicts{type="error_spike",verdict="noise"} 1\n')
    expect(text).toContain('driftline_anomalies_open{severity="critical"} 1\n')
    expect(text).toContain('driftline_alerts_open{severity="critical"} 1\n')
    expect(text).toMatch(/driftline_process_status\{host="web-1",process="os:web-1:nginx"\} 2\n/)
    expect(text).toMatch(/driftline_process_drift\{host="web-1",process="os:web-1:nginx"\} [\d.]+\n/)
    const foreign = await get('/metrics', kit.access.stranger)
    expect(foreign.text).not.toContain('nginx')
  })
})
