import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hostFrame, overviewFrame, processFrame } from './schemas/live.ts'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { type LiveClient, openLive } from './testing/live-client.ts'
import { kpiRecord, snapshotRecord } from './testing/records.ts'

const HOST_CHANNEL = 'host:web-1/processes'
const NGINX = 'os:web-1:nginx'
const start = Date.now() - 60_000

let kit: GatewayKit
const clients: LiveClient[] = []

async function open(options: Parameters<typeof openLive>[1] = { token: kit.access.admin }): Promise<LiveClient> {
  const client = await openLive(kit.url, options)
  clients.push(client)
  return client
}

/** Publishes the next frame of the host with a new CPU of nginx. */
let second = 0
async function frame(cpu: number): Promise<void> {
  second++
  const parts = { values: [{ pid: 10, cpu }] }
  await kit.publish(snapshotRecord(parts, { timeMs: start + second * 1000, sequence: second + 1 }))
}

beforeAll(async () => {
  kit = await startGatewayKit()
  const started = [
    { pid: 1, startMs: start, ppid: 0, group: 'os:web-1:init' },
    { pid: 10, startMs: start, group: NGINX },
  ]
  await kit.publish(
    snapshotRecord({ started, values: [{ pid: 1 }, { pid: 10 }] }, { timeMs: start, keyFrame: true, sequence: 1 }),
    kpiRecord(start, { [NGINX]: { cpuCores: 0.5 } }),
  )
  const metrics = () => kit.request(`/api/v1/processes/${NGINX}`)
  await eventually(metrics, ({ body }) => expect(body?.metrics).toBeTruthy())
})
afterAll(async () => {
  for (const client of clients) client.close()
  await kit?.end()
})

describe('the grammar of the live channel', () => {
  it('answers a subscription with a snapshot, then changes in order', async () => {
    const client = await open()
    client.send({ subscribe: [HOST_CHANNEL] })
    const first = await client.next((message) => message.snapshot !== undefined)
    expect(hostFrame.safeParse(first).error).toBeUndefined()
    expect(first).toMatchObject({ channel: HOST_CHANNEL, snapshot: { host: 'web-1' } })
    expect(first.snapshot.rows).toHaveLength(2)
    await frame(1.25)
    await frame(1.5)
    const changes = [await client.next((m) => m.changes), await client.next((m) => m.changes)]
    for (const each of changes) expect(hostFrame.safeParse(each).error).toBeUndefined()
    expect(changes.map((each) => each.changes.upserts)).toEqual([[{ pid: 10, cpu: 1.25 }], [{ pid: 10, cpu: 1.5 }]])
    expect(changes.map((each) => each.seq)).toEqual([first.seq + 1, first.seq + 2])
  })

  it('gives a new snapshot to who asks again, and nothing to who unsubscribed', async () => {
    const client = await open()
    client.send({ subscribe: [HOST_CHANNEL] })
    await client.next((message) => message.snapshot)
    client.send({ subscribe: [HOST_CHANNEL] })
    await client.next((message) => message.snapshot)
    client.send({ unsubscribe: [HOST_CHANNEL], subscribe: ['alerts'] })
    await client.next((message) => message.channel === 'alerts')
    await frame(2)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(client.messages).toEqual([])
  })

  it('sends changes of a process with every bucket', async () => {
    const client = await open()
    client.send({ subscribe: [`process:${NGINX}`] })
    const first = await client.next((message) => message.snapshot)
    expect(processFrame.safeParse(first).error).toBeUndefined()
    await kit.publish(kpiRecord(start + 5000, { [NGINX]: { cpuCores: 0.75 } }))
    const next = await client.next((message) => message.changes)
    expect(processFrame.safeParse(next).error).toBeUndefined()
    expect(next.changes.metrics.values.cpuCores).toBe(0.75)
  })

  it('sends the overview, and only what changed of it', async () => {
    const client = await open()
    client.send({ subscribe: ['overview'] })
    const first = await client.next((message) => message.snapshot)
    expect(overviewFrame.safeParse(first).error).toBeUndefined()
    await kit.publish(kpiRecord(start + 6000, { [NGINX]: { cpuCores: 0.875 } }))
    const next = await client.next((message) => message.changes)
    expect(overviewFrame.safeParse(next).error).toBeUndefined()
    expect(next.changes.processes.map((each: { processId: string }) => each.processId)).toEqual([NGINX])
    const patched = await kit.request(`/api/v1/processes/${NGINX}`, { method: 'PATCH', body: { active: false } })
    expect(patched.body.active).toBe(false)
    const gone = await client.next((message) => message.changes?.removed.length > 0)
    expect(gone.changes.removed).toEqual([NGINX])
    await kit.request(`/api/v1/processes/${NGINX}`, { method: 'PATCH', body: { active: true } })
    await client.next((message) => message.changes?.processes.length > 0)
  })

  it.each([
    ['nonsense', 'unknown_channel'],
    ['host:nowhere/processes', 'not_found'],
    ['process:os:web-1:nobody', 'not_found'],
    ['check:17', 'not_found'],
  ])('answers %s with an error, and stays open', async (channel, code) => {
    const client = await open()
    client.send({ subscribe: [channel] })
    const answer = await client.next((message) => message.channel === channel)
    expect(answer.error).toMatchObject({ status: 404, code })
    client.send({ subscribe: ['alerts'] })
    await client.next((message) => message.snapshot)
  })

  it('refuses more channels than allowed, one by one', async () => {
    const client = await open()
    const many = Array.from({ length: 150 }, (_, index) => `process:${index}`)
    client.send({ subscribe: many })
    client.send({ subscribe: ['overview', 'alerts', HOST_CHANNEL] })
    const last = await client.next((message) => message.channel === HOST_CHANNEL)
    expect(last.snapshot).toBeDefined()
  })

  it.each([
    ['not JSON', '{'],
    ['another message', { subscribe: 'overview' }],
    ['a foreign field', { publish: ['x'] }],
    ['too long a message', { subscribe: ['x'.repeat(70_000)] }],
  ])('closes on %s', async (_, message) => {
    const client = await open()
    client.send(message)
    expect([1008, 1009]).toContain((await client.closed).code)
  })
})

describe('the door of the live channel', () => {
  const refusal = (options: Parameters<typeof openLive>[1]): Promise<string> =>
    open(options).then(
      () => 'opened',
      (error: Error) => error.message,
    )

  it('takes a cookie, a header, or a token in the first message', async () => {
    const origin = kit.url
    const byCookie = await open({ cookie: kit.access.admin, origin })
    byCookie.send({ subscribe: ['alerts'] })
    await byCookie.next((message) => message.snapshot)
    const byMessage = await open({})
    byMessage.send({ token: kit.access.viewer, subscribe: ['alerts'] })
    await byMessage.next((message) => message.snapshot)
  })

  it('refuses foreign pages, wrong tokens and keys that only send', async () => {
    expect(await refusal({ cookie: kit.access.admin, origin: 'https://evil.example' })).toMatch(/403/)
    expect(await refusal({ token: 'dl_wrong' })).toMatch(/401/)
    expect(await refusal({ token: kit.access.ingest })).toMatch(/403/)
    const silent = await open({})
    silent.send({ subscribe: ['alerts'] })
    expect(await silent.closed).toEqual({ code: 1008, reason: 'not signed in' })
  })

  it('keeps tenants apart', async () => {
    const stranger = await open({ token: kit.access.stranger })
    stranger.send({ subscribe: [HOST_CHANNEL, `process:${NGINX}`, 'overview'] })
    const overview = await stranger.next((message) => message.channel === 'overview')
    expect(overview.snapshot.processes).toEqual([])
    expect((await open({ token: kit.access.stranger })).messages).toEqual([])
    await frame(3)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(stranger.messages).toEqual([])
  })
})
