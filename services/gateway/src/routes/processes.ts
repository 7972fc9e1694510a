import type { Principal } from '@driftline/platform/access/permissions'
import { stripPoints } from '../estate/drift-strip.ts'
import { toProcessMetrics } from '../estate/kpi-columns.ts'
import { processesAt } from '../estate/past.ts'
import type { ProcessState } from '../estate/process-state.ts'
import { metricKindName, type SeriesState } from '../estate/series-registry.ts'
import {
  dashboardOf,
  findProcesses,
  letsThrough,
  load1Of,
  shownAlerts,
  toDashboard,
  toProcessDetail,
  toProcessItem,
} from '../estate/views.ts'
import { pageByKey } from '../http/cursors.ts'
import { type AnyRoute, route } from '../http/route.ts'
import type { LogProcesses } from '../logs/log-processes.ts'
import { readFirstSeen } from '../queries/kpis.ts'
import { type LastSample, readLastSamples } from '../queries/samples.ts'
import { pastStrip } from '../queries/strip.ts'
import { seriesItem } from '../schemas/analytics.ts'
import { operationalDashboard } from '../schemas/anomalies.ts'
import { listOf, pageQuery, processIdParam } from '../schemas/common.ts'
import { atQuery } from '../schemas/hosts.ts'
import {
  type ProcessDetail,
  type ProcessPatch,
  processDetail,
  processFilter,
  processItem,
  processMetrics,
  processPatch,
} from '../schemas/processes.ts'
import { aboutMetric } from './about-metrics.ts'
import { type EstateRouteDeps, knownProcess } from './deps.ts'
import { signedIn } from './sessions.ts'

export interface ProcessRouteDeps extends EstateRouteDeps {
  readonly logProcesses: LogProcesses
  /** Changes a definition, where that says what people set about a process; false for other processes. */
  patchDefined(by: Principal, id: string, patch: ProcessPatch): Promise<boolean>
}

export function processRoutes(deps: ProcessRouteDeps): AnyRoute[] {
  return [overview(deps), list(deps), one(deps), patch(deps), metrics(deps), series(deps)]
}

function overview(deps: EstateRouteDeps): AnyRoute {
  const { estate, clock } = deps
  return route({
    method: 'get',
    path: '/api/v1/overview',
    summary: 'All active processes with their health, now or at a past moment',
    tag: 'Processes',
    query: atQuery,
    status: 200,
    response: operationalDashboard,
    async handle({ tenant, query }) {
      const nowMs = clock.nowMs()
      if (query.at === undefined || query.at >= nowMs) return { body: toDashboard(estate.tenant(tenant), nowMs) }
      const live = estate.tenant(tenant).strip
      const [past, sums] = await Promise.all([
        processesAt(deps, tenant, query.at),
        pastStrip({ ...deps, live }, tenant, { atMs: query.at, nowMs }),
      ])
      const active = past.filter(({ item }) => item.active)
      const items = active.map(({ item, trail, driftLine }) => ({ ...item, driftLine, trail }))
      // Alerts are of now: whoever looks at the past must still see what waits for somebody.
      const whole = { alerts: shownAlerts(estate.tenant(tenant)), estateDrift: stripPoints(sums, query.at) }
      return { body: dashboardOf(items, query.at, whole) }
    },
  })
}

function list(deps: EstateRouteDeps): AnyRoute {
  const { estate, clock } = deps
  return route({
    method: 'get',
    path: '/api/v1/processes',
    summary: 'Processes of every kind, by id, now or at a past moment',
    tag: 'Processes',
    query: processFilter,
    status: 200,
    response: listOf(processItem),
    async handle({ tenant, query }) {
      const mine = estate.tenant(tenant)
      const nowMs = clock.nowMs()
      if (query.at !== undefined && query.at < nowMs) {
        const past = (await processesAt(deps, tenant, query.at)).filter(({ item, state }) =>
          letsThrough(query, { state, active: () => item.active, status: () => item.status }),
        )
        const found = past.map(({ item }) => item)
        return { body: pageByKey(found, (item) => item.processId, query) }
      }
      const page = pageByKey(findProcesses(mine, query, nowMs), (state) => state.id, query)
      return { body: { ...page, items: page.items.map((state) => toProcessItem(mine, state, nowMs)) } }
    },
  })
}

function one(deps: ProcessRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/processes/{id}',
    summary: 'One process',
    tag: 'Processes',
    params: processIdParam,
    status: 200,
    response: processDetail,
    refusals: [404],
    async handle({ tenant, params }) {
      const state = knownProcess(deps, tenant, params.id)
      // After a start the live state reaches a day back; the store knows of more.
      const storedMs = await deps.firstSeenCache.get(`${tenant}\n${state.id}`, () =>
        readFirstSeen(deps.store, tenant, state.id),
      )
      if (storedMs !== null) state.firstSeenMs = Math.min(state.firstSeenMs, storedMs)
      return { body: await detailOf(deps, tenant, state) }
    },
  })
}

/** With the logs that belong to it. */
async function detailOf(deps: ProcessRouteDeps, tenant: string, state: ProcessState): Promise<ProcessDetail> {
  const mine = deps.estate.tenant(tenant)
  const logs = await deps.logProcesses.of(tenant, state.id, mine.processes.keys())
  const hasLines = state.kind === 'log' ? [state.id] : []
  const logProcesses = [...new Set([...hasLines, ...logs.filter((id) => id !== state.id)])]
  return { ...toProcessDetail(mine, state, deps.clock.nowMs()), logProcesses }
}

function patch(deps: ProcessRouteDeps): AnyRoute {
  return route({
    method: 'patch',
    path: '/api/v1/processes/{id}',
    summary: 'Set category, tags, description, or switch a process off',
    tag: 'Processes',
    params: processIdParam,
    body: processPatch,
    status: 200,
    response: processDetail,
    refusals: [404, 409, 413, 415],
    async handle({ tenant, params, body, principal }) {
      const state = knownProcess(deps, tenant, params.id)
      const by = signedIn(principal)
      if (!(await deps.patchDefined(by, state.id, body))) {
        state.settings = await deps.processSettings.patch(by, state.id, body)
        state.version++
      }
      return { body: await detailOf(deps, tenant, state) }
    },
  })
}

function metrics(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/processes/{id}/metrics',
    summary: 'Newest KPIs of a process',
    tag: 'Processes',
    params: processIdParam,
    status: 200,
    response: processMetrics,
    refusals: [404],
    async handle({ tenant, params }) {
      const state = knownProcess(deps, tenant, params.id)
      const load1 = load1Of(deps.estate.tenant(tenant), state)
      return { body: toProcessMetrics(state.id, state.kpiTimeMs || state.lastSeenMs, state.kpis ?? [], load1) }
    },
  })
}

function series(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/processes/{id}/series',
    summary: 'Metrics that exist of a process, each with its last value',
    tag: 'Processes',
    params: processIdParam,
    query: pageQuery,
    status: 200,
    response: listOf(seriesItem),
    refusals: [404],
    async handle({ tenant, params, query }) {
      const state = knownProcess(deps, tenant, params.id)
      const all = deps.estate.tenant(tenant).series.ofProcess(state.id)
      const keyOf = (each: { metric: string; attributes: string }): string => `${each.metric} ${each.attributes}`
      const sorted = [...all].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
      const page = pageByKey(sorted, keyOf, query)
      const stored = await lastOfUnheard(deps, page.items)
      const items = page.items.map((each) => {
        const last = each.timeMs > 0 ? each : stored.get(each.id)
        return {
          metric: each.metric,
          unit: each.unit,
          kind: metricKindName(each.kind),
          about: aboutMetric(each.metric),
          attributes: JSON.parse(each.attributes) as Record<string, string>,
          lastValue: last && Number.isFinite(last.value) ? last.value : null,
          lastTime: last ? new Date(last.timeMs).toISOString() : null,
        }
      })
      return { body: { ...page, items } }
    },
  })
}

/** What the store knows of series that were not heard since the start: slow devices speak once in minutes. */
async function lastOfUnheard(
  { store, clock, retention }: EstateRouteDeps,
  series: readonly SeriesState[],
): Promise<ReadonlyMap<bigint, LastSample>> {
  const unheard = series.filter(({ timeMs }) => timeMs === 0).map(({ id }) => id)
  const sinceMs = clock.nowMs() - Math.min(retention.rawMs, DAY_MS)
  return unheard.length === 0 ? new Map() : await readLastSamples(store, unheard, sinceMs)
}

const DAY_MS = 86_400_000
