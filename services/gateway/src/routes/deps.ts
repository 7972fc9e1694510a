import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Clock } from '@driftline/platform/clock'
import type { ActorNames } from '../access/actor-names.ts'
import type { AlertStore } from '../access/alerts.ts'
import type { DetectionStore } from '../access/detection-settings.ts'
import type { ProcessSettingsStore } from '../access/process-settings.ts'
import type { VerdictStore } from '../access/verdicts.ts'
import type { Estate } from '../estate/estate.ts'
import type { History } from '../estate/history.ts'
import type { HostState } from '../estate/host-state.ts'
import type { ProcessState } from '../estate/process-state.ts'
import { notFound } from '../http/problems.ts'
import type { Cache } from '../queries/cache.ts'
import type { SeriesDefinition } from '../queries/samples.ts'
import type { StripHour } from '../queries/strip.ts'
import type { AlertItem, AnomalyItem } from '../schemas/anomalies.ts'

/** Life of what the store keeps, milliseconds. */
export interface RetentionTimes {
  readonly rawMs: number
  readonly rollupMs: number
}

/** What people did here goes to every screen at once; other gateways learn of it over the bus. */
export interface Announcements {
  anomaly(tenant: string, anomaly: AnomalyItem): void
  alert(tenant: string, alert: AlertItem): void
}

/** What the routes about the estate work with. */
export interface EstateRouteDeps {
  readonly estate: Estate
  readonly history: History
  readonly store: AnalyticsStore
  readonly clock: Clock
  readonly retention: RetentionTimes
  readonly processSettings: ProcessSettingsStore
  readonly seriesCache: Cache<SeriesDefinition[]>
  readonly firstSeenCache: Cache<number | null>
  readonly stripCache: Cache<StripHour>
  readonly alerts: AlertStore
  readonly verdicts: VerdictStore
  readonly detection: DetectionStore
  readonly names: ActorNames
  /** Tells the detectors what was set; when the bus is away, later. */
  publishSettings(): Promise<unknown>
  readonly announce: Announcements
}

/** Errors: 404. */
export function knownProcess(deps: Pick<EstateRouteDeps, 'estate'>, tenant: string, id: string): ProcessState {
  const state = deps.estate.tenant(tenant).processes.get(id)
  if (!state) throw notFound('process', id)
  return state
}

/** Errors: 404. */
export function knownHost(deps: Pick<EstateRouteDeps, 'estate'>, tenant: string, host: string): HostState {
  const state = deps.estate.tenant(tenant).hosts.get(host)
  if (!state) throw notFound('host', host)
  return state
}
