import { connect, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { type LiveClient, openLive } from './testing/live-client.ts'
import { snapshotRecord } from './testing/records.ts'

const CHANNEL = 'host:web-1/processes'
const CLIENTS = 100
const SLOW = 20
const PROCESSES = 1000
const BUFFERED_BYTES_MAX = 512 * 1024
/** Without slow clients, to compare with; the first of them warm up. */
const FRAMES_ALONE = 60
const FRAMES_WARMING = 10
/** With them: enough to fill the kernel's buffers and then ours. */
const FRAMES_BESIDE = 150
const MIB = 1024 * 1024
/** As in the gateway's configuration. */
const PING_MS = 15_000
const start = Date.now() - 600_000

let kit: GatewayKit
const clients: LiveClient[] = []
const slow: Socket[] = []

beforeAll(async () => {
  kit = await startGatewayKit({ DRIFTLINE_LIVE_MAX_BUFFERED_BYTES: String(BUFFERED_BYTES_MAX) })
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

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes that are held, in the heap and beside it, without what is only not collected yet. */
function heldBytes(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

let frame = 0
/** Publishes a frame in which every process changed, and answers how long the last of the hundred waited for it, ms. */
async function deliver(): Promise<number> {
  frame++
  const pids = Array.from({ length: PROCESSES }, (_, pid) => pid + 1)
  const values = pids.map((pid) => ({ pid, cpu: (((pid + frame) % 100) + 1) / 128, rss: 1e6 * pid + frame }))
  const publishedAt = performance.now()
  await kit.publish(snapshotRecord({ values }, { timeMs: start + frame * 1000, sequence: frame + 1 }))
  const got = await Promise.all(clients.map((client) => client.next((message) => message.changes)))
  const waitedMs = performance.now() - publishedAt
  for (const message of got) expect(message.changes.upserts).toHaveLength(PROCESSES)
  return waitedMs
}

function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] ?? Number.NaN
}

describe('a hundred clients and twenty that never read', () => {
  it('get every frame nearly as soon as without the slow ones, which are dropped and cost little memory', async () => {
    for (let index = 0; index < CLIENTS; index++) clients.push(await openLive(kit.url, { token: kit.access.admin }))
    for (const client of clients) client.send({ subscribe: [CHANNEL] })
    for (const client of clients) await client.next((message) => message.snapshot)
    const alone: number[] = []
    for (let index = 0; index < FRAMES_ALONE; index++) alone.push(await deliver())
    const before = heldBytes()
    const openedAt = performance.now()
    for (let index = 0; index < SLOW; index++) slow.push(await openSlow())
    const beside: number[] = []
    let grown = 0
    for (let index = 1; index <= FRAMES_BESIDE; index++) {
      beside.push(await deliver())
      if (index % 10 === 0) grown = Math.max(grown, heldBytes() - before)
    }
    const status = await kit.request('/api/v1/status')
    // All of them are gone. Where the machine is so slow that they miss a ping first, they are not counted as slow.
    expect(status.body.liveClients).toBe(CLIENTS)
    if (performance.now() - openedAt < PING_MS) expect(status.body.slowClientsDropped).toBe(SLOW)
    expect(p99(beside)).toBeLessThan(5 * p99(alone.slice(FRAMES_WARMING)) + 250)
    // What may wait for the slow ones, and the frames of 150 s that the gateway keeps of a host.
    expect(grown).toBeLessThan(SLOW * BUFFERED_BYTES_MAX + 32 * MIB)
  })
})
