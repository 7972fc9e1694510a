/**
 * The push doors under twice what they take: `npx tsx bench/sources/push-memory.bench.ts`. Senders first wait for their
 * answers, which tells what a door takes; then requests come at twice that rate, whether or not the ones before them were
 * answered. What is too much is answered with 429, memory stays, and all that was taken is durable.
 */
import { fork } from 'node:child_process'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { shapes } from '../push/push-load.ts'
import { BENCH_KEY, type PushReport } from './push-child.ts'

const POINTS = 2000
const BODIES = 20
const CALM_SECONDS = 4
const TWICE_SECONDS = 8
const CONNECTIONS_MAX = 600
const TICK_MS = 10

interface Sent {
  accepted: number
  /** By status; 0 for a connection that broke. */
  readonly refused: Map<number, number>
  readonly latencies: number[]
}

const newSent = (): Sent => ({ accepted: 0, refused: new Map(), latencies: [] })

function createSender(port: number, door: string) {
  const shape = shapes[door]!
  const startMs = Date.now() - 60_000
  const bodies = Array.from({ length: BODIES }, (_, round) => shape.body(round, startMs))
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX })
  const headers = { ...shape.headers, authorization: `Bearer ${BENCH_KEY}` }
  let turn = 0
  return {
    send(sent: Sent): Promise<void> {
      const sentAt = performance.now()
      const body = bodies[turn++ % BODIES]!
      const length = { 'content-length': String(body.length) }
      return new Promise((resolve) => {
        const options = { agent, host: '127.0.0.1', port, method: 'POST', path: shape.path }
        const outgoing = request({ ...options, headers: { ...headers, ...length } })
        const end = (status: number): void => {
          if (status >= 200 && status < 300) {
            sent.accepted += 1
            sent.latencies.push(performance.now() - sentAt)
          } else sent.refused.set(status, (sent.refused.get(status) ?? 0) + 1)
          resolve()
        }
        outgoing.once('error', () => end(0))
        outgoing.once('response', (response) => {
          response.resume()
          response.once('close', () => end(response.statusCode ?? 0))
        })
        outgoing.end(body)
      })
    },
    close: () => agent.destroy(),
  }
}

/** Four that wait for their answers. */
async function calm(sender: ReturnType<typeof createSender>, seconds: number): Promise<Sent> {
  const sent = newSent()
  const end = performance.now() + seconds * 1000
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (performance.now() < end) await sender.send(sent)
    }),
  )
  return sent
}

async function steady(sender: ReturnType<typeof createSender>, perSecond: number, seconds: number): Promise<Sent> {
  const sent = newSent()
  const open = new Set<Promise<void>>()
  const startedAt = performance.now()
  for (let count = 0; performance.now() - startedAt < seconds * 1000; await delay(TICK_MS)) {
    const due = ((performance.now() - startedAt) / 1000) * perSecond
    for (; count < due && open.size < CONNECTIONS_MAX; count++) {
      const one: Promise<void> = sender.send(sent).finally(() => open.delete(one))
      open.add(one)
    }
  }
  await Promise.all(open)
  return sent
}

async function measure(door: string): Promise<void> {
  const execArgv = ['--import', 'tsx']
  const child = fork(join(import.meta.dirname, 'push-child.ts'), { execArgv })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const { port } = await new Promise<{ port: number }>((resolve) => child.once('message', resolve as never))
  const reports: PushReport[] = []
  child.on('message', (report) => void reports.push(report as PushReport))
  const sender = createSender(port, door)
  const tell = (what: string, sent: Sent, seconds: number, from: number): void => {
    const seen = reports.slice(from)
    const most = (of: (report: PushReport) => number): number => Math.max(...seen.map(of))
    sent.latencies.sort((a, b) => a - b)
    const refused = [...sent.refused].map(([status, count]) => `${status === 0 ? 'broken' : status}: ${count}`)
    const cores = (seen.at(-1)!.cpuSeconds - seen[0]!.cpuSeconds) / (((seen.length - 1) * 250) / 1000)
    const p99 = sent.latencies[Math.floor(sent.latencies.length * 0.99)] ?? Number.NaN
    process.stdout.write(
      `${door.padEnd(14)} ${what.padEnd(22)} ${String(Math.round((sent.accepted * POINTS) / seconds)).padStart(9)} samples/s, ` +
        `p99 ${p99.toFixed(0).padStart(5)} ms, ${cores.toFixed(2)} cores, ${most(({ rssMiB }) => rssMiB)} MiB resident, ` +
        `${most(({ ownMiB }) => ownMiB)} of its own, refused ${refused.join(', ') || 'none'}\n`,
    )
  }
  await calm(sender, 2)
  let from = reports.length
  const taken = await calm(sender, CALM_SECONDS)
  tell('senders wait', taken, CALM_SECONDS, from)
  const perSecond = (taken.accepted / CALM_SECONDS) * 2
  from = reports.length
  tell(
    `twice, ${Math.round(perSecond)} requests/s`,
    await steady(sender, perSecond, TWICE_SECONDS),
    TWICE_SECONDS,
    from,
  )
  from = reports.length
  tell('senders wait, after it', await calm(sender, 2), 2, from)
  sender.close()
  if (child.exitCode !== null) throw new Error('the intake ended')
  child.disconnect()
  await ended
}

for (const door of Object.keys(shapes)) await measure(door)
