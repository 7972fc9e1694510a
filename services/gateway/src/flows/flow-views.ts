import { type RunEvent, RunStatus } from '@driftline/proto'
import type { Estate } from '../estate/estate.ts'
import { processStatusOf } from '../estate/views.ts'
import { definedSteps, headerOf, toMs } from './check-views.ts'
import type { BookedFlow, FlowBook } from './flow-book.ts'
import type { FlowItem, FlowShort } from './flow-schemas.ts'
import type { RunBoard } from './run-board.ts'
import type { RunStats } from './run-figures.ts'

/** The last run of each flow that has ended, and what it means for the estate. */
export interface LastRuns {
  note(event: RunEvent): void
  of(tenant: string, flow: string): RunEvent | null
}

const FLOWS_MAX = 50_000

export function createLastRuns({ estate }: { readonly estate: Estate }): LastRuns {
  const last = new Map<string, RunEvent>()
  const keyOf = (tenant: string, flow: string): string => `${tenant}\n${flow}`
  return {
    note(event) {
      const { tenant, process } = event
      const failed = event.status === RunStatus.FAILED || event.status === RunStatus.TIMEOUT
      // What was cancelled or interrupted says nothing of the process.
      if (failed || event.status === RunStatus.SUCCESS) {
        estate.tenant(tenant).noteRun(process, { endMs: Number(event.endMs), failed, message: event.message })
      }
      const key = keyOf(tenant, process)
      const known = last.get(key)
      if (known && known.run !== event.run && known.requestedMs > event.requestedMs) return
      if (known?.run === event.run && known.revision > event.revision) return
      if (known === undefined && last.size >= FLOWS_MAX) last.delete(last.keys().next().value ?? '')
      last.set(key, event)
    },
    of: (tenant, flow) => last.get(keyOf(tenant, flow)) ?? null,
  }
}

export interface FlowViewDeps {
  readonly estate: Estate
  readonly book: FlowBook
  readonly lastRuns: LastRuns
}

/** The newest run of each flow that is under way. */
export function newestOpen(events: Iterable<RunEvent>): Map<string, RunEvent> {
  const open = new Map<string, RunEvent>()
  for (const event of events) {
    if (event.endMs > 0n) continue
    const known = open.get(event.process)
    const isNewer =
      !known || known.requestedMs < event.requestedMs || (known.run === event.run && known.revision < event.revision)
    if (isNewer) open.set(event.process, event)
  }
  return open
}

export function* eventsOn(board: RunBoard, tenant: string): Iterable<RunEvent> {
  for (const { run } of board.of(tenant)) yield run.event
}

export function shortOf(
  deps: FlowViewDeps,
  tenant: string,
  id: string,
  open: RunEvent | null,
  nowMs: number,
): FlowShort {
  const mine = deps.estate.tenant(tenant)
  const state = mine.processes.get(id)
  const last = deps.lastRuns.of(tenant, id)
  return {
    id,
    health: state ? processStatusOf(mine, state, nowMs) : 'learning',
    lastRun: last === null ? null : lastOf(last),
    openRun: open === null ? null : openOf(open),
  }
}

function lastOf(event: RunEvent): FlowShort['lastRun'] {
  const {
    checkId,
    overallStatus: status,
    startTime,
    endTime,
    executionTime,
    trigger,
    initiatedBy,
    message,
  } = headerOf(event)
  return { checkId, status, startTime, endTime, executionTime, trigger, initiatedBy, message: message ?? '' }
}

function openOf(event: RunEvent): FlowShort['openRun'] {
  const { checkId, overallStatus: status, currentStep, startTime } = headerOf(event)
  return { checkId, status, currentStep, startTime }
}

export function itemOf(flow: BookedFlow, short: FlowShort, stats: RunStats | undefined): FlowItem {
  const { name, category, description, tags, owner, active, schedules, steps } = flow.definition
  const counted = stats ? stats.succeeded + stats.failed : 0
  return {
    ...short,
    name,
    category,
    description,
    tags,
    owner,
    active,
    version: flow.version,
    stepCount: steps.length,
    steps: definedSteps(flow.definition),
    schedules,
    successRate: stats && counted > 0 ? stats.succeeded / counted : null,
    medianTime: stats?.median == null ? null : toMs(stats.median),
  }
}
