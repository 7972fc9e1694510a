import { type CheckQueue, createCheckQueue, scheduledCheckId } from '@driftline/checks/check-queue'
import type { FlowDefinition } from '@driftline/checks/flow-definition'
import { type ScheduleTimes, scheduleTimes } from '@driftline/checks/schedules'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { CheckerMetrics } from './checker-metrics.ts'
import { createRepeating } from './repeating.ts'

export interface SchedulerDeps {
  readonly metadata: Metadata
  readonly metrics: Pick<CheckerMetrics, 'skipped'>
  readonly clock: Clock
  readonly logger: Logger
}

export interface Scheduler extends Component {
  /** Looks once at what is due; for tests, which bring their own clock. */
  look(): Promise<void>
}

const LOOK_EVERY_MS = 250
/** What was due while nobody looked is made up for so long, and only the latest of it. */
const MADE_UP_MS = 60_000
/** As long as the queue knows what ran: after a clock was set back by more, schedules begin anew. */
const SET_BACK_MS_MAX = 3_600_000
/** Times of one schedule that are stepped over at once. */
const STEPS_MAX = 100

interface Scheduled {
  readonly tenant: string
  readonly flow: string
  /** Changes with the definition. */
  readonly stamp: string
  readonly schedules: readonly ScheduleTimes[]
  /** All due times up to this one are dealt with. */
  doneUpToMs: number
}

/**
 * Asks for runs when they are due. Every instance does; the id of a check is made of the flow and the due time, so
 * that the queue takes it once. A clock that is set forward skips what lies between, one that is set back repeats nothing.
 */
export function createScheduler(deps: SchedulerDeps): Scheduler {
  const { metadata, metrics, clock } = deps
  const logger = deps.logger.child({ component: 'scheduler' })
  const queue = createCheckQueue(deps)
  let known = new Map<string, Scheduled>()

  const refresh = async (nowMs: number): Promise<void> => {
    const rows = await metadata.db
      .selectFrom('flows')
      .select(['tenant', 'id', 'version', 'updated_at'])
      .where('active', '=', true)
      .execute()
    const next: typeof known = new Map()
    for (const { tenant, id, version, updated_at } of rows) {
      const key = `${tenant} ${id}`
      const stamp = `${version} ${updated_at.getTime()}`
      const before = known.get(key)
      if (before?.stamp === stamp) next.set(key, before)
      else {
        const schedules = await schedulesOf(metadata, tenant, id).catch((error: unknown) => {
          logger.error({ error, tenant, flow: id }, 'the schedules of a flow cannot be read: it is not run by them')
          return []
        })
        // What was due before somebody set it up that way was never meant.
        const sinceMs = Math.min(nowMs, Math.max(updated_at.getTime(), nowMs - MADE_UP_MS))
        const doneUpToMs = Math.max(sinceMs, before === undefined ? 0 : Math.min(before.doneUpToMs, nowMs))
        next.set(key, { tenant, flow: id, stamp, schedules, doneUpToMs })
      }
    }
    known = next
  }
  const begin = async (scheduled: Scheduled, dueMs: number): Promise<void> => {
    const { tenant, flow } = scheduled
    const id = scheduledCheckId(tenant, flow, dueMs)
    const before = (await queue.open(tenant, flow)).filter(({ trigger }) => trigger === 'schedule')
    if (before.some((each) => each.id === id)) return
    if (before.length > 0) {
      metrics.skipped('still_running')
      logger.warn({ tenant, flow, due: new Date(dueMs) }, 'left out: the scheduled run before it has not ended')
      return
    }
    await ask(queue, { tenant, flow, id }, metrics, logger)
  }
  const serve = async (scheduled: Scheduled, nowMs: number): Promise<void> => {
    if (scheduled.doneUpToMs > nowMs + SET_BACK_MS_MAX) scheduled.doneUpToMs = nowMs
    const due = latestDue(scheduled, nowMs)
    if (due.missed) {
      metrics.skipped('missed')
      logger.warn(
        { tenant: scheduled.tenant, flow: scheduled.flow },
        'runs that were due while nobody looked are left out',
      )
    }
    if (due.atMs !== null) await begin(scheduled, due.atMs)
    // Only now: what could not be asked for is tried again.
    scheduled.doneUpToMs = Math.max(scheduled.doneUpToMs, nowMs)
  }
  const look = async (): Promise<void> => {
    const nowMs = clock.nowMs()
    await refresh(nowMs)
    const failures: unknown[] = []
    for (const scheduled of known.values()) {
      if (scheduled.schedules.length === 0) continue
      // One flow that cannot be served holds up no other.
      await serve(scheduled, nowMs).catch((error: unknown) => failures.push(error))
    }
    if (failures.length > 0) throw failures[0]
  }
  const repeating = createRepeating({
    everyMs: LOOK_EVERY_MS,
    work: look,
    failed(error, isFirst) {
      if (isFirst) logger.warn({ error }, 'what is due cannot be looked up now')
    },
  })
  return {
    name: 'scheduler',
    look,
    start: async () => repeating.start(),
    stop: () => repeating.stop(),
  }
}

async function schedulesOf(metadata: Metadata, tenant: string, id: string): Promise<ScheduleTimes[]> {
  const row = await metadata.db
    .selectFrom('flows')
    .select('value')
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst()
  const definition = row?.value as unknown as FlowDefinition | undefined
  return (definition?.schedules ?? []).map((schedule) => scheduleTimes(id, schedule))
}

/** The latest time that is due, and whether others before it, or ones too long ago, are left out. */
function latestDue({ schedules, doneUpToMs }: Scheduled, nowMs: number): { atMs: number | null; missed: boolean } {
  let atMs: number | null = null
  let missed = false
  for (const { next } of schedules) {
    const first = next(doneUpToMs)
    if (first === null || first > nowMs) continue
    if (first < nowMs - MADE_UP_MS) missed = true
    let due = next(Math.max(doneUpToMs, nowMs - MADE_UP_MS - 1))
    for (let steps = 0; due !== null && due <= nowMs && steps < STEPS_MAX; steps++) {
      if (atMs !== null && atMs !== due) missed = true
      atMs = Math.max(atMs ?? 0, due)
      due = next(due)
    }
  }
  return { atMs, missed }
}

async function ask(
  queue: CheckQueue,
  { tenant, flow, id }: { readonly tenant: string; readonly flow: string; readonly id: string },
  metrics: SchedulerDeps['metrics'],
  logger: Logger,
): Promise<void> {
  try {
    await queue.request(tenant, { flow, id, trigger: 'schedule', initiatedBy: 'schedule', initiatedByName: 'schedule' })
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    // It was removed a moment ago.
    if (error.code === 'not_found') return
    if (error.code !== 'rate_limited') throw error
    metrics.skipped('queue_full')
    logger.warn({ tenant, flow }, 'left out: too many checks wait')
  }
}
