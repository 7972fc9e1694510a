// The whole product on one machine: how soon it is ready, what it costs when nothing happens, and how long a reading
// takes from the agent to a WebSocket client with a thousand processes on the host.
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'
import { type RunningProduct, startProduct, temporaryDataDir, usageOf } from './all-in-one.ts'

const STARTS = 5
const SETTLE_MS = 20_000
const IDLE_MS = 60_000
const PROCESSES = 1000
const FRAMES = 60
const MIB = 1024 * 1024

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const sorted = (values: number[]): number[] => values.toSorted((a, b) => a - b)
const quantile = (values: number[], q: number): number =>
  sorted(values)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN

async function measureReady(): Promise<void> {
  const dir = temporaryDataDir()
  const times: number[] = []
  for (let i = 0; i <= STARTS; i++) {
    const product = await startProduct(dir.path)
    if (i > 0) times.push(product.readyMs)
    else print(`ready, first start      ${product.readyMs.toFixed(0)} ms`)
    await product.stop()
  }
  dir.remove()
  const [min, max] = [Math.min(...times), Math.max(...times)]
  print(
    `ready, later starts     median ${quantile(times, 0.5).toFixed(0)} ms (${min.toFixed(0)} to ${max.toFixed(0)}, ${STARTS} starts)`,
  )
}

async function measureIdle(product: RunningProduct): Promise<void> {
  await sleep(SETTLE_MS)
  const pids = product.pids()
  const before = pids.map(usageOf)
  await sleep(IDLE_MS)
  const after = pids.map(usageOf)
  const share = (i: number): number => (((after[i]?.cpuMs ?? 0) - (before[i]?.cpuMs ?? 0)) / IDLE_MS) * 100
  for (const [i, pid] of pids.entries()) {
    const what = i === 0 ? 'server' : 'store '
    print(
      `idle, ${what} (pid ${pid})  ${((after[i]?.residentBytes ?? 0) / MIB).toFixed(0)} MiB, ${share(i).toFixed(1)} % of a core`,
    )
  }
  const total = after.reduce((sum, usage) => sum + usage.residentBytes, 0) / MIB
  const cpu = pids.reduce((sum, _, i) => sum + share(i), 0)
  print(`idle, together          ${total.toFixed(0)} MiB, ${cpu.toFixed(1)} % of a core`)
}

async function measureLatency(product: RunningProduct): Promise<void> {
  const sleepers = Array.from({ length: PROCESSES }, () => spawn('sleep', ['600'], { stdio: 'ignore' }))
  try {
    await sleep(5000)
    const token = await product.signIn()
    const hosts = await fetch(`${product.address}/api/v1/hosts`, { headers: { authorization: `Bearer ${token}` } })
    const host = ((await hosts.json()) as { items: { host: string }[] }).items[0]?.host ?? ''
    const delays = await watchHost(product.address, token, host)
    print(
      `agent to browser        p50 ${quantile(delays, 0.5).toFixed(0)} ms, p99 ${quantile(delays, 0.99).toFixed(0)} ms (${delays.length} frames, ${PROCESSES} more processes)`,
    )
  } finally {
    for (const sleeper of sleepers) sleeper.kill('SIGKILL')
  }
}

function watchHost(address: string, token: string, host: string): Promise<number[]> {
  const socket = new WebSocket(`${address.replace('http', 'ws')}/api/v1/live`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const delays: number[] = []
  return new Promise((resolve, reject) => {
    socket.on('open', () => socket.send(JSON.stringify({ subscribe: [`host:${host}/processes`] })))
    socket.on('error', reject)
    socket.on('message', (data) => {
      const { changes } = JSON.parse(data.toString()) as { changes?: { time: string } }
      if (changes === undefined) return
      delays.push(Date.now() - new Date(changes.time).getTime())
      if (delays.length < FRAMES) return
      socket.close()
      resolve(delays)
    })
  })
}

await measureReady()
const dir = temporaryDataDir()
const product = await startProduct(dir.path)
try {
  await measureIdle(product)
  await measureLatency(product)
} finally {
  await product.stop()
  dir.remove()
}
