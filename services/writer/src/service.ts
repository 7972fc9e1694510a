import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Bus, RecordBatch, Subscription } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import type { WriterConfig } from './config.ts'
import { createPartitionWriter, type PartitionWriter } from './partition-writer.ts'
import type { PositionStore } from './positions.ts'
import { streams } from './streams.ts'
import { createWriterMetrics } from './writer-metrics.ts'

export interface WriterDeps {
  readonly bus: Bus
  readonly analytics: AnalyticsStore
  readonly positions: PositionStore
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
}

/** The writer of one partition, with the timer that settles it. */
interface Lane {
  readonly writer: PartitionWriter
  settleTimer: NodeJS.Timeout | undefined
  /** Writes and settling come one after the other. */
  busy: Promise<void>
}

const GROUP = 'writer'

/** Moves samples, series, snapshots, KPIs and dead letters from the bus to the analytics store. */
export function createWriter(config: WriterConfig, deps: WriterDeps): Component {
  const logger = deps.logger.child({ component: 'writer' })
  const metrics = createWriterMetrics(deps.metrics)
  const lanes = new Map<string, Lane>()
  let subscription: Subscription | null = null
  let stopping = createStop()

  function laneOf(topic: string, partition: number): Lane {
    const key = `${topic}/${partition}`
    const known = lanes.get(key)
    if (known !== undefined) return known
    const stream = streams.find((each) => each.topic.name === topic)
    if (stream === undefined) throw new Error(`the writer reads no topic ${topic}`)
    const writer = createPartitionWriter({ ...config, stream, partition }, { ...deps, metrics, logger })
    const lane: Lane = { writer, settleTimer: undefined, busy: Promise.resolve() }
    lanes.set(key, lane)
    return lane
  }

  /** Inserts at once, then lets records gather: under load a batch is what came meanwhile, and nobody waits. */
  async function handle(batch: RecordBatch): Promise<number> {
    const startedAtMs = performance.now()
    const lane = laneOf(batch.topic, batch.partition)
    clearTimeout(lane.settleTimer)
    await inTurn(lane, () => lane.writer.write(batch))
    lane.settleTimer = setTimeout(() => void settle(lane), config.settleAfterMs).unref()
    const next = batch.records.at(-1)!.offset + 1
    const waitMs = startedAtMs + lingerAfter(batch, config) - performance.now()
    if (next >= batch.endOffset && waitMs > 0) {
      await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
    return next
  }

  async function settle(lane: Lane): Promise<void> {
    clearTimeout(lane.settleTimer)
    await inTurn(lane, () => lane.writer.settle()).catch((error: unknown) => {
      // Nothing is lost: the next start repeats an insert that the store knows.
      logger.warn({ error }, 'could not store that nothing is pending')
    })
  }

  return {
    name: 'writer',
    async start() {
      stopping = createStop()
      subscription = await deps.bus.subscribe({
        group: GROUP,
        topics: streams.map(({ topic }) => topic.name),
        maxRecords: config.recordsMax,
        maxBytes: config.bodyBytesMax,
        handle,
        async onRevoked(topic, partition) {
          const lane = lanes.get(`${topic}/${partition}`)
          lanes.delete(`${topic}/${partition}`)
          if (lane !== undefined) await settle(lane)
        },
      })
    },
    async stop() {
      stopping.abort()
      await subscription?.stop()
      subscription = null
      for (const lane of lanes.values()) await settle(lane)
      lanes.clear()
    },
  }
}

function lingerAfter({ records }: RecordBatch, config: WriterConfig): number {
  const bytes = records.reduce((sum, { value }) => sum + value.length, 0)
  return bytes < config.quietBytes ? config.quietLingerMs : config.lingerMs
}

async function inTurn(lane: Lane, work: () => Promise<void>): Promise<void> {
  const turn = lane.busy.then(work)
  lane.busy = turn.catch(() => undefined)
  await turn
}

/** Every partition of every stream may wait on it at once. */
function createStop(): AbortController {
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  return stop
}
