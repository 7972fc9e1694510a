import { notFound } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { fitSeries, planRange, type RangePlan } from '../queries/plan.ts'
import { readPoints, readSeriesOf, type SeriesDefinition, type SeriesPoint } from '../queries/samples.ts'
import { type SeriesAnswer, seriesAnswer, seriesQuery } from '../schemas/analytics.ts'
import { type EstateRouteDeps, knownProcess } from './deps.ts'

/** History older than this does not change any more, so browsers may keep the answer. */
const SETTLED_MS = 5 * 60_000

export function queryRoutes(deps: EstateRouteDeps): AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/api/v1/query',
      summary: 'A metric of a process over time, one series per set of attributes',
      tag: 'Analytics',
      query: seriesQuery,
      status: 200,
      response: seriesAnswer,
      refusals: [404],
      async handle({ tenant, query }) {
        const state = knownProcess(deps, tenant, query.process)
        const nowMs = deps.clock.nowMs()
        const wish = { ...query, preferRaw: query.agg === 'last' && query.step !== undefined }
        const plan = planRange(wish, nowMs, deps.retention.rawMs)
        const definitions = await seriesOf(deps, tenant, state.id, query.metric)
        if (definitions.length === 0) throw notFound(`metric of ${state.id} named`, query.metric)
        const fitted = fitSeries(plan, definitions.length, query.step !== undefined)
        const ids = definitions.map((definition) => definition.id)
        const points = await readPoints(deps.store, ids, fitted, query.agg)
        const settled = fitted.toMs < nowMs - SETTLED_MS
        return {
          body: toAnswer(query, fitted, definitions, points),
          ...(settled ? { headers: { 'cache-control': 'private, max-age=300' } } : {}),
        }
      },
    }),
  ]
}

/** Definitions out of the store, and out of memory what it may not have yet. */
async function seriesOf(
  deps: EstateRouteDeps,
  tenant: string,
  process: string,
  metric: string,
): Promise<SeriesDefinition[]> {
  const key = `${tenant}\n${process}\n${metric}`
  const stored = await deps.seriesCache.get(key, () => readSeriesOf(deps.store, tenant, process, metric))
  const known = new Set(stored.map(({ id }) => id))
  const live = deps.estate
    .tenant(tenant)
    .series.ofProcess(process)
    .filter((series) => series.metric === metric && !known.has(series.id))
  return [...stored, ...live]
}

function toAnswer(
  query: { process: string; metric: string; agg: SeriesAnswer['agg'] },
  plan: RangePlan,
  definitions: readonly SeriesDefinition[],
  points: readonly SeriesPoint[],
): SeriesAnswer {
  const byId = new Map<bigint, SeriesAnswer['series'][number]['points']>()
  for (const { id } of definitions) byId.set(id, [])
  for (const { id, timeMs, value } of points) byId.get(id)?.push({ time: new Date(timeMs).toISOString(), value })
  return {
    process: query.process,
    metric: query.metric,
    unit: query.agg === 'count' ? '1' : (definitions[0]?.unit ?? ''),
    agg: query.agg,
    from: new Date(plan.fromMs).toISOString(),
    to: new Date(plan.toMs).toISOString(),
    step: plan.stepMs / 1000,
    resolution: plan.raw ? 'raw' : '1m',
    series: definitions.map(({ id, attributes }) => ({
      attributes: JSON.parse(attributes) as Record<string, string>,
      points: byId.get(id) ?? [],
    })),
  }
}
