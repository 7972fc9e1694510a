import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { eventually } from './child.ts'
import { createProduct, type Product } from './faults/product.ts'
import { type Flow, publishOn, pushSamples, writeLines } from './sources/flows.ts'
import { startPress } from './sources/press.ts'
import { openSession, type Session, type SourceItem } from './sources/session.ts'

const SEEN_WITHIN_MS = 120_000
const KILLS = 2
const BETWEEN_KILLS = 60
const SERVICE = 'service:shop'
/** Within raw retention, with room for one sample per second up to now. */
const PUSHED_FROM_MS = Math.floor(Date.now() / 1000 - 2700) * 1000

const directory = mkdtempSync(join(tmpdir(), 'driftline-sources-kill-'))
let product: Product
const flows: Flow[] = []

afterAll(async () => {
  await product.remove()
  rmSync(directory, { recursive: true, force: true })
})

/** All three have been acknowledged so many more since `before`. */
async function flowing(more: number): Promise<void> {
  const before = flows.map(({ acknowledged }) => acknowledged.size)
  await eventually('all that flows', SEEN_WITHIN_MS, async () =>
    flows.every(({ acknowledged }, i) => acknowledged.size >= (before[i] ?? 0) + more) ? true : undefined,
  )
}

const numbersOf = (texts: readonly string[]): number[] => texts.map((text) => Number(/m(\d+)m/.exec(text)?.[1]))

/** Numbers of lines that are stored of a process, in order, once there are no fewer than `count` different ones. */
async function storedLines(session: Session, process: string, count: number): Promise<number[]> {
  return eventually(`the lines of ${process}`, SEEN_WITHIN_MS, async () => {
    const numbers = numbersOf((await session.lines(`process=${process}`)).map(({ body }) => body))
    return new Set(numbers).size >= count ? numbers.sort((a, b) => a - b) : undefined
  })
}

async function storedSamples(session: Session, count: number): Promise<number[]> {
  return eventually('the samples', SEEN_WITHIN_MS, async () => {
    const range = `from=${PUSHED_FROM_MS}&to=${Date.now() + 1000}&step=1s&agg=count`
    const { series } = await session.get<{ series: { points: { time: string; value: number }[] }[] }>(
      `query?process=${SERVICE}&metric=orders.open&${range}`,
    )
    const points = series.flatMap((one) => one.points)
    if (points.length < count) return undefined
    return points.map(({ time }) => (Date.parse(time) - PUSHED_FROM_MS) / 1000)
  })
}

async function defineSources(session: Session, file: string): Promise<void> {
  const reading = { format: 'plain', patterns: false }
  const definition = { paths: [file], from: 'beginning', reading }
  await session.post('sources', { kind: 'file', name: 'flow', definition })
  const broker = await eventually('the built-in broker', SEEN_WITHIN_MS, async () =>
    (await session.list<SourceItem>('sources?kind=mqtt')).at(0),
  )
  const mapping = { topic: 'plant/{machine}/count', process: 'device:{machine}', payload: 'json', keepRecords: true }
  await session.redefine(broker.source, (definition) => ({ ...definition, mappings: [mapping] }))
}

test(`what was acknowledged is there after ${KILLS} kills, and no line is lost or doubled`, async () => {
  product = await createProduct()
  let child = product.launch()
  await product.ready(child)
  const session = await openSession(product.address)
  const key = await session.makeKey('pusher')
  const file = join(directory, 'flow.log')
  writeFileSync(file, '')
  await defineSources(session, file)

  // What is heard before the mapping holds is acknowledged and listed, but not kept.
  const probe = await startPress(product.broker, 'plant/probe/count')
  await storedLines(session, 'device:probe', 1)
  await probe.stop()
  const messages = await publishOn(product.broker, 'plant/press-1/count')
  const lines = writeLines(file)
  const samples = pushSamples(`${product.address}/api/v1/ingest/samples`, key, SERVICE, PUSHED_FROM_MS)
  flows.push(messages, lines, samples)
  await storedLines(session, 'log:flow', 1)
  for (let kill = 0; kill < KILLS; kill++) {
    await flowing(BETWEEN_KILLS)
    await child.end('SIGKILL')
    child = product.launch()
    await product.ready(child)
  }
  await flowing(BETWEEN_KILLS)
  await Promise.all(flows.map((flow) => flow.finish()))

  const all = [...lines.acknowledged].sort((a, b) => a - b)
  expect(await storedLines(session, 'log:flow', all.length)).toEqual(all)
  const heard = new Set(await storedLines(session, 'device:press-1', 1))
  expect([...messages.acknowledged].filter((number) => !heard.has(number))).toEqual([])
  const taken = new Set(await storedSamples(session, samples.acknowledged.size))
  expect([...samples.acknowledged].filter((number) => !taken.has(number))).toEqual([])
  expect(await child.end('SIGTERM')).toBe(0)
})
