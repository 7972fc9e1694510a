import { fromBinary } from '@bufbuild/protobuf'
import type { CheckQueue } from '@driftline/checks/check-queue'
import { runOfProgress } from '@driftline/checks/run-model'
import type { Bus, BusRecord, Subscription } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { RunEventSchema, topics } from '@driftline/proto'
import type { RunBoard } from './run-board.ts'

export interface RunTailDeps {
  readonly bus: Bus
  readonly board: RunBoard
  readonly queue: Pick<CheckQueue, 'get'>
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: SelfMetrics
}

const FORGET_EVERY_MS = 5000
/** Progress is written every 200 ms: what was missed is in it by then. */
const COMPLETE_AFTER_MS = 250
const COMPLETE_TRIES = 4
/** Beginnings asked for at a time; the others are asked for when somebody looks at their run. */
const COMPLETING_MAX = 100

/** Follows runs on the bus into the board. Of runs whose beginning was not heard, the queue tells it. */
export function createRunTail(deps: RunTailDeps): Component {
  const { board, queue, clock, logger } = deps
  const unreadable = deps.metrics.counter(
    'driftline_gateway_unreadable_runs_total',
    'Events of runs that could not be read',
  )
  const completing = new Set<string>()
  let subscription: Subscription | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = true

  const completeSoon = (tenant: string, id: string, tries = 1): void => {
    const key = `${tenant}\n${id}`
    setTimeout(() => {
      complete(tenant, id)
        .catch((error: unknown) => logger.warn({ error, run: id }, 'could not read how a run began'))
        .finally(() => {
          const known = board.get(tenant, id)
          if (!stopped && known !== null && !known.complete && tries < COMPLETE_TRIES)
            completeSoon(tenant, id, tries + 1)
          else completing.delete(key)
        })
    }, COMPLETE_AFTER_MS).unref()
  }
  const complete = async (tenant: string, id: string): Promise<void> => {
    if (stopped) return
    const row = await queue.get(tenant, id)
    const whole = row === null ? null : runOfProgress(row.progress)
    if (whole !== null) board.complete(tenant, whole)
  }
  const take = (record: BusRecord): void => {
    const event = fromBinary(RunEventSchema, record.value, { readUnknownFields: false })
    // What a record is of is said by its header, which our own services wrote.
    event.tenant = record.headers.tenant
    board.take(event, record.value.length, clock.nowMs())
    const key = `${event.tenant}\n${event.run}`
    if (board.get(event.tenant, event.run)?.complete !== false) return
    if (completing.has(key) || completing.size >= COMPLETING_MAX) return
    completing.add(key)
    completeSoon(event.tenant, event.run)
  }

  return {
    name: 'gateway-runs',
    async start() {
      stopped = false
      subscription = await deps.bus.tail({
        topics: [topics.runs.name],
        handle(records) {
          for (const record of records) {
            try {
              take(record)
            } catch (error) {
              unreadable.inc()
              const { topic, partition, offset } = record
              logger.warn({ error, topic, partition, offset }, 'skipped an event of a run that could not be read')
            }
          }
        },
      })
      timer = setInterval(() => board.forgetEnded(clock.nowMs()), FORGET_EVERY_MS).unref()
    },
    async stop() {
      stopped = true
      clearInterval(timer)
      await subscription?.stop()
      subscription = undefined
    },
  }
}
