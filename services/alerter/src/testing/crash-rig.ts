import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { startAll } from '@driftline/platform/lifecycle'
import { createLogger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { AnomalyPhase, topics } from '@driftline/proto'
import { createAlerter } from '../service.ts'
import { anomalyOf, anomalyRecord, testConfig } from './alerter-test-kit.ts'

/**
 * The process that the crash test kills: bus, metadata and alerter together. It says `drained` when all that is left
 * from before has been done. Told to go, it publishes an excursion, opened and closed, and kills itself at the step
 * given: there is one before, within and after each write, and before and after each publish.
 */
export interface CrashRigArguments {
  readonly dir: string
  readonly url: string
}

export interface CrashRigOrder {
  /** Name of the excursion. */
  readonly name: string
  /** Steps to live; 0 for as long as nobody else kills it. */
  readonly steps: number
}

/** `opened` and `closed`: the bus has acknowledged that record of the excursion. */
export type CrashRigReport = 'drained' | 'opened' | 'closed'

let stepsLeft = 0
/** The alerter reads nothing until it is resolved. */
let gate: Promise<void> = Promise.resolve()
function step(): void {
  if (stepsLeft > 0 && --stepsLeft === 0) process.kill(process.pid, 'SIGKILL')
}

function mortalMetadata(metadata: Metadata): Metadata {
  return {
    ...metadata,
    async transaction(work) {
      step()
      const answer = await metadata.transaction(async (transaction) => {
        const worked = await work(transaction)
        step()
        return worked
      })
      step()
      return answer
    },
  }
}

function mortalBus(bus: Bus): Bus {
  return {
    ...bus,
    async publish(records) {
      step()
      await bus.publish(records)
      step()
    },
    subscribe: (options) =>
      bus.subscribe({
        ...options,
        async handle(batch) {
          await gate
          return options.handle(batch)
        },
      }),
  }
}

async function run({ dir, url }: CrashRigArguments): Promise<void> {
  const logger = createLogger('fatal')
  const deps = { logger, clock: systemClock, metrics: createSelfMetrics() }
  const bus = createEmbeddedBus({ dataDir: dir, topics }, deps)
  const metadata = createSqliteMetadata({ file: `${dir}/metadata.db` }, deps)
  // Looking around seldom: nearly every step is one of the work itself.
  const config = testConfig(
    { alert_channels: [{ channel: 'webhook', url }] },
    { decisionsEveryMs: 500, outboxEveryMs: 100, leaseMs: 300 },
  )
  const alerter = createAlerter(config, { ...deps, bus: mortalBus(bus), metadata: mortalMetadata(metadata) })
  await startAll([metadata, bus, alerter], logger)
  await drained(bus, metadata)
  report('drained')
  process.on('message', (order: CrashRigOrder) => void obey(bus, order))
}

async function obey(bus: Bus, { name, steps }: CrashRigOrder): Promise<void> {
  const anomaly = { id: `an_${name}`, process: `os:web-1:${name}` }
  let open = (): void => {}
  gate = new Promise((resolve) => {
    open = resolve
  })
  await bus.publish([anomalyRecord(anomalyOf(anomaly))])
  report('opened')
  stepsLeft = steps
  open()
  await bus.publish([anomalyRecord(anomalyOf({ ...anomaly, phase: AnomalyPhase.CLOSED, revision: 2 }))])
  report('closed')
}

async function drained(bus: Bus, { db }: Metadata): Promise<void> {
  const { name } = topics.anomalies
  for (let partition = 0; partition < bus.partitionsOf(name); partition++) {
    while ((await bus.lagOf('alerter', name, partition)) > 0) await sleep(10)
  }
  for (;;) {
    const pending = await db.selectFrom('alert_deliveries').select('id').where('state', '=', 'pending').execute()
    const unpublished = await db
      .selectFrom('alert_episodes')
      .select('id')
      .whereRef('version', '>', 'published_version')
      .execute()
    if (pending.length + unpublished.length === 0) return
    await sleep(10)
  }
}

function report(message: CrashRigReport): void {
  process.send?.(message)
}

if (process.argv[2]?.startsWith('{"dir":')) {
  process.on('disconnect', () => process.exit(0))
  await run(JSON.parse(process.argv[2]) as CrashRigArguments)
}
