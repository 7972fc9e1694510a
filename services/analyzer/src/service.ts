import type { Bus, RecordBatch, Subscription } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { createAnalyzerMetrics } from './analyzer-metrics.ts'
import type { CheckpointStore } from './checkpoints.ts'
import type { AnalyzerConfig } from './config.ts'
import { createForestTrainer } from './detectors/isolation-forest/trainer.ts'
import type { HistoryReader } from './history/history-reader.ts'
import { createWarmUp } from './history/warm-up.ts'
import { createMembership } from './membership.ts'
import { inputTopics, openPartitionRunner, type PartitionRunner, type PartitionRunnerDeps } from './partition-runner.ts'

export interface AnalyzerDeps {
  readonly bus: Bus
  /** Started and stopped with the analyzer. */
  readonly checkpoints: CheckpointStore
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
  /** What is stored of the past; without it every host begins without one. */
  readonly history?: HistoryReader
}

const GROUP = 'analyzer'
const RECORDS_MAX = 500
const BYTES_MAX = 4 * 1024 * 1024
/** A partition that another instance has taken is given to it by the bus within this time, or it is dead. */
const JOIN_AGAIN_AFTER_MS = 15_000

/** A partition that this instance owns, with the topics of it that it has been given. */
interface OwnedPartition {
  readonly runner: Promise<PartitionRunner>
  readonly topics: Set<string>
  closed: boolean
}

/** Turns samples, process tables and ticks into KPIs per second of event time. */
export function createAnalyzer(config: AnalyzerConfig, deps: AnalyzerDeps): Component {
  const trainer = createForestTrainer()
  const metrics = createAnalyzerMetrics(deps.metrics)
  const { history, ...rest } = deps
  const runnerDeps: PartitionRunnerDeps = {
    ...rest,
    group: GROUP,
    train: trainer.train,
    metrics,
    ...(history && {
      warmUp: createWarmUp(config.step, { history, logger: deps.logger, counted: metrics.countWarmUp }),
    }),
  }
  const owned = new Map<number, OwnedPartition>()

  const assign = async (topic: string, number: number): Promise<void> => {
    let partition = owned.get(number)
    if (partition === undefined || partition.closed) {
      partition = { runner: openPartitionRunner(config, runnerDeps, number), topics: new Set(), closed: false }
      owned.set(number, partition)
    }
    partition.topics.add(topic)
    try {
      await partition.runner
    } catch (error) {
      // The bus asks again until it succeeds.
      partition.closed = true
      throw error
    }
  }

  const revoke = async (topic: string, number: number): Promise<void> => {
    const partition = owned.get(number)
    if (partition === undefined || !partition.topics.delete(topic)) return
    // The first topic that goes ends the partition: without one of them the others make no sense.
    partition.closed = true
    if (partition.topics.size === 0) owned.delete(number)
    await (await partition.runner).close()
  }

  const handle = async (batch: RecordBatch): Promise<number> => {
    const partition = owned.get(batch.partition)
    if (partition === undefined) return batch.records[0]!.offset
    const runner = await partition.runner
    const safeOffset = await runner.handle(batch)
    if (runner.isReplaced()) membership.joinAgainLater()
    return safeOffset
  }

  const subscribe = (): Promise<Subscription> =>
    deps.bus.subscribe({
      group: GROUP,
      topics: inputTopics,
      maxRecords: RECORDS_MAX,
      maxBytes: BYTES_MAX,
      handle,
      onAssigned: assign,
      onRevoked: revoke,
    })
  // One that had hung may have taken a partition late, and died: nobody works on it until the group changes.
  const isStuck = async (): Promise<boolean> => {
    const runners = await Promise.allSettled([...owned.values()].map(({ runner }) => runner))
    return runners.some((each) => each.status === 'fulfilled' && each.value.isReplaced())
  }
  const joinAgainAfterMs = config.joinAgainAfterMs ?? JOIN_AGAIN_AFTER_MS
  const membership = createMembership({ joinAgainAfterMs }, { subscribe, isStuck, logger: deps.logger })

  return {
    name: 'analyzer',
    async start() {
      await deps.checkpoints.start()
      await trainer.start()
      await membership.join()
    },
    async stop() {
      await membership.leave()
      await trainer.stop()
      await deps.checkpoints.stop()
    },
  }
}
