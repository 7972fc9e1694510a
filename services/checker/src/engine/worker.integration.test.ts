import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { createCheckQueue } from '@driftline/checks/check-queue'
import { createFlowStore } from '@driftline/checks/flow-store'
import { foldRun, type Run, runOfProgress } from '@driftline/checks/run-model'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { type RunEvent, RunEventSchema, RunStatus, topics } from '@driftline/proto'
import { afterEach, beforeEach, expect, test } from 'vitest'

const { SUCCESS, FAILED, CANCELLED, SKIPPED, INTERRUPTED } = RunStatus
const T = 'default'
const child = join(import.meta.dirname, 'testing/worker-child.ts')
const deps = { logger: createLogger('fatal'), clock: systemClock, metrics: createSelfMetrics() }

let directory: string
let metadata: Metadata
const running: ChildProcess[] = []

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'driftline-worker-'))
  metadata = createSqliteMetadata({ file: join(directory, 'metadata.sqlite') }, deps)
  await metadata.start()
})
afterEach(async () => {
  for (const each of running.splice(0)) await end(each, 'SIGKILL')
  await metadata.stop()
  rmSync(directory, { recursive: true, force: true })
})

async function launch(): Promise<ChildProcess> {
  const process_ = spawn(process.execPath, ['--import', 'tsx', child, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.push(process_)
  await once(process_.stdout!, 'data')
  return process_
}

async function end(process_: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (process_.exitCode !== null || process_.signalCode !== null) return
  const ended = once(process_, 'exit')
  process_.kill(signal)
  await ended
}

async function ask(...hosts: readonly string[]): Promise<string> {
  const steps = hosts.map((host, index) => ({
    stepName: `S${index + 1}`,
    checkType: 'rest',
    checkConfiguration: { url: `https://${host}.example/` },
  }))
  const flow = await createFlowStore({ metadata, clock: systemClock }).create(
    T,
    { name: hosts.join(' '), steps },
    'user:1',
  )
  const request = { flow: flow.id, trigger: 'button', initiatedBy: 'user:1', initiatedByName: 'admin' } as const
  return (await createCheckQueue({ metadata, clock: systemClock }).request(T, request))!.checkId
}

const rowOf = async (id: string) => (await createCheckQueue({ metadata, clock: systemClock }).get(T, id))!
const runOf = async (id: string): Promise<RunEvent | null> => runOfProgress((await rowOf(id)).progress)?.event ?? null
const until = (holds: () => Promise<unknown>): Promise<void> =>
  expect.poll(holds, { timeout: 60_000, interval: 20 }).toBeTruthy()
const ended = async (id: string): Promise<RunEvent> => {
  await until(async () => (await rowOf(id)).state === 'ended')
  return (await runOf(id))!
}

/** What was published of a run, read from the bus once nobody else has it. */
async function published(id: string): Promise<RunEvent[]> {
  const bus = createEmbeddedBus({ dataDir: directory, topics }, deps)
  await bus.start()
  const events: RunEvent[] = []
  for (let partition = 0; partition < bus.partitionsOf(topics.runs.name); partition++) {
    for (const { value } of await bus.read(topics.runs.name, partition, 0, 1000)) {
      const event = fromBinary(RunEventSchema, value)
      if (event.run === id) events.push(event)
    }
  }
  await bus.stop()
  return events
}

const statuses = (run: RunEvent): RunStatus[] => run.steps.map(({ status }) => status)

test('runs what is asked for, and publishes what the queue keeps', async () => {
  const worker = await launch()
  const [good, bad] = [await ask('a', 'b'), await ask('a', 'wrong', 'b')]
  expect(await ended(good)).toMatchObject({ status: SUCCESS, currentStep: 2 })
  expect(statuses(await ended(bad))).toEqual([SUCCESS, FAILED, SKIPPED])
  await end(worker, 'SIGTERM')
  for (const id of [good, bad]) {
    const folded = (await published(id)).reduce<Run | null>(foldRun, null)
    expect(folded!.event).toEqual(await runOf(id))
  }
})

test('cancels what runs and what waits', async () => {
  const queue = createCheckQueue({ metadata, clock: systemClock })
  const waiting = await ask('a')
  await queue.cancel(T, waiting, 'user:1')
  await launch()
  const slow = await ask('slow', 'a')
  await until(async () => (await runOf(slow))?.currentStep === 1)
  await queue.cancel(T, slow, 'user:1')
  expect(await ended(slow)).toMatchObject({ status: CANCELLED })
  expect(statuses(await ended(waiting))).toEqual([SKIPPED])
})

test('a run whose process was killed in a step ends as interrupted once it is back, and is not repeated', async () => {
  const first = await launch()
  const id = await ask('a', 'slow', 'b')
  await until(async () => (await runOf(id))?.steps[1]?.status === RunStatus.RUNNING)
  await end(first, 'SIGKILL')
  const second = await launch()
  const backAt = performance.now()
  const run = await ended(id)
  expect(performance.now() - backAt).toBeLessThan(20_000)
  expect(run).toMatchObject({ status: INTERRUPTED, message: 'Step 2, S2: the checker that ran it went away' })
  expect(statuses(run)).toEqual([SUCCESS, INTERRUPTED, SKIPPED])
  await end(second, 'SIGTERM')
  const events = await published(id)
  expect(events.filter(({ endMs }) => endMs > 0n)).toHaveLength(1)
  expect(events.reduce<Run | null>(foldRun, null)!.event).toEqual(run)
})

test('a service that is stopped interrupts what does not end in time', async () => {
  const worker = await launch()
  const id = await ask('slow', 'a')
  await until(async () => (await runOf(id))?.currentStep === 1)
  await end(worker, 'SIGTERM')
  const run = await ended(id)
  expect(statuses(run)).toEqual([INTERRUPTED, SKIPPED])
  expect((await published(id)).at(-1)).toEqual(run)
})
