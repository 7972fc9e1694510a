import type { CheckQueue } from '@driftline/checks/check-queue'
import { type FlowStore, InvalidFlowError } from '@driftline/checks/flow-store'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Clock } from '@driftline/platform/clock'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { ActorNames } from '../access/actor-names.ts'
import type { ProcessSettingsStore } from '../access/process-settings.ts'
import { ProblemError } from '../http/problems.ts'
import type { Cache } from '../queries/cache.ts'
import type { CheckReader } from './check-reader.ts'
import type { FlowViewDeps } from './flow-views.ts'
import type { RunBoard } from './run-board.ts'
import type { RunStats, StepNormal } from './run-figures.ts'

/** What the routes about flows and their runs work with. */
export interface FlowRouteDeps extends FlowViewDeps {
  readonly flows: FlowStore
  readonly checkQueue: CheckQueue
  readonly board: RunBoard
  readonly reader: CheckReader
  readonly store: AnalyticsStore
  readonly metadata: Metadata
  readonly processSettings: ProcessSettingsStore
  readonly names: ActorNames
  readonly clock: Clock
  readonly runStatsCache: Cache<ReadonlyMap<string, RunStats>>
  readonly stepNormalCache: Cache<StepNormal[]>
  /** Where this gateway answers, for examples about the product itself. */
  readonly address: () => { readonly host: string; readonly port: number }
}

/** A definition that is refused is answered with every problem at its path. */
export async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof InvalidFlowError)) throw error
    const errors = error.problems.map(({ path, message }) => ({ parameter: path || 'definition', reason: message }))
    throw new ProblemError(400, 'flow_invalid', error.message.slice(0, 2000), { errors })
  }
}
