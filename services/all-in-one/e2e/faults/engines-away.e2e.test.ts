import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { eventually, type RunningChild } from '../child.ts'
import { type CountingAgent, startCountingAgent } from './counting-agent.ts'
import { checkTables, drain, expectNothingTwice, expectWhole, withStore } from './history.ts'
import { complaintsOf, logOf } from './logs.ts'
import { createProduct, type Product } from './product.ts'
import { createSeededRandom } from './random.ts'
import { openRest, type RestClient } from './rest.ts'
import { mountSmallDisk, type SmallDisk } from './small-disk.ts'

const HOST = 'counted-1'
const SOON_MS = 120_000
/** Big enough for the store and a few minutes of data, small enough to be filled at once. */
const DISK_MEBIBYTES = 512
/** A log that says each failure a few times says enough; more would fill the disk that is short of room. */
const COMPLAINTS_MAX = 200

let product: Product
let child: RunningChild
let rest: RestClient
let agent: CountingAgent | null = null
let disk: SmallDisk | null = null
const spools: string[] = []

afterEach(async () => {
  await agent?.stop()
  agent = null
  await product?.remove()
  disk?.unmount()
  disk = null
  for (const spool of spools.splice(0)) rmSync(spool, { recursive: true, force: true })
})

async function startAll(dataDir?: string): Promise<CountingAgent> {
  product = await createProduct(dataDir === undefined ? {} : { dataDir })
  child = product.launch()
  await product.ready(child)
  rest = await openRest(product.address)
  const spool = mkdtempSync(join(tmpdir(), 'driftline-agent-'))
  spools.push(spool)
  agent = await startCountingAgent({ host: HOST, server: product.intake, apiKey: rest.ingestKey, directory: spool })
  await acknowledgesMore(agent)
  return agent
}

async function acknowledgesMore(counting: CountingAgent, batches = 20): Promise<void> {
  const before = counting.acknowledged()
  await eventually(
    'acknowledging batches',
    SOON_MS,
    async () => counting.acknowledged() >= before + batches || undefined,
  )
}

/** The process of the embedded store that serves now. */
function storePid(): number {
  const record = JSON.parse(readFileSync(join(product.dataDir, 'clickhouse', 'child.json'), 'utf8')) as {
    child: { pid: number }
  }
  return record.child.pid
}

async function anotherStoreThan(pid: number): Promise<void> {
  await eventually('another process of the store', SOON_MS, async () => (storePid() === pid ? undefined : true))
}

async function expectEverything(counting: CountingAgent): Promise<void> {
  const batches = await drain(counting, rest)
  await checkTables(counting, rest, createSeededRandom('tables'))
  await counting.stop()
  expect(await child.end('SIGTERM')).toBe(0)
  await withStore(product, async (store) => {
    await expectWhole(store, HOST, batches)
    await expectNothingTwice(store)
  })
}

describe('the embedded store', () => {
  test('is killed: batches are acknowledged without it, it is started again, and has them all', async () => {
    const counting = await startAll()
    for (let kill = 0; kill < 3; kill++) {
      const from = child.output().length
      const before = storePid()
      process.kill(before, 'SIGKILL')
      await acknowledgesMore(counting, 5)
      await anotherStoreThan(before)
      await eventually('what the log says of it', SOON_MS, async () => {
        const lines = logOf(child, from).map(({ message }) => message)
        return lines.some((line) => /store process ended; starting it again/.test(line)) || undefined
      })
    }
    await expectEverything(counting)
  })

  test('hangs: batches are acknowledged meanwhile, it is killed and started again, and has them all', async () => {
    const counting = await startAll()
    const before = storePid()
    process.kill(before, 'SIGSTOP')
    await acknowledgesMore(counting, 50)
    await anotherStoreThan(before)
    expect(complaintsOf(child).map(({ message }) => message)).toContain('the store does not answer; killing it')
    await expectEverything(counting)
  })
})

describe('a full disk', () => {
  test('is said, refuses new batches, and is over when there is room: nothing acknowledged is lost', async () => {
    disk = mountSmallDisk(DISK_MEBIBYTES)
    const counting = await startAll(join(disk.path, 'data'))
    const from = child.output().length
    disk.fill()
    await eventually(
      'the log to say that the disk is full',
      SOON_MS,
      async () => saysDiskFull(child, from) || undefined,
    )
    const refusedFrom = counting.acknowledged()
    await sleep(5000)
    expect(counting.scans()).toBeGreaterThan(counting.acknowledged())
    expect(counting.acknowledged()).toBeLessThan(refusedFrom + 50)
    expect(complaintsOf(child, from).length).toBeLessThan(COMPLAINTS_MAX)

    disk.makeRoom()
    await acknowledgesMore(counting)
    // One life all the time: it neither ended nor was its store left behind.
    expect(process.kill(child.pid, 0)).toBe(true)
    await expectEverything(counting)
  })

  test('at the start: it is said, whether the start succeeds or not, and with room nothing is lost', async () => {
    disk = mountSmallDisk(DISK_MEBIBYTES)
    const counting = await startAll(join(disk.path, 'data'))
    await child.end('SIGKILL')
    disk.fill()
    child = product.launch()
    // What it writes at the start may fit into files that are there. If not, it ends by itself and in time.
    await Promise.race([child.ended, product.ready(child).catch(() => {})])
    await eventually('the log to say that the disk is full', SOON_MS, async () => saysDiskFull(child, 0) || undefined)
    await child.end('SIGTERM')
    expect(logOf(child).filter(({ message }) => message.includes('unexpected error'))).toEqual([])

    disk.makeRoom()
    child = product.launch()
    await product.ready(child)
    await acknowledgesMore(counting)
    await expectEverything(counting)
  })
})

function saysDiskFull(of: RunningChild, from: number): boolean {
  return complaintsOf(of, from).some(
    ({ message, error }) =>
      error?.code === 'disk_full' || /\bfull\b|no room|No space/i.test(`${message} ${error?.message}`),
  )
}
