import { type ChildProcess, fork } from 'node:child_process'
import { appendFileSync, copyFileSync, existsSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createSourceStore } from '@driftline/ingest/source-store'
import { systemClock } from '@driftline/platform/clock'
import { processMetrics } from '@driftline/proto'
import { afterEach, expect, test } from 'vitest'
import { makeRoot, openPlaces, rowsOf, startTailer, sumOf, TENANT } from './testing/tailer-rig.ts'

const rigFile = fileURLToPath(new URL('./testing/tailer-rig.ts', import.meta.url))
const children = new Set<ChildProcess>()
const places: ReturnType<typeof makeRoot>[] = []

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  for (const place of places.splice(0)) place.remove()
})

/** Starts a tailer in a process of its own; `gone` resolves when it is dead. */
async function startChild(args: { root: string; killAfter: number; published: boolean }) {
  const child = fork(rigFile, [JSON.stringify(args)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  children.add(child)
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      children.delete(child)
      resolve()
    })
  })
  const started = new Promise<void>((resolve) => child.once('message', () => resolve()))
  await Promise.race([started, gone])
  return { gone, kill: () => child.kill('SIGKILL') }
}

async function define(root: string, definition: object): Promise<void> {
  const opened = openPlaces({ root })
  await opened.metadata.start()
  const store = createSourceStore({ ...opened, clock: systemClock })
  await store.create(TENANT, { kind: 'file', name: 'app', definition, active: true }, 'test')
  await opened.metadata.stop()
}

/** Lets a tailer that nobody kills read what is left; answers what a consumer sees. */
async function readRest(root: string, lines: number): Promise<number[]> {
  const rig = await startTailer({ root })
  try {
    await expect
      .poll(async () => new Set((await rowsOf(rig.bus)).map(({ body }) => body)).size, { timeout: 60_000 })
      .toBe(lines)
    // Nothing further comes: what would come twice comes at once.
    await expect.poll(() => sumOf(rig.bus, processMetrics.events.name), { timeout: 20_000 }).toBe(lines)
    return (await rowsOf(rig.bus)).map(({ body }) => Number(/line (\d+)/.exec(body)![1]))
  } finally {
    await rig.stop()
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

for (const published of [false, true]) {
  test(`killed ${published ? 'after' : 'before'} a batch is durable, and not yet noted as done: no line lost or doubled`, async () => {
    const place = makeRoot()
    places.push(place)
    const { root, logs } = place
    const path = join(logs, 'app.log')
    writeFileSync(
      path,
      upTo(3000)
        .map((number) => `line ${number}\n`)
        .join(''),
    )
    await define(root, { paths: [path], from: 'beginning', reading: { format: 'plain' } })
    for (const killAfter of [1, 1]) {
      const child = await startChild({ root, killAfter, published })
      await child.gone
    }
    expect(await readRest(root, 3000)).toEqual(upTo(3000))
  })
}

test('killed at random moments while files are written and rotated: no line lost or doubled', async () => {
  const place = makeRoot()
  places.push(place)
  const { root, logs } = place
  const path = join(logs, 'app.log')
  await define(root, { paths: [path], from: 'beginning', reading: { format: 'plain' } })
  let written = 0
  let rotations = 0
  const write = (): void => {
    let text = ''
    for (let i = 0; i < 10; i++) text += `line ${written++}\n`
    appendFileSync(path, text)
    if (Math.random() > 0.05) return
    rotations += 1
    if (existsSync(`${path}.1`)) renameSync(`${path}.1`, `${path}.${1 + rotations}`)
    if (Math.random() < 0.5) renameSync(path, `${path}.1`)
    else {
      copyFileSync(path, `${path}.1`)
      truncateSync(path, 0)
    }
  }
  write()
  // The first look of a source takes what is there as its beginning; what comes after is rotated under its hands.
  const first = await startTailer({ root })
  await expect.poll(async () => (await rowsOf(first.bus)).length, { timeout: 30_000 }).toBe(written)
  await first.stop()
  const writing = setInterval(write, 10)
  try {
    for (let round = 0; round < 8; round++) {
      const child = await startChild({ root, killAfter: 0, published: false })
      const timer = setTimeout(child.kill, 100 + Math.random() * 900)
      await child.gone
      clearTimeout(timer)
    }
  } finally {
    clearInterval(writing)
  }
  const seen = await readRest(root, written)
  expect(seen.slice().sort((a, b) => a - b)).toEqual(upTo(written))
}, 300_000)
