import { hostMetrics, processId } from '@driftline/proto'
import type { AlertItem, OperationalDashboard } from '../schemas/anomalies.ts'
import type { HostItem } from '../schemas/hosts.ts'
import type {
  OverviewItem,
  ProcessDetail,
  ProcessFilter,
  ProcessItem,
  ProcessMetrics,
  ProcessStatus,
  StatusCounts,
} from '../schemas/processes.ts'
import { driftKpi, driftLineOf, driftScore, normalsOf } from './drift-state.ts'
import { type StripPoint, stripPoints } from './drift-strip.ts'
import { worstOf } from './findings.ts'
import type { HostState } from './host-state.ts'
import { tidyNumber, toProcessMetrics } from './kpi-columns.ts'
import type { ProcessState } from './process-state.ts'
import { INACTIVE_AFTER_MS, isLearning, LEARNING_MS, silentAfterMs, statusOf } from './status.ts'
import type { TenantEstate } from './tenant-estate.ts'
import { trailUpTo } from './trail.ts'

const iso = (timeMs: number): string => new Date(timeMs).toISOString()

/**
 * When something of a process was last heard. The host speaks for its groups: a group without instances is not silent
 * as long as its host says so.
 */
function lastHeardMs(estate: TenantEstate, state: ProcessState): number {
  const host = state.host === null ? undefined : estate.hosts.get(state.host)
  return Math.max(state.lastHeardMs, host?.heardAtMs ?? 0, ownSamplesMs(estate, state))
}

/** A service that sends none of the key figures is heard by its other metrics; of hosts the agent tells. */
function ownSamplesMs(estate: TenantEstate, state: ProcessState): number {
  return state.host === null ? estate.series.newestOf(state.id) : 0
}

function intervalMs(estate: TenantEstate, state: ProcessState): number | null {
  if (state.host === null) return state.gapMs === 0 ? null : state.gapMs
  const seconds = estate.hosts.get(state.host)?.description?.intervalSeconds
  return seconds === undefined ? null : seconds * 1000
}

export function processStatusOf(estate: TenantEstate, state: ProcessState, nowMs: number): ProcessStatus {
  const worst = worstOf(estate.findings.openOf(state.id))?.severity ?? null
  if (state.kind === 'flow' && worst !== 'critical' && worst !== 'warning') {
    // A business process is as its last run went; one that never ran says nothing, which is no news while it is new.
    if (state.lastRun?.failed) return 'critical'
    if (state.lastRun === null && state.kpis === null) {
      return nowMs - state.firstSeenMs < LEARNING_MS ? 'learning' : 'silent'
    }
  }
  return statusOf({
    nowMs,
    lastHeardMs: lastHeardMs(estate, state),
    intervalMs: intervalMs(estate, state),
    silentAfterMs: silentAfterMs[state.kind],
    firstSeenMs: state.firstSeenMs,
    learnt: state.drift.learnt,
    worst,
  })
}

/** False when switched off, or when its last instance ended an hour ago. */
export function isActive(state: ProcessState, nowMs: number): boolean {
  if (!state.settings.active) return false
  return state.endedAtMs === null || nowMs - state.endedAtMs < INACTIVE_AFTER_MS
}

/** When a process was last there: a group lives as long as its host shows an instance of it. */
function lastSeenMs(estate: TenantEstate, state: ProcessState): number {
  if (state.endedAtMs !== null) return state.endedAtMs
  const host = state.host === null ? undefined : estate.hosts.get(state.host)
  return Math.max(state.lastSeenMs, host?.timeMs ?? 0, ownSamplesMs(estate, state))
}

export function toProcessItem(estate: TenantEstate, state: ProcessState, nowMs: number): ProcessItem {
  return {
    processId: state.id,
    kind: state.kind,
    name: state.name,
    host: state.host,
    status: processStatusOf(estate, state, nowMs),
    drift: driftScore(state.drift, nowMs),
    driftKpi: driftKpi(state.drift, nowMs),
    reason: reasonOf(estate, state),
    category: state.settings.category,
    tags: [...state.settings.tags],
    description: state.settings.description,
    ...(state.settings.owner === undefined ? {} : { owner: state.settings.owner }),
    active: isActive(state, nowMs),
    metrics: metricsOf(estate, state),
    lastSeen: iso(lastSeenMs(estate, state)),
    endedAt: state.endedAtMs === null ? null : iso(state.endedAtMs),
  }
}

/** The worst that lasts, in words. */
export function reasonOf(estate: TenantEstate, state: ProcessState): string | null {
  const failed = state.lastRun?.failed ? state.lastRun.message : null
  return worstOf(estate.findings.openOf(state.id))?.description ?? failed
}

function metricsOf(estate: TenantEstate, state: ProcessState): ProcessMetrics | null {
  return state.kpis === null ? null : toProcessMetrics(state.id, state.kpiTimeMs, state.kpis, load1Of(estate, state))
}

/** The load that a host told last, as long as it tells any. */
export function load1Of(estate: TenantEstate, state: ProcessState): number | null {
  const load = state.kind === 'host' ? estate.series.find(state.id, hostMetrics.load1.name) : undefined
  return load && load.timeMs >= state.kpiTimeMs - LOAD_MAX_AGE_MS ? tidyNumber(load.value) : null
}
const LOAD_MAX_AGE_MS = 60_000

/** The item with its trail and drift line, as the overview shows it at first. */
export function toOverviewItem(estate: TenantEstate, state: ProcessState, nowMs: number): OverviewItem {
  return {
    ...toProcessItem(estate, state, nowMs),
    driftLine: driftLineOf(state.drift, nowMs),
    trail: trailUpTo(state.trail, nowMs),
  }
}

export function toProcessDetail(estate: TenantEstate, state: ProcessState, nowMs: number): ProcessDetail {
  const learning = isLearning({ nowMs, firstSeenMs: state.firstSeenMs, learnt: state.drift.learnt })
  const interval = intervalMs(estate, state)
  return {
    ...toProcessItem(estate, state, nowMs),
    driftLine: driftLineOf(state.drift, nowMs),
    normal: normalsOf(state.drift),
    firstSeen: iso(state.firstSeenMs),
    learningUntil: learning ? iso(state.firstSeenMs + LEARNING_MS) : null,
    intervalSeconds: interval === null ? null : Math.round(interval / 100) / 10,
  }
}

export function toHostItem(estate: TenantEstate, host: HostState, nowMs: number): HostItem {
  const id = processId('host', host.host)
  const state = estate.processes.get(id)
  const status = statusOf({
    nowMs,
    lastHeardMs: Math.max(host.heardAtMs, state?.lastHeardMs ?? 0),
    intervalMs: host.description === null ? null : host.description.intervalSeconds * 1000,
    firstSeenMs: state?.firstSeenMs ?? nowMs,
    learnt: state?.drift.learnt ?? false,
    worst: worstOf(estate.findings.openOf(id))?.severity ?? null,
  })
  return {
    host: host.host,
    processId: id,
    status,
    description: host.description,
    processCount: host.rows.size,
    metrics: state ? metricsOf(estate, state) : null,
    lastSeen: iso(host.timeMs ?? state?.lastSeenMs ?? host.heardAtMs),
  }
}

export function countStatuses(statuses: Iterable<ProcessStatus>): StatusCounts {
  const counts: StatusCounts = { total: 0, ok: 0, warning: 0, critical: 0, silent: 0, learning: 0 }
  for (const status of statuses) {
    counts.total++
    counts[status]++
  }
  return counts
}

/** All active processes, by id. */
export function toDashboard(estate: TenantEstate, nowMs: number): OperationalDashboard {
  const processes = sortedProcesses(estate)
    .filter((state) => isActive(state, nowMs))
    .map((state) => toOverviewItem(estate, state, nowMs))
  return dashboardOf(processes, nowMs, { alerts: shownAlerts(estate), estateDrift: stripPoints(estate.strip, nowMs) })
}

/** More open alerts than this nobody reads at once; the list of alerts has them all. */
const ALERTS_SHOWN = 500

export function shownAlerts(estate: TenantEstate): AlertItem[] {
  return estate.findings.openAlerts().slice(0, ALERTS_SHOWN)
}

/** The dashboard of a moment, live or past. */
export function dashboardOf(
  processes: OverviewItem[],
  atMs: number,
  whole: { alerts: AlertItem[]; estateDrift: StripPoint[] },
): OperationalDashboard {
  return {
    processes,
    counts: countStatuses(processes.map((item) => item.status)),
    ...whole,
    generatedAt: iso(atMs),
  }
}

/** What a filter looks at: a live process, or one of a past moment. */
export interface Filtered {
  readonly state: Pick<ProcessState, 'id' | 'kind' | 'name' | 'host' | 'settings'>
  active(): boolean
  status(): ProcessStatus
}

/** The processes that a filter lets through, sorted by id. */
export function findProcesses(estate: TenantEstate, filter: Filter, nowMs: number): ProcessState[] {
  return sortedProcesses(estate).filter((state) =>
    letsThrough(filter, {
      state,
      active: () => isActive(state, nowMs),
      status: () => processStatusOf(estate, state, nowMs),
    }),
  )
}

type Filter = Omit<ProcessFilter, 'limit' | 'cursor' | 'at'>

export function letsThrough(filter: Filter, { state, active, status }: Filtered): boolean {
  if (filter.kind !== undefined && state.kind !== filter.kind) return false
  if (filter.host !== undefined && state.host !== filter.host) return false
  if (filter.category !== undefined && state.settings.category !== filter.category) return false
  if (filter.tag !== undefined && !state.settings.tags.includes(filter.tag)) return false
  if (filter.active !== undefined && active() !== filter.active) return false
  if (filter.status !== undefined && status() !== filter.status) return false
  const words = (filter.q ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  return words.length === 0 || matches(state, words)
}

function matches(state: Filtered['state'], words: readonly string[]): boolean {
  const { category, tags, description, owner } = state.settings
  const text = [state.id, state.name, category ?? '', ...tags, description ?? '', owner ?? ''].join('\n').toLowerCase()
  return words.every((word) => text.includes(word))
}

function sortedProcesses(estate: TenantEstate): ProcessState[] {
  return [...estate.processes.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}
