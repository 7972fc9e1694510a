import { featureCount } from './features.ts'
import { createReservoir, type Reservoir } from './reservoir.ts'

/** What is kept of a process that has a forest. Plain data: it is stored in checkpoints as it is. */
export interface WatchedProcess {
  /** Grows with each process that is taken in; the highest is the latest. */
  readonly order: number
  /** Hosts and what stands for itself come before the groups of a host. */
  readonly isGroup: boolean
  readonly rows: Reservoir
  /** The last minute with data, and the end of the last training data asked for; minutes since the epoch, -1: none. */
  lastMinute: number
  requestedThrough: number
  /** Whether the answer to the last request is still to come. */
  awaitsModel: boolean
  /** What holds now; null before the first model. */
  model: AdoptedModel | null
  /** Minutes in a row in which it was isolated; those with a wide margin count as several. */
  streak: number
  /** The minute since which it is reported; -1 while it is not. */
  raisedSince: number
}

export interface AdoptedModel {
  /** As `encodeModel` writes it. */
  readonly bytes: Uint8Array
  /** The feature of each of the forest's features. */
  readonly features: Uint8Array
  readonly trainedFromMs: number
  readonly trainedThroughMs: number
}

export const ROWS_MAX = 1024

/** The processes that have a forest, by their number. */
export interface Watchlist {
  readonly processes: Map<number, WatchedProcess>
  taken: number
}

export const createWatchlist = (): Watchlist => ({ processes: new Map(), taken: 0 })

/**
 * The entry of a process, made when there is room among `max`. For a process that is no group room is made by the
 * group that came last: so who has a forest depends on nothing but the order in which processes came.
 */
export function watch(list: Watchlist, process: number, isGroup: boolean, salt: number, max: number) {
  const known = list.processes.get(process)
  if (known !== undefined) return known
  if (list.processes.size >= max) {
    const last = isGroup ? -1 : lastGroup(list)
    if (last === -1) return undefined
    list.processes.delete(last)
  }
  list.taken += 1
  const entry: WatchedProcess = {
    order: list.taken,
    isGroup,
    rows: createReservoir(featureCount, ROWS_MAX, salt),
    lastMinute: -1,
    requestedThrough: -1,
    awaitsModel: false,
    model: null,
    streak: 0,
    raisedSince: -1,
  }
  list.processes.set(process, entry)
  return entry
}

function lastGroup({ processes }: Watchlist): number {
  let last = -1
  let order = 0
  for (const [process, entry] of processes) {
    if (!entry.isGroup || entry.order <= order) continue
    last = process
    order = entry.order
  }
  return last
}
