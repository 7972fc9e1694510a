import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { MINUTE_MS } from '../estate/drift-state.ts'
import type { MinuteSums } from '../estate/drift-strip.ts'
import type { Cache } from './cache.ts'
import { readDriftSums } from './drift.ts'

const HOUR_MINUTES = 60
const HOURS = 25
/** An hour that ended less than this ago may still get points. */
const SETTLED_MINUTES = 10

/** Sums of one hour by minute; NaN where nothing is known. */
export interface StripHour {
  readonly up: Float32Array
  readonly down: Float32Array
}

/** The strip of a past moment: hours that are over are kept, so that winding through a day reads each hour once. */
export async function pastStrip(
  deps: {
    store: AnalyticsStore
    stripCache: Cache<StripHour>
    live: MinuteSums & { reachesBackTo(now: number): number }
  },
  tenant: string,
  moment: { atMs: number; nowMs: number },
): Promise<MinuteSums> {
  const nowMinute = Math.floor(moment.nowMs / MINUTE_MS)
  const lastHour = Math.floor(moment.atMs / MINUTE_MS / HOUR_MINUTES)
  const hours = new Map<number, StripHour>()
  for (let hour = lastHour - HOURS + 1; hour <= lastHour; hour++) {
    if (hour * HOUR_MINUTES >= deps.live.reachesBackTo(nowMinute)) continue
    const load = (): Promise<StripHour> => readHour(deps.store, tenant, hour)
    const settled = (hour + 1) * HOUR_MINUTES + SETTLED_MINUTES < nowMinute
    hours.set(hour, settled ? await deps.stripCache.get(`${tenant}\n${hour}`, load) : await load())
  }
  const read = (side: 'up' | 'down', minute: number): number => {
    const hour = hours.get(Math.floor(minute / HOUR_MINUTES))
    return hour ? hour[side][minute % HOUR_MINUTES]! : deps.live[side](minute)
  }
  const known = (minute: number): boolean => {
    if (minute * MINUTE_MS > moment.atMs) return false
    const hour = hours.get(Math.floor(minute / HOUR_MINUTES))
    return hour ? !Number.isNaN(hour.up[minute % HOUR_MINUTES]!) : deps.live.known(minute)
  }
  return { up: (minute) => read('up', minute), down: (minute) => read('down', minute), known }
}

async function readHour(store: AnalyticsStore, tenant: string, hour: number): Promise<StripHour> {
  const fromMs = hour * HOUR_MINUTES * MINUTE_MS
  const read = {
    up: new Float32Array(HOUR_MINUTES).fill(Number.NaN),
    down: new Float32Array(HOUR_MINUTES).fill(Number.NaN),
  }
  for (const { at, up, down } of await readDriftSums(
    store,
    { tenant },
    { fromMs, toMs: fromMs + HOUR_MINUTES * MINUTE_MS },
  )) {
    read.up[at % HOUR_MINUTES] = up
    read.down[at % HOUR_MINUTES] = down
  }
  return read
}
