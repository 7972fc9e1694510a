import { create, toBinary } from '@bufbuild/protobuf'
import { createOrderedPublisher, type OwnRecord } from '@driftline/ingest/ordered-publisher'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { HotState } from '@driftline/platform/hot-state/hot-state'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { TickSchema, topics } from '@driftline/proto'

export interface TickerConfig {
  /** Name of this instance; the lease is held under it. */
  readonly instance: string
  readonly intervalMs: number
  /** How long the others wait for an instance that died, milliseconds. */
  readonly leaseMs: number
}

export const tickerDefaults = { intervalMs: 1000, leaseMs: 5000 }

export interface TickerDeps {
  readonly bus: Bus
  readonly hotState: HotState
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
}

const LEASE = 'intake/ticker'

/**
 * Publishes one Tick per partition and second. Of several instances the one with the lease does; two of them for a
 * moment do no harm, because a tick says nothing but that its time has come.
 */
export function createTicker(config: TickerConfig, deps: TickerDeps): Component {
  const { bus, hotState, logger, metrics, clock } = deps
  const ticks = metrics.counter('driftline_ticks_total', 'Ticks published, by outcome', ['outcome'])
  let timer: NodeJS.Timeout | undefined
  let ticking: Promise<void> = Promise.resolve()
  let stopped = false

  const tick = async (publish: (records: OwnRecord[]) => Promise<void>): Promise<void> => {
    try {
      if (!(await hotState.acquireLease(LEASE, config.instance, config.leaseMs))) return
      await publish(tickRecords(bus.partitionsOf(topics.ticks.name), clock.nowMs()))
      ticks.inc({ outcome: 'published' })
    } catch (error) {
      // A missed tick only delays what silence would show; the next one makes up for it.
      ticks.inc({ outcome: 'failed' })
      logger.warn({ error }, 'could not publish ticks')
    }
  }

  return {
    name: 'ticker',
    async start() {
      stopped = false
      const publisher = createOrderedPublisher({ source: `${config.instance}/ticker`, epoch: clock.nowMs() }, bus)
      const next = (): void => {
        if (stopped) return
        // On the second, so that ticks are evenly spaced; never two at once.
        timer = setTimeout(
          () => {
            ticking = tick((records) => publisher.publish(records)).then(next)
          },
          config.intervalMs - (clock.nowMs() % config.intervalMs),
        )
      }
      next()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await ticking
      await hotState.releaseLease(LEASE, config.instance).catch(() => {})
    },
  }
}

function tickRecords(partitions: number, timeMs: number): OwnRecord[] {
  const value = toBinary(TickSchema, create(TickSchema, { timeMs: BigInt(timeMs) }))
  return Array.from({ length: partitions }, (_, partition) => ({
    topic: topics.ticks.name,
    tenant: 'default',
    key: `partition/${partition}`,
    message: topics.ticks.message.typeName,
    value,
    partition,
  }))
}
