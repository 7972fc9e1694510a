import { type DriftState, knownPoint, MINUTE_MS, minuteOf, tidyDeviation } from '../estate/drift-state.ts'
import type { ProcessState } from '../estate/process-state.ts'
import type { TenantEstate } from '../estate/tenant-estate.ts'
import { countStatuses, isActive, reasonOf, toProcessItem } from '../estate/views.ts'
import type { AlertItem } from '../schemas/anomalies.ts'
import type { ProcessItem, ProcessStatus, StatusCounts } from '../schemas/processes.ts'

export interface DriftPoint {
  readonly processId: string
  readonly time: string
  readonly deviation: number | null
}

export interface OverviewChanges {
  readonly processes: ProcessItem[]
  readonly counts: StatusCounts
  readonly drift?: DriftPoint[]
  readonly alerts?: AlertItem[]
  readonly removed: string[]
}

/** Remembers what the overview's clients were told of each process, so that only changes are sent. */
export interface OverviewTracker {
  /** Takes the present as told; called when the first client subscribes. */
  reset(nowMs: number): void
  /**
   * What changed since, with alerts that changed; null for nothing. A process whose figures are the same, only newer,
   * has not changed.
   */
  changes(nowMs: number, alerts: AlertItem[]): OverviewChanges | null
}

/** What was told of one process. */
interface Told {
  readonly mark: string
  /** The running minute and the one before, whose point is corrected when the bus tells it. */
  readonly minute: number
  readonly running: number
  readonly closed: number
}

export function createOverviewTracker(estate: TenantEstate): OverviewTracker {
  let told = new Map<string, Told>()

  const compare = (nowMs: number, alerts: AlertItem[]): OverviewChanges | null => {
    const next = new Map<string, Told>()
    const statuses: ProcessStatus[] = []
    const processes: ProcessItem[] = []
    const drift: DriftPoint[] = []
    for (const state of estate.processes.values()) {
      if (!isActive(state, nowMs)) continue
      const item = toProcessItem(estate, state, nowMs)
      const before = told.get(state.id)
      const now = { mark: markOf(estate, state, item), ...pointsOf(state.drift, nowMs) }
      statuses.push(item.status)
      next.set(state.id, now)
      if (before?.mark !== now.mark) processes.push(item)
      drift.push(...changedPoints(state, before, now))
    }
    const removed = [...told.keys()].filter((id) => !next.has(id))
    told = next
    if (processes.length + removed.length + drift.length + alerts.length === 0) return null
    return {
      processes,
      counts: countStatuses(statuses),
      ...(drift.length === 0 ? {} : { drift }),
      ...(alerts.length === 0 ? {} : { alerts }),
      removed,
    }
  }

  return {
    reset: (nowMs) => void compare(nowMs, []),
    changes: compare,
  }
}

function markOf(estate: TenantEstate, state: ProcessState, item: ProcessItem): string {
  const level = item.drift === null ? null : levelOf(item.drift)
  // Which KPI is farthest changes all the time while none is far.
  const kpi = item.drift !== null && Math.abs(item.drift) >= 2 ? item.driftKpi : null
  return `${state.version} ${item.status} ${level} ${kpi} ${reasonOf(estate, state)}`
}

function pointsOf(drift: DriftState, nowMs: number): Omit<Told, 'mark'> {
  const minute = minuteOf(nowMs)
  return {
    minute,
    running: levelOf(knownPoint(drift, minute)),
    closed: levelOf(knownPoint(drift, minute - 1)),
  }
}

/**
 * A deviation in steps that an eye can tell apart on a line: half a sigma where it is a ripple, an eighth of a doubling
 * above. NaN where nothing is known.
 */
function levelOf(deviation: number): number {
  const size = Math.abs(deviation)
  return size < 4 ? Math.round(deviation * 2) : Math.sign(deviation) * (8 + Math.round(8 * Math.log2(size / 4)))
}

function changedPoints(state: ProcessState, before: Told | undefined, now: Told): DriftPoint[] {
  const points: DriftPoint[] = []
  const toldClosed =
    before?.minute === now.minute ? before.closed : before?.minute === now.minute - 1 ? before.running : Number.NaN
  const add = (minute: number): void => {
    const deviation = tidyDeviation(knownPoint(state.drift, minute))
    points.push({ processId: state.id, time: new Date(minute * MINUTE_MS).toISOString(), deviation })
  }
  if (!Object.is(toldClosed, now.closed)) add(now.minute - 1)
  const toldRunning = before?.minute === now.minute ? before.running : Number.NaN
  if (!Object.is(toldRunning, now.running)) add(now.minute)
  return points
}
