import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { anomalyRecord, idOf, kpiRecord, sampleRecord, seriesRecord } from './testing/records.ts'

const PRESS = 'device:plant-a:press-3'
const SHOP = 'log:shop'
const now = Date.now()
const temperature = { process: PRESS, metric: 'temperature', unit: 'Cel', attributes: '{"sensor":"oil"}' }

let kit: GatewayKit
const get = (path: string) => kit.request(path)
const id = encodeURIComponent

beforeAll(async () => {
  kit = await startGatewayKit()
  await kit.keep(
    seriesRecord([temperature]),
    sampleRecord([[idOf(temperature), now - 1_200_000, 61.5]]),
    // A press that speaks every ten minutes, and a log that had a line lately.
    kpiRecord(now - 1_200_000, { [PRESS]: { throughputPerSecond: 0.5 } }),
    kpiRecord(now - 600_000, { [PRESS]: { throughputPerSecond: 1, errorRate: 0.25, successRate: 0.75 } }),
    kpiRecord(now - 100_000, { [SHOP]: { throughputPerSecond: 12 } }),
    anomalyRecord({
      id: 'flagged',
      process: SHOP,
      startMs: now - 5000,
      endMs: now - 4000,
      record: '{"amount":120500}',
    }),
    anomalyRecord({ id: 'pattern', process: SHOP, startMs: now - 4000, endMs: now - 3000, record: 'disk is full' }),
    anomalyRecord({ id: 'plain', process: SHOP, startMs: now - 3000, endMs: now - 2000 }),
  )
  await kit.restart()
})
afterAll(() => kit?.end())

describe('processes without a host', () => {
  it('are listed by their kind after a start, with their last values', async () => {
    const { items } = (await get('/api/v1/processes?kind=device')).body
    expect(items).toMatchObject([{ processId: PRESS, kind: 'device', name: 'press-3', host: null, active: true }])
    expect(items[0].metrics).toMatchObject({ throughput: 1, errorRate: 0.25, successRate: 0.75 })
    expect((await get('/api/v1/processes?kind=log&q=shop')).body.items).toHaveLength(1)
  })

  it('have series with their last values, also those that were not heard since the start', async () => {
    const { items } = (await get(`/api/v1/processes/${id(PRESS)}/series`)).body
    expect(items).toMatchObject([
      { metric: 'temperature', unit: 'Cel', attributes: { sensor: 'oil' }, lastValue: 61.5 },
    ])
    expect(Date.parse(items[0].lastTime)).toBe(now - 1_200_000)
  })

  it('are given categories and tags, and found by them', async () => {
    const body = { category: 'Pressing', tags: ['hall 2'], description: 'The old one' }
    const patched = await kit.request(`/api/v1/processes/${id(PRESS)}`, { method: 'PATCH', body })
    expect(patched.body).toMatchObject({ category: 'Pressing', tags: ['hall 2'], logProcesses: [] })
    for (const filter of ['category=Pressing', 'tag=hall%202', 'q=old%20press', 'kind=device&q=pressing']) {
      expect((await get(`/api/v1/processes?${filter}`)).body.items).toHaveLength(1)
    }
  })

  it('are silent only after what is long for them', async () => {
    expect((await get(`/api/v1/processes/${id(SHOP)}`)).body.status).not.toBe('silent')
    expect((await get(`/api/v1/processes/${id(PRESS)}`)).body.status).toBe('silent')
    const rate = (throughputPerSecond: number) => kpiRecord(Date.now(), { [PRESS]: { throughputPerSecond } })
    await kit.publish(rate(3))
    await eventually(
      async () => (await get(`/api/v1/processes/${id(PRESS)}`)).body,
      (found) => {
        expect(found.status).not.toBe('silent')
        expect(found.intervalSeconds).toBeGreaterThan(300)
        expect(found.logProcesses).toEqual([])
      },
    )
  })

  it('stand in the overview, beside what they are', async () => {
    const { processes } = (await get('/api/v1/overview')).body
    expect(processes.map((each: { kind: string }) => each.kind).sort()).toEqual(['device', 'log'])
    expect((await get(`/api/v1/processes/${id(SHOP)}`)).body.logProcesses).toEqual([SHOP])
  })
})

describe('anomalies about a record', () => {
  it('carry it: an object, a line, or none', async () => {
    const { items } = (await get(`/api/v1/anomalies?process=${SHOP}`)).body
    expect(items.map((each: { record: unknown }) => each.record)).toEqual([null, 'disk is full', { amount: 120500 }])
  })
})
