import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { type LiveClient, openLive } from './testing/live-client.ts'

const CLIENTS_MAX = 3
const STRANGERS_MAX = 8

let kit: GatewayKit
const clients: LiveClient[] = []

async function open(options: Parameters<typeof openLive>[1]): Promise<LiveClient> {
  const client = await openLive(kit.url, options)
  clients.push(client)
  return client
}

const refusal = (options: Parameters<typeof openLive>[1]): Promise<string> =>
  open(options).then(
    () => 'opened',
    (error: Error) => error.message,
  )

beforeAll(async () => {
  kit = await startGatewayKit({ DRIFTLINE_LIVE_MAX_CLIENTS: String(CLIENTS_MAX) })
})
afterAll(async () => {
  for (const client of clients) client.close()
  await kit?.end()
})

describe('strangers at the door of the live channel', () => {
  it('are few for an address, take no place of a client, and are ended in time', async () => {
    const openedAt = performance.now()
    const strangers: LiveClient[] = []
    for (let index = 0; index < STRANGERS_MAX; index++) strangers.push(await open({}))
    expect(await refusal({})).toMatch(/429/)
    const member = await open({ token: kit.access.viewer })
    member.send({ subscribe: ['alerts'] })
    await member.next((message) => message.snapshot)
    expect((await kit.request('/api/v1/status')).body.liveClients).toBe(1)
    const ends = await Promise.all(strangers.map(({ closed }) => closed))
    // 1006: without a closing frame, so the other side had no say in it.
    expect(ends.map(({ code }) => code)).toEqual(Array(STRANGERS_MAX).fill(1006))
    expect(performance.now() - openedAt).toBeLessThan(15_000)
    const late = await open({})
    late.send({ token: kit.access.viewer, subscribe: ['alerts'] })
    await late.next((message) => message.snapshot)
    member.close()
    late.close()
  })

  it('become clients only while there is a place for one', async () => {
    const status = () => kit.request('/api/v1/status')
    await eventually(status, ({ body }) => expect(body.liveClients).toBe(0))
    for (let index = 0; index < CLIENTS_MAX; index++) await open({ token: kit.access.viewer })
    expect(await refusal({ token: kit.access.viewer })).toMatch(/503/)
    const oneMore = await open({})
    oneMore.send({ token: kit.access.viewer, subscribe: ['alerts'] })
    expect(await oneMore.closed).toMatchObject({ code: 1013 })
  })

  it('use up what their address may ask, and keep out nobody who is signed in', async () => {
    const knock = async (): Promise<string> => refusal({ token: `dls_${'x'.repeat(43)}` })
    const answers = new Set<string>()
    for (let index = 0; index < 250; index++) answers.add(await knock())
    expect([...answers].join()).toMatch(/401[\s\S]*429/)
    expect((await kit.request('/api/v1/overview')).status).toBe(200)
  })
})

describe('metrics without a key', () => {
  const statusFor = (host: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      request(`${kit.url}/metrics`, { headers: { host } }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end()
    })

  it('are for who asks this machine by its own name only', async () => {
    expect(await statusFor(new URL(kit.url).host)).toBe(200)
    expect(await statusFor('localhost:8080')).toBe(200)
    expect([401, 429]).toContain(await statusFor('rebound.example'))
    expect([401, 429]).toContain(await statusFor('127.rebound.example'))
  })
})
