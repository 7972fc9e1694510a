import { Worker } from 'node:worker_threads'
import { startGatewayKit } from '@driftline/gateway/testing/gateway-kit'
import { encodeTable } from '@driftline/gateway/testing/tables'
import { createRandom } from '../store/scans.ts'
import { line, machine } from './figures.ts'
import { frameOf, HOST, instances, PROCESSES, scanValues } from './made-up-day.ts'

/** From handing a frame to the bus to its arrival at the last of the WebSocket clients, which live in another thread. */
const FRAMES = 120
const PERIOD_MS = 250

/** Opens clients, and says for each frame when the last of them has it. Plain JavaScript: a worker has no loader. */
const CLIENTS = `
const { WebSocket } = require('ws')
const { parentPort, workerData } = require('node:worker_threads')
const { url, token, clients, channel } = workerData
const seen = new Map()
let ready = 0
for (let index = 0; index < clients; index++) {
  const ws = new WebSocket(url, { headers: { authorization: 'Bearer ' + token } })
  ws.on('open', () => ws.send(JSON.stringify({ subscribe: [channel] })))
  ws.on('message', (data) => {
    const head = data.subarray(0, 200).toString('latin1')
    if (head.includes('"snapshot"')) { if (++ready === clients) parentPort.postMessage({ ready: true }); return }
    const time = /"time":"([^"]+)"/.exec(head)[1]
    const count = (seen.get(time) ?? 0) + 1
    seen.set(time, count)
    if (count === clients) parentPort.postMessage({ time, atMs: performance.timeOrigin + performance.now(), bytes: data.length })
  })
}
`

async function measure(clients: number, all: boolean): Promise<void> {
  const kit = await startGatewayKit()
  const random = createRandom(3)
  const nowMs = (): number => performance.timeOrigin + performance.now()
  let worker: Worker | undefined
  try {
    const started = instances(Date.now())
    const key = encodeTable({ started, values: scanValues(random, true) })
    await kit.publish(frameOf(key, Date.now(), true, 1))
    while ((await kit.request(`/api/v1/hosts/${HOST}`)).status !== 200)
      await new Promise((wake) => setTimeout(wake, 20))
    const workerData = {
      url: `${kit.url.replace('http', 'ws')}/api/v1/live`,
      token: kit.access.viewer,
      clients,
      channel: `host:${HOST}/processes`,
    }
    worker = new Worker(CLIENTS, { eval: true, workerData })
    const arrived = new Map<string, number>()
    let bytes = 0
    await new Promise<void>((ready) => {
      worker?.on('message', (message: { ready?: true; time: string; atMs: number; bytes: number }) => {
        if (message.ready) ready()
        else {
          arrived.set(message.time, message.atMs)
          bytes = message.bytes
        }
      })
    })
    const sent = new Map<string, number>()
    for (let sequence = 2; sequence < FRAMES + 2; sequence++) {
      const table = encodeTable({ values: scanValues(random, all) })
      const timeMs = Date.now()
      const record = frameOf(table, timeMs, false, sequence)
      sent.set(new Date(timeMs).toISOString(), nowMs())
      await kit.publish(record)
      await new Promise((wake) => setTimeout(wake, PERIOD_MS))
    }
    const times = [...sent].flatMap(([time, atMs]) => (arrived.has(time) ? [arrived.get(time)! - atMs] : []))
    const what = `${clients} clients, ${all ? 'all' : 'a tenth'} of ${PROCESSES} changed, ${Math.round(bytes / 1024)} KiB`
    process.stdout.write(line(what, times))
  } finally {
    await worker?.terminate()
    await kit.end()
  }
}

process.stdout.write(`${machine()}\nfrom publish on the embedded bus to the last client\n`)
for (const all of [false, true]) for (const clients of [1, 100]) await measure(clients, all)
