import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FileState } from './followed-file.ts'
import { createFollower, type Follower, type FollowerConfig } from './follower.ts'
import { createReadBuffer, type Segment } from './read-segment.ts'

const buffer = createReadBuffer(512, 256, 8)

/**
 * A directory in which logs are written and rotated, and a tailer that may die at any moment. What it has published is
 * kept by position, as a bus with a repeat filter keeps it: the first copy counts.
 */
function createWorld(pattern: string) {
  const root = mkdtempSync(join(tmpdir(), 'driftline-follow-'))
  const directory = join(root, 'logs')
  mkdirSync(directory)
  const spoolDir = join(root, 'spool')
  mkdirSync(spoolDir)
  const log = join(directory, 'app.log')
  let nowMs = 1_800_000_000_000
  let written = 0
  let follower: Follower | null = null
  const states = new Map<number, FileState>()
  let scannedAtMs: number | null = null
  let pending: { segments: Segment[]; records: string[] } | null = null
  const published: string[] = []
  const destroyed = new Set<string>()
  const notices: string[] = []

  const config: FollowerConfig = {
    paths: [join(directory, pattern)],
    exclude: [],
    from: 'beginning',
    roots: { allowed: null, denied: [] },
    limits: { filesMax: 100, entriesMax: 1000 },
    framing: { recordBytesMax: 256, begins: null, recordLinesMax: 10 },
    spoolDir,
    unzip: { restBytesMax: 1_000_000, wholeBytesMax: 10_000_000 },
    recordQuietMs: 1000,
    lineQuietMs: 5000,
    rotatedQuietMs: 10_000,
    idleCloseMs: 30_000,
  }
  const touch = (path: string): void => {
    utimesSync(path, nowMs / 1000, nowMs / 1000)
    utimesSync(directory, nowMs / 1000, nowMs / 1000)
  }
  const textsOf = (bytes: Buffer): string[] =>
    Array.from({ length: buffer.spans.count }, (_, i) =>
      bytes.toString('latin1', buffer.spans.starts[i]!, buffer.spans.ends[i]!),
    )
  const store = (): void => {
    const { files, removed } = follower!.changes()
    for (const file of files) states.set(file.id, structuredClone(file))
    for (const id of removed) states.delete(id)
    scannedAtMs = follower!.state().scannedAtMs
  }
  const publish = (): void => {
    published.push(...(pending?.records ?? []))
    pending = null
  }
  const start = async (): Promise<void> => {
    follower = createFollower(config, { files: [...states.values()], scannedAtMs }, buffer, nowMs)
    await follower.scan(nowMs, false)
    notices.push(...follower.notices().map(({ reason }) => reason))
    const again: string[] = []
    for (const segment of pending?.segments ?? []) {
      const got = await follower.reread(segment, nowMs)
      if (got !== null) again.push(...textsOf(got.bytes))
      else again.push(...(pending?.records ?? []).filter((line) => destroyed.has(line)))
    }
    // What was intended is made again just as it was.
    if (pending !== null) expect(again).toEqual(pending.records)
    publish()
    store()
  }

  const world = {
    directory,
    published,
    destroyed,
    notices,
    states,
    write(lines: number, open: boolean) {
      world.end()
      let text = ''
      for (let i = 0; i < lines; i++) text += `${nowMs} line ${written++} ${'x'.repeat((written * 7) % 60)}\n`
      appendFileSync(log, open ? text.slice(0, -1) : text)
      touch(log)
    },
    /** Ends a line that was left open. */
    end() {
      if (existsSync(log) && statSync(log).size > 0 && !readFileSync(log, 'latin1').endsWith('\n')) {
        appendFileSync(log, '\n')
      }
    },
    shift() {
      const names = readdirSync(directory).filter((name) => /^app\.log\.\d+/.test(name))
      const numberOf = (name: string): number => Number(/\d+/.exec(name)![0])
      for (const name of names.sort((a, b) => numberOf(b) - numberOf(a))) {
        const next = name.replace(/\d+/, String(numberOf(name) + 1))
        renameSync(join(directory, name), join(directory, next))
      }
    },
    rotate(create: boolean) {
      if (!existsSync(log)) return
      world.end()
      world.shift()
      renameSync(log, `${log}.1`)
      touch(`${log}.1`)
      if (create) writeFileSync(log, '')
      if (create) touch(log)
    },
    copyTruncate() {
      if (!existsSync(log)) return
      world.end()
      world.shift()
      copyFileSync(log, `${log}.1`)
      touch(`${log}.1`)
      truncateSync(log, 0)
      touch(log)
    },
    compress(number: number) {
      const path = `${log}.${number}`
      if (!existsSync(path)) return
      writeFileSync(`${path}.gz`, gzipSync(readFileSync(path)))
      const { mtimeMs } = statSync(path)
      utimesSync(`${path}.gz`, mtimeMs / 1000, mtimeMs / 1000)
      unlinkSync(path)
      utimesSync(directory, nowMs / 1000, nowMs / 1000)
    },
    /** Takes away what nobody may get back. */
    truncate() {
      if (!existsSync(log)) return
      for (const line of readFileSync(log, 'latin1').split('\n')) if (line !== '') destroyed.add(line)
      truncateSync(log, 0)
      touch(log)
    },
    remove(number: number) {
      const path = [`${log}.${number}`, `${log}.${number}.gz`].find((each) => existsSync(each))
      if (path === undefined || follower === null) return
      // Of a compressed file nothing is open, so what is unread of it may be lost.
      if (path.endsWith('.gz')) return
      unlinkSync(path)
    },
    async read(segments: number, stored: boolean) {
      if (follower === null) await start()
      await world.pass(100)
      publish()
      const made: { segments: Segment[]; records: string[] } = { segments: [], records: [] }
      while (made.segments.length < segments) {
        const got = follower!.read(nowMs)
        if (got === null) break
        made.segments.push(got.segment)
        made.records.push(...textsOf(got.bytes))
      }
      notices.push(...follower!.notices().map(({ reason }) => reason))
      if (!stored) return made.segments.length
      pending = made
      store()
      return made.segments.length
    },
    async scan() {
      if (follower === null) return start()
      await follower.scan(nowMs, pending === null)
      notices.push(...follower.notices().map(({ reason }) => reason))
    },
    /** What was read and not stored is forgotten. */
    crash() {
      follower?.close()
      follower = null
    },
    async pass(ms: number) {
      nowMs += ms
    },
    async finish() {
      world.end()
      for (let quiet = 0, turn = 0; quiet < 6; turn++) {
        await world.scan()
        quiet = (await world.read(100, true)) === 0 ? quiet + 1 : 0
        await world.pass(3000)
        expect(turn).toBeLessThan(500)
      }
      publish()
    },
    lines: (): string[] => Array.from({ length: written }, (_, index) => `line ${index}`),
    clean() {
      follower?.close()
      rmSync(root, { recursive: true })
    },
  }
  return world
}

type World = ReturnType<typeof createWorld>
type Step = readonly [string, (world: World) => unknown]

const steps: Step[] = [
  ['write 1', (world) => world.write(1, false)],
  ['write 3', (world) => world.write(3, false)],
  ['write 30', (world) => world.write(30, false)],
  ['write half a line', (world) => world.write(2, true)],
  ['end the line', (world) => world.end()],
  ['rotate', (world) => world.rotate(true)],
  ['rotate away', (world) => world.rotate(false)],
  ['copy and truncate', (world) => world.copyTruncate()],
  ['compress 1', (world) => world.compress(1)],
  ['compress 2', (world) => world.compress(2)],
  ['scan', (world) => world.scan()],
  ['read 1', (world) => world.read(1, true)],
  ['read all', (world) => world.read(100, true)],
  [
    'read and forget',
    async (world) => {
      await world.read(2, false)
      world.crash()
    },
  ],
  ['crash', (world) => world.crash()],
  ['half a minute', (world) => world.pass(31_000)],
]

const acts = new Map(steps)

function check(world: World): void {
  const seen = world.published.map((line) => /line \d+/.exec(line)?.[0])
  expect(seen.length).toBe(new Set(seen).size)
  const lost = world.lines().filter((line) => !seen.includes(line))
  const excused = new Set([...world.destroyed].map((line) => /line \d+/.exec(line)?.[0]))
  expect(lost.filter((line) => !excused.has(line))).toEqual([])
}

async function run(pattern: string, chosen: readonly string[]): Promise<void> {
  const world = createWorld(pattern)
  try {
    await world.scan()
    for (const name of chosen) await acts.get(name)!(world)
    await world.finish()
    check(world)
  } finally {
    world.clean()
  }
}

const runs = 200

for (const pattern of ['app.log', 'app.log*']) {
  test(`property: no line of ${pattern} is lost or repeated, whatever is done to the files and to the tailer`, async () => {
    const chosen = fc.array(fc.constantFrom(...acts.keys()), { maxLength: 25 })
    await fc.assert(
      fc.asyncProperty(chosen, async (list) => run(pattern, list)),
      { numRuns: runs },
    )
  })
}

test('what a truncation destroyed is said, and nothing is read from the middle', async () => {
  const world = createWorld('app.log')
  try {
    await world.scan()
    world.write(30, false)
    await world.scan()
    await world.read(1, true)
    world.truncate()
    world.write(3, false)
    await world.finish()
    check(world)
    expect(world.notices).toContain('file_truncated')
  } finally {
    world.clean()
  }
})
