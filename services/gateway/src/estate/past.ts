import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Clock } from '@driftline/platform/clock'
import { readAnomaliesAt } from '../queries/anomalies.ts'
import { readDriftLines, type StoredLine } from '../queries/drift.ts'
import { type EarlierProcess, type MomentKpis, readEarlier, readKpisAt, readTrails } from '../queries/past.ts'
import type { AnomalyItem } from '../schemas/anomalies.ts'
import type { ProcessItem } from '../schemas/processes.ts'
import {
  createDriftState,
  DRIFT_POINTS,
  type DriftLine,
  type DriftState,
  driftKpi,
  driftLineOf,
  driftScore,
  MINUTE_MS,
  minuteOf,
  tellLine,
} from './drift-state.ts'
import type { Estate } from './estate.ts'
import { worstOf } from './findings.ts'
import { toProcessMetrics } from './kpi-columns.ts'
import { createProcessState, type ProcessState } from './process-state.ts'
import { INACTIVE_AFTER_MS, isSilent, silentAfterMs, statusOf } from './status.ts'
import type { TenantEstate } from './tenant-estate.ts'
import { createTrail, noteTrail, trailUpTo } from './trail.ts'

/** More processes than this of one moment are not listed. */
const PROCESSES_MAX = 20_000
const ANOMALIES_MAX = 5000

export interface PastDeps {
  readonly estate: Estate
  readonly store: AnalyticsStore
  readonly clock: Clock
  readonly retention: { readonly rawMs: number }
}

export interface PastProcess {
  readonly state: ProcessState
  readonly item: ProcessItem
  readonly trail: (number | null)[]
  readonly driftLine: DriftLine
}

/**
 * Every process that was listed at a moment, by id: values of the minute before, and its status of then. What people
 * call a process - category, tags, description - is not of then but of now.
 */
export async function processesAt(deps: PastDeps, tenant: string, atMs: number): Promise<PastProcess[]> {
  const raw = atMs >= deps.clock.nowMs() - deps.retention.rawMs
  const limit = PROCESSES_MAX
  // The minute of the moment itself was not over then: its point is of what came after.
  const lastMs = minuteOf(atMs) * MINUTE_MS
  const hour = { fromMs: lastMs - (DRIFT_POINTS - 1) * MINUTE_MS, toMs: lastMs, limit }
  const [moment, earlier, trails, lines, anomalies] = await Promise.all([
    readKpisAt(deps.store, tenant, { atMs, raw, limit }),
    readEarlier(deps.store, tenant, { atMs, limit }),
    raw ? readTrails(deps.store, { tenant }, { atMs, limit }) : [],
    readDriftLines(deps.store, { tenant }, hour),
    readAnomaliesAt(deps.store, tenant, { atMs, limit: ANOMALIES_MAX }),
  ])
  const estate = deps.estate.tenant(tenant)
  const known = new Map<string, Heard>(earlier.map((each) => [each.process, { earlier: each }]))
  for (const kpis of moment) known.set(kpis.process, { ...known.get(kpis.process), kpis })
  const hostHeard = heardOfHosts(known)
  const points = new Map(trails.map((each) => [each.process, each.points]))
  const drifts = new Map(lines.map((each) => [each.process, driftOf(each)]))
  const open = byProcess(anomalies.map(({ item }) => item))
  const found: PastProcess[] = []
  for (const [id, heard] of known) {
    const state = estate.processes.get(id) ?? createProcessState(id, heard.earlier?.lastMs ?? atMs)
    if (!state) continue
    const drift = drifts.get(id) ?? createDriftState()
    const around = {
      atMs,
      hostHeardMs: hostHeard.get(state.host ?? '') ?? 0,
      drift,
      worst: worstOf(open.get(id) ?? []),
    }
    const item = itemAt(estate, state, heard, around)
    found.push({ state, item, trail: trailOf(points.get(id) ?? [], atMs), driftLine: driftLineOf(drift, atMs) })
  }
  return found.sort((a, b) => (a.state.id < b.state.id ? -1 : 1))
}

function driftOf(line: StoredLine): DriftState {
  const drift = createDriftState()
  tellLine(drift, line, () => {})
  return drift
}

function byProcess(anomalies: readonly AnomalyItem[]): Map<string, AnomalyItem[]> {
  const map = new Map<string, AnomalyItem[]>()
  for (const each of anomalies) {
    const known = map.get(each.processId)
    if (known) known.push(each)
    else map.set(each.processId, [each])
  }
  return map
}

/** What the store says of a process around a moment. */
interface Heard {
  readonly kpis?: MomentKpis
  readonly earlier?: EarlierProcess
}

const lastMs = ({ kpis, earlier }: Heard): number => kpis?.timeMs ?? earlier?.lastMs ?? 0

/** When each host was last heard: it speaks for its groups. */
function heardOfHosts(known: ReadonlyMap<string, Heard>): Map<string, number> {
  const heardMs = new Map<string, number>()
  for (const [id, heard] of known) {
    const state = createProcessState(id, 0)
    if (state?.host) heardMs.set(state.host, Math.max(heardMs.get(state.host) ?? 0, lastMs(heard)))
  }
  return heardMs
}

function itemAt(
  estate: TenantEstate,
  state: ProcessState,
  heard: Heard,
  around: { atMs: number; hostHeardMs: number; drift: DriftState; worst: AnomalyItem | undefined },
): ProcessItem {
  const seconds = state.host === null ? undefined : estate.hosts.get(state.host)?.description?.intervalSeconds
  const intervalMs = seconds === undefined ? null : seconds * 1000
  const { atMs, drift, worst } = around
  const lastHeardMs = Math.max(lastMs(heard), around.hostHeardMs)
  const heardMs = { nowMs: atMs, lastHeardMs, intervalMs, silentAfterMs: silentAfterMs[state.kind] }
  const silent = isSilent(heardMs)
  // Groups say nothing more once their last instance has ended; while their host is silent, nobody knows.
  const gone = state.kind === 'os' && !silent && (heard.kpis === undefined || heard.kpis.values.at(-1) === 0)
  const aliveMs = heard.kpis?.aliveMs ?? heard.earlier?.aliveMs ?? lastMs(heard)
  const { firstSeenMs } = state
  const { category, tags, description, active, owner } = state.settings
  return {
    processId: state.id,
    kind: state.kind,
    name: state.name,
    host: state.host,
    status: statusOf({ ...heardMs, firstSeenMs, learnt: drift.learnt, worst: worst?.severity ?? null }),
    drift: driftScore(drift, atMs),
    driftKpi: driftKpi(drift, atMs),
    reason: worst?.description ?? null,
    category,
    tags: [...tags],
    description,
    ...(owner === undefined ? {} : { owner }),
    active: active && !(gone && atMs - aliveMs >= INACTIVE_AFTER_MS),
    metrics: heard.kpis ? toProcessMetrics(state.id, heard.kpis.timeMs, heard.kpis.values) : null,
    lastSeen: new Date(gone ? aliveMs : lastMs(heard)).toISOString(),
    endedAt: gone ? new Date(aliveMs).toISOString() : null,
  }
}

function trailOf(points: readonly (readonly [number, number | null])[], atMs: number): (number | null)[] {
  const trail = createTrail()
  for (const [timeMs, cores] of [...points].sort((a, b) => a[0] - b[0])) noteTrail(trail, timeMs, cores)
  return trailUpTo(trail, atMs)
}
