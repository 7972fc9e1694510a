import type { CheckQueue } from '@driftline/checks/check-queue'
import type { FlowStore } from '@driftline/checks/flow-store'
import { runOfProgress } from '@driftline/checks/run-model'
import { actorOf } from '@driftline/platform/access/audit-log'
import type { Principal } from '@driftline/platform/access/permissions'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { SelfMetrics } from '@driftline/platform/metrics'
import type { Estate } from '../estate/estate.ts'
import type { DefinedProcess } from '../estate/tenant-estate.ts'
import type { ProcessPatch } from '../schemas/processes.ts'
import { type CheckReader, createCheckReader } from './check-reader.ts'
import { type BookedFlow, createFlowBook, type FlowBook } from './flow-book.ts'
import { createLastRuns, type LastRuns } from './flow-views.ts'
import { createFlowChannels, type FlowChannels } from './live-channels.ts'
import { translated } from './route-deps.ts'
import { createRunBoard, type RunBoard } from './run-board.ts'
import { readLastRunPlaces } from './run-figures.ts'
import { readRunHeaders } from './run-queries.ts'
import { createRunTail } from './run-tail.ts'

/** Everything about flows that lives as long as the gateway. */
export interface FlowParts {
  readonly board: RunBoard
  readonly book: FlowBook
  readonly lastRuns: LastRuns
  readonly reader: CheckReader
  readonly channels: FlowChannels
  readonly component: Component
  /** Changes what people set about a process where its definition says that; false for other processes. */
  patchDefined(by: Principal, id: string, patch: ProcessPatch): Promise<boolean>
}

export interface FlowPartsDeps {
  readonly bus: Bus
  readonly analytics: AnalyticsStore
  readonly metadata: Metadata
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly estate: Estate
  readonly flows: FlowStore
  readonly checkQueue: CheckQueue
}

const REFRESH_EVERY_MS = 3000
const WARM_AGAIN_MS = 10_000
const LAST_RUNS_MS = 30 * 86_400_000

export function createFlowParts(deps: FlowPartsDeps): FlowParts {
  const { estate, clock, logger, checkQueue } = deps
  const board = createRunBoard()
  const book = createFlowBook(deps)
  const lastRuns = createLastRuns({ estate })
  const reader = createCheckReader({
    board,
    queue: checkQueue,
    store: deps.analytics,
    definitionOf: async (tenant, flow) => book.of(tenant).get(flow)?.definition ?? null,
    logger,
  })
  const tail = createRunTail({ ...deps, board, queue: checkQueue })
  const channels = createFlowChannels({ estate, book, lastRuns, board, reader, clock })
  book.follow((tenant) => estate.tenant(tenant).defineFlows(definedOf(book.of(tenant))))
  board.follow(({ after }) => {
    if (after.endMs > 0n) lastRuns.note(after)
  })
  return {
    board,
    book,
    lastRuns,
    reader,
    channels,
    component: createKeeper(deps, { board, book, lastRuns, tail }),
    async patchDefined(by, id, patch) {
      if (!book.of(by.tenant).has(id)) return false
      const { definition } = await deps.flows.get(by.tenant, id)
      const { category = definition.category, description = definition.description, ...rest } = patch
      const next = { ...definition, ...rest, category: category ?? '', description: description ?? '' }
      await translated(deps.flows.update(by.tenant, id, null, next, actorOf(by)))
      await book.refresh()
      return true
    },
  }
}

function definedOf(flows: ReadonlyMap<string, BookedFlow>): Map<string, DefinedProcess> {
  const defined = new Map<string, DefinedProcess>()
  for (const { id, createdAtMs, definition } of flows.values()) {
    const { name, category, tags, description, active, owner } = definition
    const settings = { category: category || null, tags, description: description || null, active, owner }
    defined.set(id, { name, definedAtMs: createdAtMs, settings })
  }
  return defined
}

/** Follows runs and definitions, and brings in at the start what was before. */
function createKeeper(
  deps: FlowPartsDeps,
  parts: Pick<FlowParts, 'board' | 'book' | 'lastRuns'> & { readonly tail: Component },
): Component {
  const { logger, clock } = deps
  const { board, book, lastRuns, tail } = parts
  let timers: NodeJS.Timeout[] = []
  let stopped = true

  const takeOpen = async (tenant: string): Promise<void> => {
    for (const { id, progress } of await deps.checkQueue.open(tenant)) {
      const whole = runOfProgress(progress)
      if (whole === null || board.get(tenant, id)?.complete) continue
      board.take(whole.event, JSON.stringify(progress).length, clock.nowMs())
      board.complete(tenant, whole)
    }
  }
  const takeLast = async (): Promise<void> => {
    const byTenant = new Map<string, string[]>()
    const fromMs = clock.nowMs() - LAST_RUNS_MS
    for (const { tenant, process, run } of await readLastRunPlaces(deps.analytics, fromMs)) {
      if (!book.of(tenant).has(process)) continue
      const mine = byTenant.get(tenant)
      if (mine) mine.push(run)
      else byTenant.set(tenant, [run])
    }
    for (const [tenant, runs] of byTenant) {
      for (const event of await readRunHeaders(deps.analytics, tenant, { runs, fromMs })) lastRuns.note(event)
    }
  }
  const warm = async (): Promise<void> => {
    try {
      await book.refresh()
      for (const { tenant } of deps.estate.tenants()) await takeOpen(tenant)
      await takeLast()
    } catch (error) {
      if (stopped) return
      logger.warn({ error }, 'could not read what flows there are and how they went; trying again')
      timers.push(setTimeout(() => void warm(), WARM_AGAIN_MS).unref())
    }
  }
  const refresh = (): void => {
    book.refresh().catch((error: unknown) => logger.warn({ error }, 'could not read the definitions of flows'))
  }
  return {
    name: 'gateway-flows',
    async start() {
      stopped = false
      await tail.start()
      await warm()
      timers.push(setInterval(refresh, REFRESH_EVERY_MS).unref())
    },
    async stop() {
      stopped = true
      for (const timer of timers) clearInterval(timer)
      timers = []
      await tail.stop()
    },
  }
}
