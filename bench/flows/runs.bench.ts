import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fromBinary } from '@bufbuild/protobuf'
import { createCheckQueue } from '@driftline/checks/check-queue'
import { createFlowStore } from '@driftline/checks/flow-store'
import { readFlow } from '@driftline/checks/read-flow'
import { createSourceStore } from '@driftline/ingest/source-store'
import { createSealer } from '@driftline/platform/access/sealing'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { createFaultyBus } from '@driftline/platform/bus/faulty-bus'
import { systemClock } from '@driftline/platform/clock'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { type RunEvent, RunEventSchema, RunStatus, topics } from '@driftline/proto'
import { readCheckerConfig } from '../../services/checker/src/config.ts'
import { createChecker } from '../../services/checker/src/service.ts'

// The checker over real SQLite, with targets on loopback and a bus that takes all. To reach: overhead of a REST step
// below 15 ms (p50); 200 runs of six steps in flight, 500 steps/s; 500 polls every 10 s, none later than 1 s, at most
// 20 % of a core.
const RUNS = 400
const TARGET_MS = 100
const POLLS = 500
const POLL_SECONDS = 40

const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
const directory = mkdtempSync(join(tmpdir(), 'driftline-runs-bench-'))
const metadata = createSqliteMetadata({ file: join(directory, 'metadata.sqlite') }, deps)
await metadata.start()
const sealer = createSealer({ key: randomBytes(32) })
const { bus, stored } = createFaultyBus(4, () => 'stored')
const pollTimes = new Map<string, number[]>()
const target = createServer((request, response) => {
  const delayMs = Number(/delay=(\d+)/.exec(request.url ?? '')?.[1] ?? 0)
  const poll = /poll=(\d+)/.exec(request.url ?? '')?.[1]
  if (poll !== undefined) pollTimes.set(poll, [...(pollTimes.get(poll) ?? []), performance.now()])
  setTimeout(() => response.setHeader('content-type', 'application/json').end('{"total": 1}'), delayMs)
})
await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${(target.address() as AddressInfo).port}`
const config = readCheckerConfig({
  env: { DRIFTLINE_CHECKER_INSTANCE: 'bench', DRIFTLINE_CHECKER_PRODUCT_URL: url },
  yaml: { checker: { demo_target: false, max_runs: 1000 } },
  file: null,
})
const hotState = createInProcessHotState({ maxKeys: 100_000 }, deps)
const checker = createChecker(config, { ...deps, bus, metadata, sealer, hotState, analytics: {} as AnalyticsStore })
await checker.start()
const flows = createFlowStore({ metadata, clock: systemClock })
const queue = createCheckQueue({ metadata, clock: systemClock })

const say = (line: string): void => void process.stdout.write(`${line}\n`)
let ends: RunEvent[] = []
let read = 0

/** Ends that were told since `forget`; each record is looked at once. */
function endsOf(): readonly RunEvent[] {
  for (; read < stored.length; read++) {
    const { topic, value } = stored[read]!
    if (topic !== topics.runs.name) continue
    const event = fromBinary(RunEventSchema, value)
    if (event.endMs > 0n) ends.push(event)
  }
  return ends
}

function forget(): void {
  stored.length = 0
  ends = []
  read = 0
}

async function define(name: string, delayMs: number): Promise<string> {
  const step = (number: number) => ({
    stepName: `Step ${number}`,
    checkType: 'rest',
    checkConfiguration: {
      url: `${url}/?delay=${delayMs}`,
      assertions: [{ of: 'json', path: '$.total', is: 'equals', value: 1 }],
    },
  })
  const checked = readFlow({ name, steps: [1, 2, 3, 4, 5, 6].map(step) })
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems))
  return (await flows.create('default', checked.definition, 'user:bench')).id
}

async function run(flow: string): Promise<void> {
  const by = { trigger: 'api' as const, initiatedBy: 'user:bench', initiatedByName: 'bench' }
  await queue.request('default', { flow, ...by })
}

async function ended(count: number): Promise<readonly RunEvent[]> {
  for (;;) {
    const told = endsOf()
    if (told.length >= count) return told
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN

async function overhead(): Promise<void> {
  const flow = await define('One by one', 0)
  forget()
  for (let index = 1; index <= 40; index++) {
    await run(flow)
    await ended(index)
  }
  const steps = endsOf().flatMap((end) => end.steps.map((step) => step.executionTime * 1000))
  say(
    `overhead of a REST step, one run at a time  p50 ${quantile(steps, 0.5).toFixed(1)} ms, p95 ${quantile(steps, 0.95).toFixed(1)} ms (the answer's own time within)`,
  )
}

async function inFlight(): Promise<void> {
  const flow = await define('Many at once', TARGET_MS)
  forget()
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: RUNS }, () => run(flow)))
  const told = await ended(RUNS)
  const seconds = (performance.now() - startedMs) / 1000
  const moments = told.flatMap(({ startMs, endMs }) => [[Number(startMs), 1] as const, [Number(endMs), -1] as const])
  let now = 0
  let most = 0
  for (const [, change] of moments.sort((a, b) => a[0] - b[0])) {
    now += change
    most = Math.max(most, now)
  }
  const failed = told.filter(({ status }) => status !== RunStatus.SUCCESS).length
  say(
    `${RUNS} runs of six steps, each ${TARGET_MS} ms at its target  ${seconds.toFixed(2)} s, ${((RUNS * 6) / seconds).toFixed(0)} steps/s, at most ${most} runs in flight, ${failed} not successful`,
  )
}

async function polls(): Promise<void> {
  const store = createSourceStore({ metadata, sealer, clock: systemClock })
  for (let index = 0; index < POLLS; index++) {
    const definition = {
      everySeconds: 10,
      type: 'rest',
      checkConfiguration: { url: `${url}/?poll=${index}` },
      metrics: [{ metric: 'total', value: '$.total' }],
    }
    await store.create('default', { kind: 'poll', name: `poll ${index}`, definition }, 'user:bench')
  }
  await new Promise((resolve) => setTimeout(resolve, 15_000))
  pollTimes.clear()
  const cpu = process.cpuUsage()
  const fromMs = performance.now()
  await new Promise((resolve) => setTimeout(resolve, POLL_SECONDS * 1000))
  const used = process.cpuUsage(cpu)
  const share = (used.user + used.system) / 10 / (performance.now() - fromMs)
  const late = [...pollTimes.values()].flatMap((times) =>
    times.slice(1).map((at, index) => at - times[index]! - 10_000),
  )
  say(
    `${POLLS} polls every 10 s  ${pollTimes.size} asked, later than due by p99 ${quantile(late, 0.99).toFixed(0)} ms, at most ${Math.max(...late).toFixed(0)} ms; ${share.toFixed(1)} % of a core, the target within`,
  )
}

await overhead()
await inFlight()
await polls()
await checker.stop()
target.closeAllConnections()
target.close()
await metadata.stop()
rmSync(directory, { recursive: true, force: true })
