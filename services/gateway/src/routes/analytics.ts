import { kpiNumber } from '@driftline/proto'
import { analyse, anomalyInsights } from '../analysis/analyse.ts'
import { clientNormals, type NormalOf } from '../analysis/normal.ts'
import { MINUTE_MS } from '../estate/drift-state.ts'
import { worstOf } from '../estate/findings.ts'
import { toProcessMetrics } from '../estate/kpi-columns.ts'
import type { ProcessState } from '../estate/process-state.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { countAnomalies, readAnomalies } from '../queries/anomalies.ts'
import { readNormals } from '../queries/drift.ts'
import { readKpis } from '../queries/kpis.ts'
import { planRange, type RangePlan } from '../queries/plan.ts'
import { analyticsResult, performanceMetrics, performanceQuery, rangeQuery } from '../schemas/analytics.ts'
import { processIdParam } from '../schemas/common.ts'
import { type EstateRouteDeps, knownProcess } from './deps.ts'

const iso = (timeMs: number): string => new Date(timeMs).toISOString()
const ANALYSIS_POINTS_AIM = 240
/** The worst is looked for among this many, the newest. */
const WORST_OF = 100

/** A range that ends this close to now is judged by what is usual now. */
const LIVE_MS = 2 * MINUTE_MS

export function analyticsRoutes(deps: EstateRouteDeps): AnyRoute[] {
  return [performance(deps), analysis(deps)]
}

function performance(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/processes/{id}/performance',
    summary: 'KPIs of a process over time',
    tag: 'Analytics',
    params: processIdParam,
    query: performanceQuery,
    status: 200,
    response: performanceMetrics,
    refusals: [404],
    async handle({ tenant, params, query }) {
      const state = knownProcess(deps, tenant, params.id)
      const plan = planRange(query, deps.clock.nowMs(), deps.retention.rawMs)
      const [points, normalOf] = await Promise.all([
        readKpis(deps.store, tenant, state.id, plan),
        normalsAt(deps, tenant, state, plan),
      ])
      return {
        body: {
          processId: state.id,
          from: iso(plan.fromMs),
          to: iso(plan.toMs),
          step: plan.stepMs / 1000,
          resolution: plan.raw ? ('1s' as const) : ('1m' as const),
          points: points.map(({ timeMs, values }) => toProcessMetrics(state.id, timeMs, values)),
          baseline: clientNormals(normalOf, points.at(-1)?.values ?? state.kpis),
        },
      }
    },
  })
}

/** What was usual at the end of a range: of now from memory, of the past from the store. */
async function normalsAt(
  deps: EstateRouteDeps,
  tenant: string,
  { id, drift }: ProcessState,
  plan: RangePlan,
): Promise<NormalOf> {
  const finite = (value: number | undefined): number | null => (Number.isFinite(value) ? (value ?? null) : null)
  if (plan.toMs >= deps.clock.nowMs() - LIVE_MS && drift.normalMinute > 0) {
    return (kpi) => ({ centre: finite(drift.centre[kpi]), spread: finite(drift.spread[kpi]) })
  }
  const toMs = Math.ceil(plan.toMs / MINUTE_MS) * MINUTE_MS
  const [stored] = await readNormals(deps.store, { tenant }, { fromMs: plan.fromMs, toMs, process: id, limit: 1 })
  const byKpi = new Map(stored?.lines.map(([metric, , centre, spread]) => [kpiNumber(metric), { centre, spread }]))
  return (kpi) => byKpi.get(kpi) ?? { centre: null, spread: null }
}

function analysis(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/processes/{id}/analysis',
    summary: 'Trends of the KPIs and what stands out, in words',
    tag: 'Analytics',
    params: processIdParam,
    query: rangeQuery,
    status: 200,
    response: analyticsResult,
    refusals: [404],
    async handle({ tenant, params, query }) {
      const state = knownProcess(deps, tenant, params.id)
      const nowMs = deps.clock.nowMs()
      const toMs = query.to ?? nowMs
      const fromMs = query.from ?? toMs - 60 * MINUTE_MS
      const step = Math.ceil((toMs - fromMs) / ANALYSIS_POINTS_AIM / MINUTE_MS) * MINUTE_MS
      const plan = planRange({ from: fromMs, to: toMs, step: Math.max(MINUTE_MS, step) }, nowMs, deps.retention.rawMs)
      const range = { fromMs: plan.fromMs, toMs: plan.toMs, process: state.id }
      const search = { process: state.id, from: plan.fromMs, to: plan.toMs, words: [] }
      const [points, counts, found] = await Promise.all([
        readKpis(deps.store, tenant, state.id, plan),
        countAnomalies(deps.store, tenant, range),
        readAnomalies(deps.store, tenant, search, { limit: WORST_OF, after: null }),
      ])
      const { kpis, insights } = analyse(state.kind, points)
      return {
        body: {
          processId: state.id,
          period: { from: iso(plan.fromMs), to: iso(plan.toMs) },
          kpis,
          anomalies: Object.fromEntries(counts.map(({ type, count }) => [type, count])),
          insights: [...insights, ...anomalyInsights(counts, worstOf(found.map(({ item }) => item)))],
          forecast: null,
          recommendations: [],
        },
      }
    },
  })
}
