import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import type { AppError } from '../errors.ts'
import { createLogger } from '../logger.ts'
import { createSelfMetrics } from '../metrics.ts'
import type { Bus } from './bus.ts'
import { collect, narrow, numbered, testTopics, textRecord, textsOf, until, wide } from './bus-test-kit.ts'
import { createEmbeddedBus, type EmbeddedBusConfig } from './embedded-bus.ts'

let dataDir: string
let opened: Bus[]

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'driftline-bus-'))
  opened = []
})
afterEach(async () => {
  for (const bus of opened) await bus.stop()
  await rm(dataDir, { recursive: true, force: true })
})

async function openBus(changes: Partial<EmbeddedBusConfig> = {}): Promise<Bus> {
  const deps = { logger: createLogger('silent' as 'fatal'), metrics: createSelfMetrics(), clock: systemClock }
  const bus = createEmbeddedBus({ dataDir, topics: testTopics, ...changes }, deps)
  opened.push(bus)
  await bus.start()
  return bus
}

async function allTexts(bus: Bus, topic: string): Promise<string[]> {
  const texts: string[] = []
  for (let partition = 0; partition < bus.partitionsOf(topic); partition += 1) {
    const records = await bus.read(topic, partition, 0, Number.MAX_SAFE_INTEGER)
    records.forEach((record, index) => {
      if (record.offset !== index) throw new Error(`offset ${record.offset} at place ${index} of ${partition}`)
    })
    texts.push(...textsOf(records))
  }
  return texts
}

interface Publisher {
  readonly child: ChildProcess
  readonly acknowledged: string[]
  readonly complaints: () => string
  readonly started: Promise<void>
}

function startPublisher(prefix: string): Publisher {
  const script = fileURLToPath(new URL('embedded/crash-publisher-child.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script, dataDir, prefix], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const acknowledged: string[] = []
  let rest = ''
  let complaints = ''
  let begin: () => void = () => {}
  const started = new Promise<void>((resolve, reject) => {
    begin = resolve
    child.once('exit', () => reject(new Error(`the publisher ended: ${complaints}`)))
  })
  started.catch(() => {})
  child.stderr.on('data', (text: Buffer) => {
    complaints += text.toString()
  })
  child.stdout.on('data', (text: Buffer) => {
    const lines = (rest + text.toString()).split('\n')
    // What was cut off by the kill was never reported as a whole.
    rest = lines.pop()!
    for (const line of lines) {
      if (line === 'started') begin()
      else acknowledged.push(line)
    }
  })
  return { child, acknowledged, complaints: () => complaints, started }
}

async function killPublisher({ child }: Publisher): Promise<void> {
  const ended = once(child, 'close')
  child.kill('SIGKILL')
  await ended
}

describe('the bus on LMDB, killed', () => {
  it('has every acknowledged record once and in order after each of twenty kills at random moments', async () => {
    const acknowledged: string[] = []
    for (let round = 0; round < 20; round += 1) {
      const publisher = startPublisher(`round${round}`)
      await publisher.started
      await sleep(20 + Math.random() * 250)
      await killPublisher(publisher)
      expect(publisher.complaints()).toBe('')
      acknowledged.push(...publisher.acknowledged)
      const bus = await openBus()
      const stored = (await allTexts(bus, wide)).map((text) => text.split(' ')[0]!)
      await bus.stop()
      const storedOnce = new Set(stored)
      expect(stored.length).toBe(storedOnce.size)
      expect(acknowledged.filter((text) => !storedOnce.has(text))).toEqual([])
      expectInOrder(stored)
    }
    expect(acknowledged.length).toBeGreaterThan(500)
  }, 400_000)

  it('lets the next owner in at once, and names the owner while it lives', async () => {
    const publisher = startPublisher('owner')
    await publisher.started
    const error = await openBus().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'data_dir_locked' })
    expect((error as AppError).message).toContain(`process ${publisher.child.pid}`)
    await killPublisher(publisher)
    const startedMs = performance.now()
    await openBus()
    expect(performance.now() - startedMs).toBeLessThan(2000)
  })
})

/** Each publisher of each round wrote its numbers from 0 upward. */
function expectInOrder(texts: readonly string[]): void {
  const next = new Map<string, number>()
  for (const text of texts) {
    const [round, publisher, index] = text.split('/')
    const key = `${round}/${publisher}`
    expect(Number(index)).toBe(next.get(key) ?? 0)
    next.set(key, Number(index) + 1)
  }
}

describe('the bus on LMDB, damaged', () => {
  const segmentPath = (): string => join(dataDir, 'bus', narrow, '0', '0'.padStart(16, '0'), 'segment.mdb')

  /** 40 records in 40 packs of about 5 kB; a group has read all of them. */
  async function prepare(): Promise<void> {
    const bus = await openBus()
    const group = await collect(bus, { group: 'reader', topics: [narrow] })
    for (const text of numbered('r', 40)) await bus.publish([textRecord(narrow, text.padEnd(5000))])
    await until(
      () => group.texts().length,
      (count) => count === 40,
    )
    await bus.stop()
  }

  async function expectSurvival(leastSaved: number): Promise<void> {
    const bus = await openBus()
    const saved = await bus.read(narrow, 0, 0, 1000)
    expect(saved.length).toBeGreaterThanOrEqual(leastSaved)
    expect(textsOf(saved).map((text) => text.trim())).toEqual(numbered('r', saved.length))
    await bus.publish([textRecord(narrow, 'after')])
    const group = await collect(bus, { group: 'reader', topics: [narrow] })
    await until(
      () => group.texts(),
      (texts) => texts.includes('after'),
    )
    expect(await readdir(join(dataDir, 'bus', narrow, '0'))).toContainEqual(expect.stringContaining('.damaged-'))
    await bus.stop()
    const again = await openBus()
    const after = await again.read(narrow, 0, 0, 1000)
    expect(textsOf(after).at(-1)).toBe('after')
    expect(after.at(-1)!.offset).toBe(40)
  }

  it('survives a file that was cut short', async () => {
    await prepare()
    const { size } = await stat(segmentPath())
    truncateSync(segmentPath(), Math.floor(size / 2))
    await expectSurvival(0)
  })

  it('keeps the records before a page that was torn', async () => {
    await prepare()
    const file = await open(segmentPath(), 'r+')
    const { size } = await file.stat()
    const content = Buffer.alloc(size)
    await file.read(content, 0, size, 0)
    const last = content.lastIndexOf('r39')
    await file.write(Buffer.alloc(512), 0, 512, last)
    await file.close()
    await expectSurvival(39)
  })

  it('survives a file that is nothing but zeros', async () => {
    await prepare()
    const { size } = await stat(segmentPath())
    writeFileSync(segmentPath(), Buffer.alloc(size))
    await expectSurvival(0)
  })

  it('passes over damage in the middle, and hands out the rest', async () => {
    await prepare()
    const file = await open(segmentPath(), 'r+')
    const { size } = await file.stat()
    const content = Buffer.alloc(size)
    await file.read(content, 0, size, 0)
    await file.write(Buffer.alloc(16), 0, 16, content.indexOf('r20 '))
    await file.close()
    const bus = await openBus()
    const group = await collect(bus, { group: 'second', topics: [narrow] })
    await until(
      () => group.texts().length,
      (count) => count === 39,
    )
    expect(group.texts().map((text) => text.trim())).toEqual(numbered('r', 40).filter((text) => text !== 'r20'))
  })

  it('starts with groups at the oldest record when their offsets are damaged', async () => {
    await prepare()
    writeFileSync(join(dataDir, 'bus', 'groups.mdb'), 'nonsense'.repeat(4096))
    const bus = await openBus()
    const group = await collect(bus, { group: 'reader', topics: [narrow] })
    await until(
      () => group.texts().length,
      (count) => count === 40,
    )
  })
})

describe('the bus on LMDB, without room', () => {
  it('refuses at once and retryably when the reserve is not free', async () => {
    const bus = await openBus({ reserveBytes: Number.MAX_SAFE_INTEGER })
    const publish = bus.publish([textRecord(narrow, 'a')])
    await expect(publish).rejects.toMatchObject({ code: 'disk_full', retryable: true })
  })

  /** A file system of 16 MiB of its own; only root may mount one, and only Linux has tmpfs. */
  const mayMount = process.platform === 'linux' && process.getuid?.() === 0

  describe.skipIf(!mayMount)('on a real full disk (a tmpfs, for which the tests must run as root)', () => {
    const MIB = 1024 * 1024
    beforeEach(() => {
      execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=16m', 'driftline-test', dataDir])
    })
    afterEach(async () => {
      for (const bus of opened) await bus.stop()
      execFileSync('/bin/umount', [dataDir])
    })

    it.each([
      { title: 'while there is a reserve', reserveBytes: 2 * MIB },
      { title: 'when the write itself fails', reserveBytes: 0 },
    ])('loses nothing acknowledged and recovers, $title', async ({ reserveBytes }) => {
      const ballast = join(dataDir, 'ballast')
      writeFileSync(ballast, Buffer.alloc(6 * MIB))
      const bus = await openBus({ reserveBytes })
      const acknowledged: string[] = []
      const fill = async (prefix: string): Promise<unknown> => {
        for (let index = 0; index < 1000; index += 1) {
          const text = `${prefix}${index}`
          try {
            await bus.publish([textRecord(narrow, `${text} `.padEnd(60_000, 'x'))])
          } catch (error) {
            return error
          }
          acknowledged.push(text)
        }
        return undefined
      }
      for (const round of ['a', 'b']) {
        expect(await fill(round)).toMatchObject({ code: 'disk_full', retryable: true })
        expect(await fill(`${round}again`)).toMatchObject({ code: 'disk_full' })
        writeFileSync(ballast, Buffer.alloc(round === 'a' ? 3 * MIB : 0))
        await sleep(300)
      }
      await bus.publish([textRecord(narrow, 'last')])
      acknowledged.push('last')
      await bus.stop()
      const again = await openBus({ reserveBytes: 0 })
      expect((await allTexts(again, narrow)).map((text) => text.split(' ')[0])).toEqual(acknowledged)
      expect(acknowledged.length).toBeGreaterThan(50)
    })
  })
})

describe('the bus on LMDB, at rest', () => {
  it('opens no file for partitions that were never used', async () => {
    const bus = await openBus()
    await bus.publish([textRecord(wide, 'a', { partition: 2 })])
    expect(readdirSync(join(dataDir, 'bus', wide))).toEqual(['2'])
  })
})
