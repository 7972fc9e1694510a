import { analyse } from '../analysis/analyse.ts'
import { toProcessMetrics } from '../estate/kpi-columns.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { readKpis } from '../queries/kpis.ts'
import { planRange } from '../queries/plan.ts'
import { analyticsResult, kpiName, performanceMetrics, performanceQuery, rangeQuery } from '../schemas/analytics.ts'
import { processIdParam } from '../schemas/common.ts'
import { type EstateRouteDeps, knownProcess } from './deps.ts'

const iso = (timeMs: number): string => new Date(timeMs).toISOString()
const ANALYSIS_POINTS_AIM = 240
const MINUTE_MS = 60_000

/** There is no baseline until there is detection; the shape says so with nulls. */
const noBaseline = Object.fromEntries(kpiName.options.map((name) => [name, { centre: null, spread: null }])) as Record<
  (typeof kpiName.options)[number],
  { centre: null; spread: null }
>

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
      const points = await readKpis(deps.store, tenant, state.id, plan)
      return {
        body: {
          processId: state.id,
          from: iso(plan.fromMs),
          to: iso(plan.toMs),
          step: plan.stepMs / 1000,
          resolution: plan.raw ? ('1s' as const) : ('1m' as const),
          points: points.map(({ timeMs, values }) => toProcessMetrics(state.id, timeMs, values)),
          baseline: noBaseline,
        },
      }
    },
  })
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
      const points = await readKpis(deps.store, tenant, state.id, plan)
      const { kpis, insights } = analyse(state.kind, points)
      return {
        body: {
          processId: state.id,
          period: { from: iso(plan.fromMs), to: iso(plan.toMs) },
          kpis,
          anomalies: {},
          insights,
          forecast: null,
          recommendations: [],
        },
      }
    },
  })
}
