import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import { readTrails } from '../queries/past.ts'
import { readHosts, readLastKpis, readRecentProcesses, readSeriesDefinitions } from '../queries/warm.ts'
import type { Estate } from './estate.ts'
import type { History } from './history.ts'
import { takeKpis } from './process-state.ts'
import type { EstateLimits } from './tenant-estate.ts'
import { noteTrail } from './trail.ts'

const DAY_MS = 86_400_000
/** Reads of host tables at a time. */
const HOSTS_AT_ONCE = 4

export interface WarmUpDeps {
  readonly store: AnalyticsStore
  readonly estate: Estate
  readonly history: History
  readonly limits: EstateLimits
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Fills the estate from the store, so that right after a start everything is listed with its last values. The feed
 * already runs: whatever it brought is newer and stays.
 */
export async function warmUp(deps: WarmUpDeps): Promise<void> {
  const startedAt = performance.now()
  await warmSeries(deps)
  await warmProcesses(deps)
  await warmHosts(deps)
  let processes = 0
  for (const tenant of deps.estate.tenants()) processes += tenant.processes.size
  deps.logger.info({ processes, durationMs: Math.round(performance.now() - startedAt) }, 'live state is warm')
}

async function warmSeries({ store, estate, limits }: WarmUpDeps): Promise<void> {
  for (const stored of await readSeriesDefinitions(store, Math.min(limits.series, 100_000))) {
    const tenant = estate.tenant(stored.tenant)
    tenant.series.define({ ...stored, id: BigInt(stored.id) })
    tenant.ensureProcess(stored.process, stored.definedAtMs)
  }
}

async function warmProcesses({ store, estate, limits, clock }: WarmUpDeps): Promise<void> {
  for (const stored of await readRecentProcesses(store, clock.nowMs() - DAY_MS, limits.processes)) {
    const state = estate.tenant(stored.tenant).ensureProcess(stored.process, stored.firstMs)
    if (!state) continue
    state.firstSeenMs = Math.min(state.firstSeenMs, stored.firstMs)
    state.lastSeenMs = Math.max(state.lastSeenMs, stored.lastMs)
  }
  for (const stored of await readTrails(store, { atMs: clock.nowMs(), limit: limits.processes })) {
    const trail = estate.tenant(stored.tenant).processes.get(stored.process)?.trail
    if (trail) for (const [timeMs, cores] of stored.points) noteTrail(trail, timeMs, cores)
  }
  for (const stored of await readLastKpis(store, limits.processes)) {
    const state = estate.tenant(stored.tenant).ensureProcess(stored.process, stored.timeMs)
    if (state) takeKpis(state, stored.timeMs, stored.values, stored.timeMs)
  }
}

async function warmHosts({ store, history, limits, logger }: WarmUpDeps): Promise<void> {
  const hosts = await readHosts(store, limits.hosts)
  const queue = [...hosts]
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      try {
        await history.rebuild(next.tenant, next.host)
      } catch (error) {
        logger.warn({ error, host: next.host }, 'could not read the last process table of a host')
      }
    }
  }
  await Promise.all(Array.from({ length: HOSTS_AT_ONCE }, worker))
}
