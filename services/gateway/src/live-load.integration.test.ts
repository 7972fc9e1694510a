import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { type LiveClient, openLive } from './testing/live-client.ts'
import { snapshotRecord } from './testing/records.ts'

const CHANNEL = 'host:web-1/processes'
const CLIENTS = 100
const SLOW = 20
const PROCESSES = 1000
const FRAMES = 150
const start = Date.now() - 600_000

let kit: GatewayKit
const clients: LiveClient[] = []
const slow: Socket[] = []

beforeAll(async () => {
  kit = await startGatewayKit({ DRIFTLINE_LIVE_MAX_BUFFERED_BYTES: String(512 * 1024) })
  const pids = Array.from({ length: PROCESSES }, (_, index) => index + 1)
  const started = pids.map((pid) => ({ pid, startMs: start, command: `/usr/bin/program --number ${pid}` }))
  const values = pids.map((pid) => ({ pid }))
  await kit.publish(snapshotRecord({ started, values }, { timeMs: start, keyFrame: true, sequence: 1 }))
  const host = () => kit.request('/api/v1/hosts/web-1')
  await eventually(host, ({ body }) => expect(body?.processCount).toBe(PROCESSES))
})
afterAll(async () => {
  for (const client of clients) client.close()
  for (const socket of slow) socket.destroy()
  await kit?.end()
})

/** A client that subscribes and then never reads: its kernel buffer fills, then ours. */
function openSlow(): Promise<Socket> {
  const { hostname, port } = new URL(kit.url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      const key = Buffer.alloc(16).toString('base64')
      socket.write(
        `GET /api/v1/live HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer ${kit.access.viewer}\r\n\r\n`,
      )
      socket.write(maskedText(JSON.stringify({ subscribe: [CHANNEL] })))
      socket.pause()
      resolve(socket)
    })
    socket.once('error', reject)
    socket.on('error', () => {})
  })
}

/** Masked with zeros, which is a mask. */
function maskedText(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])
}

describe('a hundred clients and twenty that never read', () => {
  it('get every frame in time, while the slow ones are dropped and cost little memory', async () => {
    for (let index = 0; index < CLIENTS; index++) clients.push(await openLive(kit.url, { token: kit.access.admin }))
    for (let index = 0; index < SLOW; index++) slow.push(await openSlow())
    for (const client of clients) client.send({ subscribe: [CHANNEL] })
    for (const client of clients) await client.next((message) => message.snapshot)
    const heapBefore = process.memoryUsage()
    const latencies: number[] = []
    for (let index = 1; index <= FRAMES; index++) {
      const pids = Array.from({ length: PROCESSES }, (_, pid) => pid + 1)
      const values = pids.map((pid) => ({ pid, cpu: (((pid + index) % 100) + 1) / 128, rss: 1e6 * pid + index }))
      const publishedAt = performance.now()
      await kit.publish(snapshotRecord({ values }, { timeMs: start + index * 1000, sequence: index + 1 }))
      const got = await Promise.all(clients.map((client) => client.next((message) => message.changes)))
      latencies.push(performance.now() - publishedAt)
      for (const message of got) expect(message.changes.upserts).toHaveLength(PROCESSES)
    }
    latencies.sort((a, b) => a - b)
    const status = await kit.request('/api/v1/status')
    expect(status.body.slowClientsDropped).toBe(SLOW)
    expect(status.body.liveClients).toBe(CLIENTS)
    const grown = process.memoryUsage().rss - heapBefore.rss
    // Twenty slow clients of half a megabyte each, shared frames, and a hundred test clients that parse in this process.
    expect(grown).toBeLessThan(400 * 1024 * 1024)
    expect(latencies[Math.floor(latencies.length / 2)]).toBeLessThan(5000)
  })
})
