import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { createAnalyticsStore } from '@driftline/platform/analytics/create-analytics-store'
import { quietLogger, testConfig } from '@driftline/platform/analytics/testing/store-test-kit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CrashRigArguments, type CrashRigReport, samplesPerBatch } from './testing/crash-rig.ts'

const KILLS = 20
const DEADLINE_MS = 60_000

let dir: string
let rig: Rig | null = null

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'driftline-crash-'))
})
afterEach(async () => {
  await rig?.kill()
  rmSync(dir, { recursive: true, force: true })
})

interface Rig {
  readonly storePid: number
  /** The last batch that the bus acknowledged; -1 for none. */
  acknowledged(): number
  /** Resolves when all that it publishes, and all that was published before, has been written and committed. */
  drained(): Promise<void>
  kill(): Promise<void>
}

async function startRig(args: CrashRigArguments): Promise<Rig> {
  const child: ChildProcess = fork(
    fileURLToPath(new URL('./testing/crash-rig.ts', import.meta.url)),
    [JSON.stringify(args)],
    {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
  )
  const gone = once(child, 'exit')
  const drained = promiseInHand()
  let acknowledged = args.from - 1
  const storePid = await new Promise<number>((resolve, reject) => {
    child.on('message', (message: CrashRigReport) => {
      if (message.kind === 'ready') resolve(message.storePid)
      else if (message.kind === 'drained') drained.resolve()
      else acknowledged = message.batch
    })
    void gone.then(([status, signal]) => reject(new Error(`the rig ended before it was ready: ${status ?? signal}`)))
  })
  return {
    storePid,
    acknowledged: () => acknowledged,
    drained: () =>
      Promise.race([drained.promise, gone.then(() => Promise.reject(new Error('the rig ended too soon')))]),
    async kill() {
      child.kill('SIGKILL')
      await gone
    },
  }
}

function promiseInHand(): { promise: Promise<void>; resolve(): void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** The store's process once it has been started again, as its record says. */
async function storePidAfter(killed: number): Promise<number> {
  const deadlineMs = Date.now() + DEADLINE_MS
  while (Date.now() < deadlineMs) {
    const { child } = JSON.parse(readFileSync(join(dir, 'clickhouse', 'child.json'), 'utf8')) as {
      child: { pid: number }
    }
    if (child.pid !== killed) return child.pid
    await sleep(20)
  }
  throw new Error('the store did not come back')
}

/** Says which batches are missing or there more than once. */
async function verdict(store: AnalyticsStore, batches: number): Promise<unknown> {
  const counts = `SELECT series, count() AS n FROM samples GROUP BY series`
  const rollUps = `SELECT series, sum(count) AS n FROM samples_1m GROUP BY series`
  const wrong = (from: string) =>
    store.query(`SELECT series, n FROM (${from}) WHERE n != {n: UInt64} LIMIT 20`, { n: samplesPerBatch })
  const missing = await store.query(
    'SELECT number FROM numbers({batches: UInt64}) WHERE number NOT IN (SELECT series FROM samples) LIMIT 20',
    { batches },
  )
  return { missing, notOnce: await wrong(counts), notOnceInMinutes: await wrong(rollUps) }
}

const whole = { missing: [], notOnce: [], notOnceInMinutes: [] }

/** Lets a last rig drain the bus, stops it, and looks at what is in the store. */
async function drainAndJudge(from: number): Promise<unknown> {
  rig = await startRig({ dir, from, count: 1 })
  await rig.drained()
  await rig.kill()
  const store = createAnalyticsStore(testConfig({ dir: join(dir, 'clickhouse') }), { logger: quietLogger })
  await store.start()
  try {
    return await verdict(store, from)
  } finally {
    await store.stop()
  }
}

describe('no acknowledged batch is missing and none is there twice', () => {
  it(`when the whole process is killed ${KILLS} times at random moments`, { timeout: 300_000 }, async () => {
    let next = 0
    for (let kill = 0; kill < KILLS; kill++) {
      rig = await startRig({ dir, from: next, count: 100_000 })
      await sleep(50 + Math.random() * 900)
      await rig.kill()
      next = rig.acknowledged() + 1
    }
    expect(next).toBeGreaterThan(KILLS * 10)
    expect(await drainAndJudge(next)).toEqual(whole)
  })

  it(`when the store's process is killed ${KILLS} times at random moments`, { timeout: 300_000 }, async () => {
    rig = await startRig({ dir, from: 0, count: 100_000 })
    let storePid = rig.storePid
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(50 + Math.random() * 900)
      process.kill(storePid, 'SIGKILL')
      storePid = await storePidAfter(storePid)
    }
    await sleep(500)
    await rig.kill()
    const next = rig.acknowledged() + 1
    expect(next).toBeGreaterThan(KILLS * 10)
    expect(await drainAndJudge(next)).toEqual(whole)
  })
})
