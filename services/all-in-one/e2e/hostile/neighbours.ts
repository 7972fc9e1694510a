import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { eventually, freePort } from '../child.ts'
import { addSource } from './log-sources.ts'
import { type MqttPeer, openMqtt, openSocket } from './mqtt-peer.ts'
import type { World } from './world.ts'

/** One that sends a steady series through a door, and hears that each of its samples is durable. */
interface Neighbour {
  readonly process: string
  readonly metric: string
  /** Resolves when what was sent is acknowledged. */
  send(value: number, timeMs: number): Promise<void>
}

/** Sources that do nothing wrong, at work for as long as hostile ones are tried. */
export interface Neighbours {
  /** A case begins; what goes wrong from now on is told with its name. */
  enter(name: string): void
  /** Everything that was sent during the case is acknowledged, and the product said all the time that it is ready. */
  wentOn(): Promise<void>
  /** Ends them and compares what they sent with what is stored. */
  finish(): Promise<void>
  stop(): Promise<void>
}

const EVERY_MS = 200
/** What a neighbour may wait for an acknowledgement, on a machine that does much else. */
const ACKNOWLEDGED_WITHIN_MS = 15_000

export async function startNeighbours(world: World): Promise<Neighbours> {
  const mqtt = await openMqtt(world.mqttPort, { clientId: 'steady' })
  const all = [
    await samplesNeighbour(world),
    await otlpNeighbour(world),
    await remoteWriteNeighbour(world),
    mqttNeighbour(mqtt),
  ]
  const tailed = await tailedNeighbours(world)
  const faults: string[] = []
  let current = 'before the first case'
  let sent = 0
  let running = true
  const pending = new Set<Promise<void>>()

  const sendAll = (): void => {
    sent += 1
    const timeMs = Date.now()
    for (const each of tailed) each.say(`steady ${sent}`)
    for (const each of all) {
      const name = current
      const sending: Promise<void> = Promise.race([
        each.send(sent, timeMs),
        delay(ACKNOWLEDGED_WITHIN_MS, undefined, { ref: false }).then(() => {
          throw new Error('was not acknowledged in time')
        }),
      ])
        .catch((error: Error) => void faults.push(`${name}: ${each.process} ${sent}: ${error.message}`))
        .finally(() => pending.delete(sending))
      pending.add(sending)
    }
  }
  const lookWhetherReady = async (): Promise<void> => {
    try {
      const response = await fetch(`http://127.0.0.1:${world.httpPort}/readyz`, { signal: AbortSignal.timeout(10_000) })
      if (!response.ok) faults.push(`${current}: /readyz said ${response.status} ${await response.text()}`)
    } catch (error) {
      faults.push(`${current}: /readyz: ${(error as Error).message}`)
    }
  }
  const loop = (async () => {
    for (let round = 0; running; round++) {
      sendAll()
      if (round % 3 === 0) void lookWhetherReady()
      await delay(EVERY_MS)
    }
  })()
  const stop = async (): Promise<void> => {
    running = false
    await loop
    await Promise.all(pending)
  }
  return {
    enter(name) {
      current = name
    },
    async wentOn() {
      await Promise.all(pending)
      expect(faults.splice(0)).toEqual([])
    },
    async finish() {
      await stop()
      expect(faults).toEqual([])
      for (const each of all) await expectAllOf(world, each, sent)
      for (const each of tailed) await expectLinesOf(world, each, sent)
    },
    async stop() {
      await stop()
      mqtt.destroy()
      for (const each of tailed) each.end()
    },
  }
}

/** All samples once: their number, and the sum of the values 1 to n. */
async function expectAllOf(world: World, { process, metric }: Neighbour, sent: number): Promise<void> {
  const ask = async (agg: 'count' | 'sum'): Promise<number> => {
    const to = Date.now() + 60_000
    const range = `from=${to - 1_800_000}&to=${to}&step=1s`
    const { status, body } = await world.api(
      'GET',
      `/api/v1/query?process=${encodeURIComponent(process)}&metric=${metric}&agg=${agg}&${range}`,
    )
    if (status !== 200) throw new Error(`the query answered ${status} ${JSON.stringify(body)}`)
    const series = body.series as { points: { value: number | null }[] }[]
    return series.flatMap(({ points }) => points).reduce((sum, { value }) => sum + (value ?? 0), 0)
  }
  let last = ''
  await eventually(`all ${sent} samples of ${process}`, 30_000, async () => {
    const [count, sum] = [await ask('count'), await ask('sum')]
    last = `${count} samples, sum ${sum}`
    if (count === sent && sum === (sent * (sent + 1)) / 2) return true
    throw new Error(`there are ${last}`)
  })
}

/** One whose lines are taken in without a word. */
interface TailedNeighbour {
  readonly source: string
  say(line: string): void
  end(): void
}

async function tailedNeighbours(world: World): Promise<TailedNeighbour[]> {
  const reading = { format: 'plain', patterns: false }
  const path = join(world.directory, 'steady.log')
  const file = openSync(path, 'a')
  const port = await freePort()
  const ofFile = await addSource(world, 'file', 'steady file', { paths: [path], from: 'beginning', reading })
  const ofSyslog = await addSource(world, 'syslog', 'steady syslog', { tcpPort: port, reading })
  const socket = await openSocket(port)
  socket.on('error', () => {})
  return [
    { source: ofFile, say: (line) => void writeSync(file, `${line}\n`), end: () => closeSync(file) },
    { source: ofSyslog, say: (line) => void socket.write(`${line}\n`), end: () => void socket.destroy() },
  ]
}

/** All lines once. */
async function expectLinesOf(world: World, { source }: TailedNeighbour, sent: number): Promise<void> {
  await eventually(`all ${sent} lines of ${source}`, 30_000, async () => {
    const lines: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const { status, body } = await world.api('GET', `/api/v1/logs?source=${source}&limit=1000${page}`)
      if (status !== 200) throw new Error(`the search answered ${status} ${JSON.stringify(body)}`)
      lines.push(...(body.items as { body: string }[]).map((line) => line.body))
      cursor = body.nextCursor
    }
    if (lines.length === sent && new Set(lines).size === sent) return true
    throw new Error(`there are ${lines.length}, ${new Set(lines).size} of them different`)
  })
}

async function post(
  world: World,
  path: string,
  key: string,
  type: string,
  body: string | Uint8Array<ArrayBuffer>,
  more: Record<string, string> = {},
): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${world.httpPort}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': type, ...more },
    body,
  })
  const text = await response.text()
  const isWhole = response.ok && !text.includes('rejected') && !text.includes('"errors":[{')
  if (!isWhole) throw new Error(`was answered ${response.status} ${text.slice(0, 300)}`)
}

async function samplesNeighbour(world: World): Promise<Neighbour> {
  const { key } = await world.makeKey('steady samples')
  const process = 'device:steady:samples'
  return {
    process,
    metric: 'level',
    send: (value, time) =>
      post(
        world,
        '/api/v1/ingest/samples',
        key,
        'application/json',
        JSON.stringify([{ process, metric: 'level', value, time }]),
      ),
  }
}

async function otlpNeighbour(world: World): Promise<Neighbour> {
  const { key } = await world.makeKey('steady otlp')
  return {
    process: 'service:steady-otlp',
    metric: 'level',
    send: (value, time) =>
      post(
        world,
        '/v1/metrics',
        key,
        'application/json',
        JSON.stringify({
          resourceMetrics: [
            {
              resource: { attributes: [{ key: 'service.name', value: { stringValue: 'steady-otlp' } }] },
              scopeMetrics: [
                {
                  metrics: [
                    { name: 'level', gauge: { dataPoints: [{ timeUnixNano: `${time}000000`, asDouble: value }] } },
                  ],
                },
              ],
            },
          ],
        }),
      ),
  }
}

async function remoteWriteNeighbour(world: World): Promise<Neighbour> {
  const { writeRequest } = await import('./remote-write-bodies.ts')
  const { key } = await world.makeKey('steady remote write')
  return {
    process: 'service:steady-write',
    metric: 'level',
    send: (value, timeMs) =>
      post(
        world,
        '/api/v1/prometheus/write',
        key,
        'application/x-protobuf',
        writeRequest([
          {
            labels: [
              ['__name__', 'level'],
              ['job', 'steady-write'],
            ],
            samples: [{ value, timeMs }],
          },
        ]),
        { 'content-encoding': 'snappy' },
      ),
  }
}

function mqttNeighbour(peer: MqttPeer): Neighbour {
  return {
    process: 'device:steady:mqtt',
    metric: 'level',
    send: (value, ts) => peer.publish('steady/mqtt', Buffer.from(JSON.stringify({ value, ts })), { qos: 1 }),
  }
}
