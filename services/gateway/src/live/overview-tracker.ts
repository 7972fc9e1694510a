import type { TenantEstate } from '../estate/tenant-estate.ts'
import { countStatuses, isActive, processStatusOf, toProcessItem } from '../estate/views.ts'
import type { ProcessItem, ProcessStatus, StatusCounts } from '../schemas/processes.ts'

export interface OverviewChanges {
  readonly processes: ProcessItem[]
  readonly counts: StatusCounts
  readonly removed: string[]
}

/** Remembers what the overview's clients were told of each process, so that only changes are sent. */
export interface OverviewTracker {
  /** Takes the present as told; called when the first client subscribes. */
  reset(nowMs: number): void
  /** What changed since; null for nothing. A process whose figures are the same, only newer, has not changed. */
  changes(nowMs: number): OverviewChanges | null
}

export function createOverviewTracker(estate: TenantEstate): OverviewTracker {
  let told = new Map<string, string>()

  const compare = (nowMs: number): OverviewChanges | null => {
    const next = new Map<string, string>()
    const statuses: ProcessStatus[] = []
    const processes: ProcessItem[] = []
    for (const state of estate.processes.values()) {
      if (!isActive(state, nowMs)) continue
      const status = processStatusOf(estate, state, nowMs)
      const mark = `${state.version} ${status}`
      statuses.push(status)
      next.set(state.id, mark)
      if (told.get(state.id) !== mark) processes.push(toProcessItem(estate, state, nowMs))
    }
    const removed = [...told.keys()].filter((id) => !next.has(id))
    told = next
    if (processes.length === 0 && removed.length === 0) return null
    return { processes, counts: countStatuses(statuses), removed }
  }

  return {
    reset: (nowMs) => void compare(nowMs),
    changes: compare,
  }
}
