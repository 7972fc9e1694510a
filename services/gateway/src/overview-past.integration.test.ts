import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { idOf, kpiRecord, sampleRecord, seriesRecord, snapshotRecord } from './testing/records.ts'

const now = Math.floor(Date.now() / 60_000) * 60_000
const ago = (seconds: number): number => now - seconds * 1000
const iso = (seconds: number): string => new Date(ago(seconds)).toISOString()
const [HOST, QUIET, NGINX, JOB] = ['host:web-1', 'host:db-1', 'os:web-1:nginx', 'os:web-1:job']

let kit: GatewayKit
/** `web-1` speaks from 600 s to 20 s ago, its job until 300 s ago; `db-1` falls silent 400 s ago. */
beforeAll(async () => {
  kit = await startGatewayKit()
  const records = []
  for (let second = 600; second >= 20; second -= 5) {
    records.push(
      kpiRecord(ago(second), {
        [HOST]: { cpuCores: 0.5, cpuShare: 0.25 },
        [NGINX]: { cpuCores: second / 1000, instances: 2 },
        ...(second >= 300 ? { [JOB]: { cpuCores: 1, instances: second === 300 ? 0 : 1 } } : {}),
        ...(second >= 400 ? { [QUIET]: { cpuCores: 0.1 } } : {}),
      }),
    )
  }
  await kit.keep(...records)
  await kit.restart()
})
afterAll(() => kit?.end())

interface Item {
  readonly processId: string
  readonly status: string
  readonly endedAt: string | null
  readonly trail?: readonly (number | null)[]
  readonly metrics: { readonly timestamp: string; readonly values: Record<string, number | null> } | null
}
const overviewAt = async (seconds: number) => {
  const { body } = await kit.request(`/api/v1/overview?at=${ago(seconds)}`)
  return { ...body, by: new Map<string, Item>(body.processes.map((item: Item) => [item.processId, item])) }
}

it('shows values of then, not of now', async () => {
  const { by, generatedAt, counts } = await overviewAt(450)
  expect(generatedAt).toBe(iso(450))
  expect([...by.keys()]).toEqual([QUIET, HOST, JOB, NGINX])
  expect(by.get(NGINX)?.metrics).toMatchObject({ timestamp: iso(450), values: { cpuCores: 0.45, instances: 2 } })
  expect(by.get(JOB)).toMatchObject({ status: 'learning', endedAt: null })
  expect(counts).toMatchObject({ total: 4, learning: 4 })
})

it('has a trail up to that moment', async () => {
  const trail = (await overviewAt(450)).by.get(NGINX)?.trail
  expect(trail).toHaveLength(31)
  expect([trail?.[0], trail?.at(-1)]).toEqual([0.6, 0.45])
})

it('tells what was silent and what had ended', async () => {
  const { by, counts } = await overviewAt(250)
  expect(by.get(QUIET)).toMatchObject({ status: 'silent', metrics: null, endedAt: null })
  expect(by.get(JOB)).toMatchObject({ status: 'learning', endedAt: iso(305) })
  expect(counts).toMatchObject({ total: 4, silent: 1 })
})

it('is empty where nothing was heard, and live from now on', async () => {
  expect((await overviewAt(5000)).processes).toEqual([])
  const { by } = await overviewAt(-3600)
  expect(by.get(NGINX)?.metrics?.values['cpuCores']).toBe(0.02)
})

it('filters processes by what they were', async () => {
  const get = async (query: string) =>
    (await kit.request(`/api/v1/processes?at=${ago(250)}&${query}`)).body.items.map((item: Item) => item.processId)
  expect(await get('status=silent')).toEqual([QUIET])
  expect(await get('kind=os')).toEqual([JOB, NGINX])
  expect(await get('q=web nginx')).toEqual([NGINX])
  expect(await get('limit=2')).toEqual([QUIET, HOST])
})

it('keeps the trail over a restart, but only in the overview as a whole', async () => {
  const { body } = await kit.request('/api/v1/overview')
  const trail = body.processes.find((item: Item) => item.processId === NGINX).trail
  expect(trail.filter((point: number | null) => point !== null).length).toBeGreaterThan(30)
  const { items } = (await kit.request('/api/v1/processes')).body
  expect(items[0]).not.toHaveProperty('trail')
})

it('tells a host’s load among its values, while it comes', async () => {
  const load = { process: HOST, metric: 'system.linux.cpu.load_1m' }
  await kit.publish(
    seriesRecord([load]),
    snapshotRecord({ started: [], values: [] }, { timeMs: Date.now(), keyFrame: true }),
    kpiRecord(Date.now(), { [HOST]: { cpuCores: 1 } }),
  )
  // Topics overtake each other: a sample before the definition of its series says nothing, the next one does.
  await eventually(
    async () => {
      await kit.publish(sampleRecord([[idOf(load), Date.now(), 1.25]]))
      return kit.request(`/api/v1/processes/${HOST}/metrics`)
    },
    ({ body }) => expect(body.values).toMatchObject({ cpuCores: 1, load1: 1.25 }),
  )
  const nginx = await kit.request(`/api/v1/processes/${NGINX}/metrics`)
  expect(nginx.body.values.load1).toBeNull()
})

it('says where the data begins', async () => {
  const { body } = await kit.request('/api/v1/status')
  expect(Date.parse(body.dataSince)).toBe(ago(600))
  expect(Date.parse(body.learningUntil)).toBe(ago(600) + 30 * 60_000)
})
