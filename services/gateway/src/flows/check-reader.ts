import { create } from '@bufbuild/protobuf'
import type { CheckQueue, QueuedCheck } from '@driftline/checks/check-queue'
import type { FlowDefinition } from '@driftline/checks/flow-definition'
import { runOfProgress } from '@driftline/checks/run-model'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Logger } from '@driftline/platform/logger'
import { type RunEvent, RunEventSchema, RunStatus } from '@driftline/proto'
import { definedSteps } from './check-views.ts'
import { overlay, type RunBoard } from './run-board.ts'
import { statusName, triggerName, triggerNumber } from './run-names.ts'
import { type RunPlace, type RunSearch, readRun, readRuns, type StoredPage } from './run-queries.ts'
import { hasTerms, wordsOf } from './run-words.ts'

/** Runs as the bus, the queue and the store know them together. */
export interface CheckReader {
  /** Null for one that nobody knows, or no longer. */
  read(tenant: string, id: string): Promise<RunEvent | null>
  /** A page of runs without their steps, newest first, those under way among them. */
  list(tenant: string, search: RunSearch, page: { limit: number; after: RunPlace | null }): Promise<RunPage>
}

export interface RunPage {
  readonly runs: RunEvent[]
  readonly next: RunPlace | null
}

export interface CheckReaderDeps {
  readonly board: RunBoard
  readonly queue: Pick<CheckQueue, 'get' | 'open'>
  readonly store: AnalyticsStore
  /** The definition that runs of a flow are made by now; null when there is none. */
  readonly definitionOf: (tenant: string, flow: string) => Promise<FlowDefinition | null>
  readonly logger: Logger
}

export function createCheckReader(deps: CheckReaderDeps): CheckReader {
  const { board, queue, store, logger } = deps

  /** What waits has no events yet: it is what its row and the flow's definition say. */
  const ofRow = async (row: QueuedCheck): Promise<RunEvent> => {
    const told = progressOf(row, logger)
    const heard = board.get(row.tenant, row.id)?.run ?? null
    if (told && heard) return overlay(told, heard).event
    if (told ?? heard) return (told ?? heard)!.event
    return pendingRun(row, await deps.definitionOf(row.tenant, row.flow))
  }

  return {
    async read(tenant, id) {
      const live = board.get(tenant, id)
      if (live?.complete) return live.run.event
      const row = await queue.get(tenant, id)
      // The end of one that is in the queue as ended may be told by the store only, where the queue lost it.
      if (row !== null && (row.state !== 'ended' || row.progress !== null)) return ofRow(row)
      return (await readRun(store, tenant, id)) ?? live?.run.event ?? null
    },

    async list(tenant, search, { limit, after }) {
      const wanted = search.status
      const maybeOpen = wanted === undefined || wanted.some((name) => name === 'pending' || name === 'running')
      const [stored, rows] = await Promise.all([
        wanted?.every((name) => name === 'pending' || name === 'running')
          ? { runs: [], readTo: null }
          : readRuns(store, tenant, search, { limit: limit + 1, after }),
        maybeOpen ? queue.open(tenant, search.process) : [],
      ])
      const waiting = await Promise.all(rows.map(ofRow))
      // The board is read last: what ended while the others were asked is in it, and it knows better.
      const live = [...board.of(tenant)].map(({ run }) => run.event)
      return mergeRuns(stored, [...waiting, ...live], { search, after, limit })
    },
  }
}

function progressOf(row: QueuedCheck, logger: Logger) {
  try {
    return runOfProgress(row.progress)
  } catch (error) {
    logger.warn({ error, run: row.id }, 'could not read how far a run has come')
    return null
  }
}

/** A run that waits for a checker. */
export function pendingRun(row: QueuedCheck, definition: FlowDefinition | null): RunEvent {
  const requested = BigInt(row.requestedAt.getTime())
  return create(RunEventSchema, {
    tenant: row.tenant,
    process: row.flow,
    run: row.id,
    revision: 0,
    timeMs: requested,
    status: row.state === 'pending' ? RunStatus.PENDING : RunStatus.RUNNING,
    trigger: triggerNumber(row.trigger),
    initiatedBy: row.initiatedBy,
    initiatedByName: row.initiatedByName,
    flowName: definition?.name ?? row.flow,
    flowVersion: row.flowVersion,
    stepCount: definition?.steps.length ?? 0,
    requestedMs: requested,
    correlation: row.correlation,
    steps: (definition === null ? [] : definedSteps(definition)).map(({ stepNumber, ...step }) => ({
      ...step,
      number: stepNumber,
      status: RunStatus.PENDING,
    })),
  })
}

export const placeOf = (event: RunEvent): RunPlace => ({ requestedMs: Number(event.requestedMs), id: event.run })
const isBefore = (a: RunPlace, b: RunPlace): boolean =>
  a.requestedMs === b.requestedMs ? a.id < b.id : a.requestedMs < b.requestedMs

/** Puts what is known of runs beside the store over a page of the store's. */
export function mergeRuns(
  stored: StoredPage,
  live: readonly RunEvent[],
  page: { readonly search: RunSearch; readonly after: RunPlace | null; readonly limit: number },
): RunPage {
  const { readTo } = stored
  const merged = new Map(stored.runs.map((event) => [event.run, event]))
  for (const event of live) {
    const place = placeOf(event)
    const known = merged.get(event.run)
    if (known && known.revision >= event.revision) continue
    if (page.after !== null && !isBefore(place, page.after)) continue
    // Behind it there are others that were not read.
    if (readTo !== null && isBefore(place, readTo)) continue
    if (fitsRun(event, page.search)) merged.set(event.run, event)
    else merged.delete(event.run)
  }
  const sorted = [...merged.values()].sort((a, b) => (isBefore(placeOf(a), placeOf(b)) ? 1 : -1))
  const runs = sorted.slice(0, page.limit)
  const last = runs.at(-1)
  return { runs, next: sorted.length > page.limit && last !== undefined ? placeOf(last) : readTo }
}

/** Whether a run is what is looked for, as the store decides it. */
export function fitsRun(event: RunEvent, search: RunSearch): boolean {
  const requestedMs = Number(event.requestedMs)
  if (search.process !== undefined && event.process !== search.process) return false
  if (search.status !== undefined && !search.status.includes(statusName(event.status))) return false
  if (search.trigger !== undefined && search.trigger !== triggerName(event.trigger)) return false
  if (search.fromMs !== undefined && requestedMs < Math.floor(search.fromMs)) return false
  if (search.toMs !== undefined && requestedMs >= Math.ceil(search.toMs)) return false
  return search.terms.length === 0 || hasTerms(wordsOf(event), search.terms)
}
