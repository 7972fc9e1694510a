import { randomUUID } from 'node:crypto'
import { type CheckQueue, createCheckQueue, type QueuedCheck } from '@driftline/checks/check-queue'
import type { FlowDefinition } from '@driftline/checks/flow-definition'
import { createFlowStore, type FlowStore } from '@driftline/checks/flow-store'
import { toProgress } from '@driftline/checks/run-model'
import { AppError } from '@driftline/platform/errors'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { type RunEvent, RunStatus } from '@driftline/proto'
import { createMasker, type Masker } from '../assess/masking.ts'
import type { CheckerMetrics } from './checker-metrics.ts'
import type { RunKpis } from './kpis.ts'
import { createRepeating } from './repeating.ts'
import { type EndedRun, type PlannedRun, type RunDeps, runFlow } from './run.ts'
import { createRunEvents, type RunEvents } from './run-events.ts'
import { headerOf, interruptedEvent, pendingSteps } from './run-header.ts'
import type { RunPublisher } from './run-publisher.ts'
import { createTakeOver } from './take-over.ts'

export interface WorkerConfig {
  /** Runs at once. */
  readonly runsMax: number
  /** A run whose instance did not renew its lease for so long is taken over. Milliseconds. */
  readonly leaseMs: number
  /** Runs get so long to end by themselves when the service stops. Milliseconds. */
  readonly drainMs: number
}

export const workerDefaults: WorkerConfig = { runsMax: 256, leaseMs: 5000, drainMs: 5000 }

export interface WorkerDeps extends Omit<RunDeps, 'unexpected' | 'stepEnded'> {
  readonly metadata: Metadata
  readonly publisher: RunPublisher
  readonly metrics: CheckerMetrics
  readonly kpis: Pick<RunKpis, 'stepEnded' | 'runEnded'>
  readonly logger: Logger
}

const CLAIM_EVERY_MS = 100
const SAVE_EVERY_MS = 200
const RECOVER_EVERY_MS = 1000
const PRUNE_EVERY_MS = 60_000
const CLAIMED_AT_ONCE = 64
/** Nothing is told so close to the end of a lease. */
const LEASE_MARGIN_MS = 500
/** For the last event of each run, once the time to drain is over. */
const TELL_WAITS_MS = 1500
const RETRY_MS = 200

/** A run that this instance has. */
interface Active {
  readonly check: QueuedCheck
  readonly abort: AbortController
  /** Null before the definition is read, and of a run that is taken over to be ended. */
  events: RunEvents | null
  savedRevision: number
  /** Another instance has it, or ended it. */
  lost: boolean
  /** Its end is durable, and its row is about to say so. */
  ended: boolean
  done: Promise<void>
}

/** Takes what is asked for from the queue and runs it; ends what instances left behind that are gone. */
export function createWorker(config: WorkerConfig, deps: WorkerDeps): Component {
  const { metrics } = deps
  const logger = deps.logger.child({ component: 'worker' })
  const owner = randomUUID()
  const queue = createCheckQueue(deps)
  const runner = createRunner({ owner, ...config }, { ...deps, logger, queue, flows: createFlowStore(deps) })
  const takeOver = createTakeOver({ owner, leaseMs: config.leaseMs }, { queue })
  const { active } = runner

  const begin = (check: QueuedCheck, work: (run: Active) => Promise<void>): void => {
    const run: Active = {
      check,
      abort: new AbortController(),
      events: null,
      savedRevision: 0,
      lost: false,
      ended: false,
      done: Promise.resolve(),
    }
    active.set(check.id, run)
    metrics.running(active.size)
    run.done = work(run)
      .catch(async (error: unknown) => {
        logger.error({ error, run: check.id }, 'a run ended in a way that nobody foresaw')
        // Its row is this instance's, so nobody else would ever end it.
        if (run.lost || run.ended || run.events?.hasEnded()) return
        run.events?.silence()
        await runner.endAbandoned(run)
      })
      .catch((error: unknown) => logger.error({ error, run: check.id }, 'a run could not be ended'))
      .finally(() => {
        active.delete(check.id)
        metrics.running(active.size)
      })
  }
  const claim = async (): Promise<void> => {
    const free = Math.min(config.runsMax - active.size, CLAIMED_AT_ONCE)
    if (free <= 0) return
    const claimedAt = performance.now()
    const checks = await queue.claim(owner, free, config.leaseMs)
    if (active.size === 0) runner.leaseBegan(claimedAt)
    for (const check of checks) begin(check, runner.run)
  }
  const recover = async (): Promise<void> => {
    const lookedAt = performance.now()
    const checks = await takeOver.look()
    if (active.size === 0) runner.leaseBegan(lookedAt)
    for (const check of checks) begin(check, runner.endAbandoned)
  }
  const failing = (what: string) => (error: unknown, isFirst: boolean) => {
    if (isFirst) logger.warn({ error }, `${what} cannot be done now`)
  }
  const taking = [
    createRepeating({ everyMs: CLAIM_EVERY_MS, work: claim, failed: failing('taking checks') }),
    createRepeating({ everyMs: RECOVER_EVERY_MS, work: recover, failed: failing('looking after abandoned runs') }),
    createRepeating({
      everyMs: PRUNE_EVERY_MS,
      work: async () => void (await queue.prune()),
      failed: failing('forgetting ended checks'),
    }),
  ]
  const saving = createRepeating({ everyMs: SAVE_EVERY_MS, work: runner.save, failed: failing('saving progress') })
  const allDone = async (withinMs: number): Promise<void> => {
    const patience = new AbortController()
    const late = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs)
      patience.signal.addEventListener('abort', () => {
        clearTimeout(timer)
        resolve()
      })
    })
    await Promise.race([Promise.all([...active.values()].map(({ done }) => done)), late])
    patience.abort()
  }
  return {
    name: 'check-worker',
    async start() {
      saving.start()
      for (const each of taking) each.start()
    },
    async stop() {
      await Promise.all(taking.map((each) => each.stop()))
      await allDone(config.drainMs)
      for (const { abort } of active.values()) abort.abort('interrupted')
      await allDone(TELL_WAITS_MS)
      // What could not be told is told by the instance that takes the run over.
      for (const run of active.values()) {
        run.lost = true
        run.events?.silence()
      }
      await saving.stop()
    },
  }
}

interface RunnerDeps extends WorkerDeps {
  readonly queue: CheckQueue
  readonly flows: FlowStore
}

function createRunner(config: WorkerConfig & { readonly owner: string }, deps: RunnerDeps) {
  const { owner, leaseMs } = config
  const { queue, flows, publisher, metrics, kpis, clock, logger } = deps
  const active = new Map<string, Active>()
  let heldUntilMs = 0
  let busFailing = false

  const definitionOf = async ({ check }: Active): Promise<FlowDefinition | null> => {
    try {
      return (await flows.versionOf(check.tenant, check.flow, check.flowVersion)).definition
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found') return null
      throw error
    }
  }
  const isOurs = (run: Active): boolean => !run.lost && performance.now() < heldUntilMs
  const busFailed = (error: unknown): void => {
    if (!busFailing) logger.warn({ error }, 'runs cannot be told now; tried again')
    busFailing = true
  }
  const eventsOf = (run: Active, definition: FlowDefinition | null, masker: Masker): RunEvents => {
    const { check } = run
    const { tenant, id } = check
    return createRunEvents(
      headerOf(check, definition?.name ?? check.flow),
      definition === null ? [] : pendingSteps(definition),
      {
        async publish(event) {
          await publisher.event(event)
          busFailing = false
        },
        isOurs: () => isOurs(run),
        keepEnd: (event) => queue.keep(tenant, id, toProgress(event), owner),
        mask: (text) => masker.mask(text),
        failed: busFailed,
      },
    )
  }
  const perform = async (run: Active, plan: PlannedRun | null, events: RunEvents): Promise<EndedRun> => {
    if (plan !== null) {
      const unexpected = (error: unknown): void => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
        logger.error(
          { run: run.check.id, process: run.check.flow, stack: plan.masker.mask(text) },
          'a check is at fault',
        )
      }
      return runFlow(plan, { ...deps, unexpected, stepEnded })
    }
    const nowMs = clock.nowMs()
    const status = RunStatus.FAILED
    events.begin(nowMs)
    const message = 'The flow, or the version of it that was asked for, was removed meanwhile'
    events.end({ status, message, endMs: nowMs, executionTime: 0 })
    return { tenant: run.check.tenant, process: run.check.flow, status, endMs: nowMs, executionTime: 0 }
  }
  const stepEnded: RunDeps['stepEnded'] = (step) => {
    metrics.stepEnded(step)
    kpis.stepEnded(step)
  }
  const endRow = async (run: Active, whole = run.events?.progress(0)?.whole ?? null): Promise<void> => {
    const { tenant, id } = run.check
    run.ended = true
    await untilDone(run, () => queue.end(tenant, id, whole, owner), logger)
  }
  return {
    active,
    leaseBegan(atMs: number): void {
      heldUntilMs = atMs + leaseMs - LEASE_MARGIN_MS
    },

    async run(run: Active): Promise<void> {
      const definition = await untilDone(run, () => definitionOf(run), logger)
      const masker = createMasker()
      const events = eventsOf(run, definition, masker)
      run.events = events
      if (run.lost) events.silence()
      if (run.check.cancelledBy !== null) run.abort.abort('cancelled')
      const plan = definition && {
        header: headerOf(run.check, definition.name),
        definition,
        masker,
        events,
        signal: run.abort.signal,
      }
      const ended = await perform(run, plan, events)
      if (!run.lost) {
        metrics.runEnded(ended)
        kpis.runEnded(ended)
      }
      if (await events.told) await endRow(run)
    },

    /** Ends a run that another instance left behind. */
    async endAbandoned(run: Active): Promise<void> {
      const { check } = run
      const definition = await untilDone(run, () => definitionOf(run), logger)
      const event: RunEvent = interruptedEvent(check, definition, clock.nowMs())
      const whole = toProgress(event)
      logger.warn({ run: check.id, process: check.flow }, 'a run was left behind by a checker that is gone')
      if (!(await untilDone(run, () => queue.keep(check.tenant, check.id, whole, owner), logger))) return
      while (!run.lost) {
        try {
          await publisher.event(event)
          break
        } catch (error) {
          busFailed(error)
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
        }
      }
      if (run.lost) return
      const { tenant, process, status, executionTime } = event
      metrics.runEnded({ tenant, process, status, executionTime, endMs: Number(event.endMs) })
      await endRow(run, whole)
    },

    /** Tells the queue how far runs are, and hears which were cancelled and which are no longer ours. */
    async save(): Promise<void> {
      const savedAt = performance.now()
      const runs = [...active.values()]
      if (runs.length === 0) return
      const progress = runs.map((run) => run.events?.progress(run.savedRevision) ?? null)
      const rows = runs.map(({ check: { tenant, id } }, index) => {
        const each = progress[index]
        return each ? { tenant, id, progress: each.whole } : { tenant, id }
      })
      const { cancelled, lost } = await queue.saveProgress(rows, owner, leaseMs)
      heldUntilMs = Math.max(heldUntilMs, savedAt + leaseMs - LEASE_MARGIN_MS)
      runs.forEach((run, index) => {
        run.savedRevision = progress[index]?.revision ?? run.savedRevision
      })
      for (const id of cancelled) active.get(id)?.abort.abort('cancelled')
      for (const id of lost) {
        const run = active.get(id)
        // One that ended while this was under way is not there any more, either.
        if (run === undefined || run.ended || run.events?.hasEnded()) continue
        logger.warn({ run: id }, 'another checker has taken this run over')
        run.lost = true
        run.events?.silence()
        run.abort.abort('interrupted')
      }
    },
  }
}

/** For statements that must not be given up because the database is away, as long as the run is ours. */
async function untilDone<T>(run: Active, work: () => Promise<T>, logger: Logger): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof AppError && error.retryable) || run.lost) throw error
      if (tries === 1) logger.warn({ error }, 'the metadata store is away; tried again')
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
}
