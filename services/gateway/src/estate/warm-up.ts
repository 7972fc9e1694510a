import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import { kpiNumber } from '@driftline/proto'
import type { AlertStore } from '../access/alerts.ts'
import type { VerdictStore } from '../access/verdicts.ts'
import { readOpenAnomalies } from '../queries/anomalies.ts'
import { readDriftLines, readDriftSums, readNormals } from '../queries/drift.ts'
import { readTrails } from '../queries/past.ts'
import { readHosts, readLastKpis, readRecentProcesses, readSeriesDefinitions } from '../queries/warm.ts'
import type { AnomalyItem } from '../schemas/anomalies.ts'
import { DRIFT_POINTS, MINUTE_MS, minuteOf, tellLine, tellNormal } from './drift-state.ts'
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
  readonly alerts: AlertStore
  readonly verdicts: VerdictStore
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
  await warmDrift(deps)
  await warmFindings(deps)
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
  for (const stored of await readTrails(store, 'all-tenants', { atMs: clock.nowMs(), limit: limits.processes })) {
    const trail = estate.tenant(stored.tenant).processes.get(stored.process)?.trail
    if (trail) for (const [timeMs, cores] of stored.points) noteTrail(trail, timeMs, cores)
  }
  for (const stored of await readLastKpis(store, limits.processes)) {
    const state = estate.tenant(stored.tenant).ensureProcess(stored.process, stored.timeMs)
    const { strip } = estate.tenant(stored.tenant)
    if (state) takeKpis(state, stored.timeMs, stored.values, stored.timeMs, strip.note)
  }
}

/** Drift lines of the last hour, and what was usual in the last minutes. */
async function warmDrift({ store, estate, limits, clock }: WarmUpDeps): Promise<void> {
  const toMs = (minuteOf(clock.nowMs()) + 1) * MINUTE_MS
  const range = { toMs, limit: limits.processes }
  for (const stored of await readDriftLines(store, 'all-tenants', {
    ...range,
    fromMs: toMs - DRIFT_POINTS * MINUTE_MS,
  })) {
    const tenant = estate.tenant(stored.tenant)
    const drift = tenant.ensureProcess(stored.process, clock.nowMs())?.drift
    if (!drift) continue
    tellLine(drift, stored, tenant.strip.note)
  }
  for (const stored of await readNormals(store, 'all-tenants', { ...range, fromMs: toMs - NORMALS_MS })) {
    const drift = estate.tenant(stored.tenant).processes.get(stored.process)?.drift
    if (!drift) continue
    for (const [metric, minute, centre, spread] of stored.lines) {
      const kpi = kpiNumber(metric)
      if (kpi >= 0) tellNormal(drift, minute, kpi, centre ?? Number.NaN, spread ?? Number.NaN)
    }
  }
}

/** What was usual longer ago than this says little of now; the next minute tells anew. */
const NORMALS_MS = 15 * MINUTE_MS

/** Anomalies that last, and alerts that are not resolved. */
async function warmFindings({ store, estate, limits, alerts, verdicts }: WarmUpDeps): Promise<void> {
  const openAlerts = await alerts.unresolved(limits.findings.alerts)
  for (const alert of openAlerts) estate.tenant(alert.tenant).findings.applyAlert(alert)
  takeOpen(estate, await readOpenAnomalies(store, limits.findings.openAnomalies))
  for (const { tenant, findings } of estate.tenants()) {
    for (const { id, verdict } of await verdicts.judged(tenant, { limit: limits.findings.openAnomalies })) {
      findings.applyVerdict(id, verdict)
    }
  }
}

/** Of what is known already the highest revision stays. Answers what was not known. */
function takeOpen(estate: Estate, open: Awaited<ReturnType<typeof readOpenAnomalies>>): NewFinding[] {
  const taken: NewFinding[] = []
  for (const finding of open) {
    const tenant = estate.tenant(finding.tenant)
    tenant.ensureProcess(finding.item.processId, finding.startMs)
    const known = tenant.findings.applyAnomaly(finding)
    if (known !== null) taken.push({ tenant: finding.tenant, item: known.item })
  }
  return taken
}

export interface NewFinding {
  readonly tenant: string
  readonly item: AnomalyItem
}

/**
 * Reads what lasts once more, some seconds after the start: the feed began at the end of the topic, and what came just
 * before may not have been stored when it was read first. Nothing is taken in when `isStopped` by then.
 */
export async function warmFindingsAgain(
  { store, estate, limits }: Pick<WarmUpDeps, 'store' | 'estate' | 'limits'>,
  isStopped: () => boolean,
): Promise<NewFinding[]> {
  const open = await readOpenAnomalies(store, limits.findings.openAnomalies)
  return isStopped() ? [] : takeOpen(estate, open)
}

const HOUR_MS = 3_600_000
const STRIP_HOURS = 24

/**
 * The hours of the time strip before the last one, newest first: by the hour, so that a large estate is read in pieces.
 * Not waited for at a start.
 */
export async function warmStrip({
  store,
  estate,
  clock,
}: Pick<WarmUpDeps, 'store' | 'estate' | 'clock'>): Promise<void> {
  const toMs = (minuteOf(clock.nowMs()) + 1 - DRIFT_POINTS) * MINUTE_MS
  for (let hour = 1; hour < STRIP_HOURS; hour++) {
    const range = { fromMs: toMs - hour * HOUR_MS, toMs: toMs - (hour - 1) * HOUR_MS }
    for (const { tenant, at, up, down } of await readDriftSums(store, 'all-tenants', range))
      estate.tenant(tenant).strip.set(at, up, down)
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
