import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Metafile } from 'esbuild'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { buildAgent } from '../build.mjs'
import { createSpool } from './spool.ts'
import { type Collector, startCollector } from './testing/collector.ts'

const run = promisify(execFile)
/** `systeminformation` tries these on macOS and does without them. */
const OPTIONAL = ['osx-temperature-sensor', 'macos-temperature-sensor']
/** What belongs to the server only. */
const FOREIGN = 'lmdb kafkajs chdb ffi-rs libsql pg ioredis kysely @clickhouse express'.split(' ')

let root: string
let file: string
let metafile: Metafile
let directory: string
let serial = 0

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'agent-bundle-'))
  file = join(root, 'alone', 'driftline-agent.mjs')
  mkdirSync(join(root, 'alone'))
  metafile = await buildAgent({ outfile: file })
})
afterAll(() => rmSync(root, { recursive: true }))
beforeEach(() => {
  directory = join(root, `run-${serial++}`)
  mkdirSync(directory)
})

const environment = (collector: Collector | null, more: Record<string, string> = {}) => ({
  PATH: process.env['PATH'],
  DRIFTLINE_AGENT_SERVER: collector?.address ?? 'http://127.0.0.1:1',
  DRIFTLINE_AGENT_API_KEY: 'key-of-test',
  DRIFTLINE_AGENT_HOST_NAME: 'test-host',
  ...more,
})

describe('bundle', () => {
  it('holds nothing of the server', () => {
    const inputs = Object.keys(metafile.inputs)
    const packages = new Set(inputs.flatMap((path) => /.*node_modules\/(@[^/]+|[^/]+)/.exec(path)?.[1] ?? []))
    expect(FOREIGN.filter((name) => packages.has(name))).toEqual([])
    const outside = Object.values(metafile.outputs).flatMap(({ imports }) => imports.filter((each) => each.external))
    expect(outside.map((each) => each.path).filter((path) => !isBuiltin(path) && !OPTIONAL.includes(path))).toEqual([])
  })

  it('runs alone in an empty directory', async () => {
    const options = { cwd: directory, env: environment(null) }
    const help = (await run(process.execPath, [file, '--help'], options)).stdout
    for (const word of ['--check-config', 'DRIFTLINE_AGENT_HOST_NAME', 'docs/SETTINGS.md']) expect(help).toContain(word)
    expect((await run(process.execPath, [file, '--check-config'], options)).stdout).toContain('test-host')
    const once = JSON.parse((await run(process.execPath, [file, '--once'], options)).stdout)
    expect(once.host).toBe('test-host')
    expect(once.processes.some((each: { pid: number }) => each.pid === process.pid)).toBe(true)
    expect(readdirSync(directory)).toEqual([])
  })

  it('tells its settings, and the key in them, to nobody but itself', async () => {
    const options = { cwd: directory, env: environment(null) }
    for (const args of [[], ['a-word']]) {
      const asking = run(process.execPath, [file, '--print-config', ...args], options)
      asking.child.stdin?.end('another word')
      const refusal = await asking.catch((error) => error)
      expect(refusal.code).toBe(2)
      expect(refusal.stdout + refusal.stderr).not.toContain('key-of-test')
    }
  })

  it('says all that is wrong with its settings, with the keys, and exits', async () => {
    writeFileSync(join(directory, 'driftline.yaml'), 'agent:\n  server: nowhere\n  spool_max_bytes: -1\n')
    const env = environment(null, {
      DRIFTLINE_AGENT_SERVER: '',
      DRIFTLINE_REAL_TIME_MONITORING_MONITORING_INTERVAL: '1',
    })
    const failure = await run(process.execPath, [file], { cwd: directory, env }).catch((error) => error)
    expect(failure.code).toBe(1)
    for (const part of ['agent.server', 'agent.spool_max_bytes', 'MONITORING_INTERVAL']) {
      expect(failure.stderr).toContain(part)
    }
  })
})

describe('kill -9', () => {
  it('twenty times: every batch is received or in the spool, and repeats are the same bytes', async () => {
    const collector = await startCollector({ window: 4 })
    let received = 0
    // The server is slow to acknowledge, forgets to now and then, and breaks off: repeats must be many.
    collector.react = () => (++received % 7 === 0 ? 'break' : received % 3 === 0 ? 'acknowledge' : 'ignore')
    const env = environment(collector, { DRIFTLINE_REAL_TIME_MONITORING_MONITORING_INTERVAL: '100ms' })
    for (let round = 0; round < 20; round++) {
      const before = collector.batches.length
      const agent = spawn(process.execPath, [file], { cwd: directory, env, stdio: 'ignore' })
      const exited = new Promise((resolve) => agent.once('exit', resolve))
      await collector.until('some batches', () => collector.batches.length >= before + 4, 60_000)
      await new Promise((resolve) => setTimeout(resolve, (round * 37) % 150))
      agent.kill('SIGKILL')
      await exited
    }
    await collector.stop()
    expectNothingLost(collector, spooled(join(directory, 'data/agent')))
  })
})

interface Batch {
  readonly epoch: number
  readonly sequence: number
  readonly digest: string
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Batches that are in a spool that its agent left behind. */
function spooled(spoolDirectory: string): Batch[] {
  const spool = createSpool({ directory: spoolDirectory, bytesMax: 1e9, segmentBytes: 1e8 }, Date.now() * 2)
  const batches: Batch[] = []
  for (let entry = spool.next(); entry !== null; entry = spool.next()) {
    if (entry.kind === 'batch') batches.push({ ...entry, digest: digestOf(entry.bytes) })
  }
  expect(spool.dropped()).toBe(0)
  return batches
}

function expectNothingLost(collector: Collector, waiting: readonly Batch[]): void {
  const received = collector.batches.map(({ batch, bytes }) => ({
    epoch: Number(batch.epoch),
    sequence: Number(batch.sequence),
    // The batch is what follows the tag and the length of the request's only field.
    digest: digestOf(bytes.subarray(headOf(bytes))),
  }))
  const digests = new Map<string, Set<string>>()
  const lastOf = new Map<number, number>()
  for (const { epoch, sequence, digest } of [...received, ...waiting]) {
    const key = `${epoch}/${sequence}`
    digests.set(key, (digests.get(key) ?? new Set()).add(digest))
    lastOf.set(epoch, Math.max(lastOf.get(epoch) ?? 0, sequence))
  }
  expect([...digests].filter(([, each]) => each.size !== 1)).toEqual([])
  // An agent may be killed while it still sends what others left, before a batch of its own.
  expect(lastOf.size).toBeGreaterThan(10)
  const missing: string[] = []
  for (const [epoch, last] of lastOf) {
    for (let sequence = 1; sequence <= last; sequence++) {
      if (!digests.has(`${epoch}/${sequence}`)) missing.push(`${epoch}/${sequence}`)
    }
  }
  expect(missing).toEqual([])
  expect(received.length).toBeGreaterThan(new Set(received.map((each) => each.digest)).size)
  expect(collector.undefinedSeries).toBe(0)
}

function headOf(bytes: Buffer): number {
  let at = 1
  while (bytes[at]! >= 0x80) at++
  return at + 1
}

function isBuiltin(path: string): boolean {
  return path.startsWith('node:') || process.getBuiltinModule(path) !== undefined
}
