import { kpiNumber, kpis } from '@driftline/proto'
import { MINUTE_MS, tidyDeviation } from '../estate/drift-state.ts'
import { tidyNumber } from '../estate/kpi-columns.ts'
import { badParameter } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { readBaseline, readDriftLines, type StoredLine } from '../queries/drift.ts'
import { baselineAnswer, baselineQuery, driftAnswer, driftQuery } from '../schemas/anomalies.ts'
import { processIdParam } from '../schemas/common.ts'
import { type EstateRouteDeps, knownProcess } from './deps.ts'

const HOUR_MS = 3_600_000
/** Points of a baseline; a longer range has longer steps. */
const BASELINE_POINTS_MAX = 1500
/** Points of each of many lines. */
const LINE_POINTS_MAX = 120
const LINES_MAX = 20_000
/** All lines together: as much as the store gives at once. */
const LINE_MINUTES_MAX = 24 * 60

const iso = (timeMs: number): string => new Date(timeMs).toISOString()

export function driftRoutes(deps: EstateRouteDeps): AnyRoute[] {
  return [baseline(deps), drift(deps)]
}

/** A range of whole steps of whole minutes. Errors: 400 for an empty range. */
function minutesOf(query: { from?: number | undefined; to?: number | undefined }, nowMs: number, pointsMax: number) {
  const toMs = query.to ?? nowMs
  const fromMs = query.from ?? toMs - HOUR_MS
  if (fromMs >= toMs) throw badParameter('from', 'must be before `to`')
  const stepMs = Math.max(1, Math.ceil((toMs - fromMs) / MINUTE_MS / pointsMax)) * MINUTE_MS
  return { fromMs: Math.floor(fromMs / stepMs) * stepMs, toMs: Math.ceil(toMs / stepMs) * stepMs, stepMs }
}

function baseline(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/processes/{id}/baseline',
    summary: 'What was usual of a KPI or metric, minute by minute, and how far it was from that',
    tag: 'Analytics',
    params: processIdParam,
    query: baselineQuery,
    status: 200,
    response: baselineAnswer,
    refusals: [404],
    async handle({ tenant, params, query }) {
      const state = knownProcess(deps, tenant, params.id)
      const range = minutesOf(query, deps.clock.nowMs(), BASELINE_POINTS_MAX)
      const kpi = query.attributes === undefined ? kpis[kpiNumber(query.metric)] : undefined
      const attributes = kpi ? '' : (query.attributes ?? '{}')
      const line = { tenant, process: state.id, metric: query.metric, attributes }
      const points = await readBaseline(deps.store, line, range)
      const series = deps.estate.tenant(tenant).series.ofProcess(state.id)
      return {
        body: {
          processId: state.id,
          metric: query.metric,
          unit: kpi?.unit ?? series.find((each) => each.metric === query.metric)?.unit ?? '',
          from: iso(range.fromMs),
          to: iso(range.toMs),
          step: range.stepMs / 1000,
          points: points.map(({ timeMs, value, centre, spread, deviation }) => ({
            time: iso(timeMs),
            value: tidyNumber(value),
            centre: tidyNumber(centre),
            spread: tidyNumber(spread),
            deviation: deviation === null ? null : tidyDeviation(deviation),
          })),
        },
      }
    },
  })
}

function drift(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/drift',
    summary: 'Drift lines of many processes over the same time; those without any are left out',
    tag: 'Analytics',
    query: driftQuery,
    status: 200,
    response: driftAnswer,
    async handle({ tenant, query }) {
      const range = minutesOf(query, deps.clock.nowMs(), LINE_POINTS_MAX)
      if (range.toMs - range.fromMs > LINE_MINUTES_MAX * MINUTE_MS) {
        throw badParameter('from', 'must be at most 24 h before `to`')
      }
      const processes = query.process === undefined ? undefined : [query.process].flat()
      const wish = { ...range, limit: LINES_MAX, ...(processes === undefined ? {} : { processes }) }
      const lines = await readDriftLines(deps.store, { tenant }, wish)
      return {
        body: {
          from: iso(range.fromMs),
          to: iso(range.toMs),
          step: range.stepMs / 1000,
          processes: lines.map((line) => ({ processId: line.process, deviations: lineOf(line, range) })),
        },
      }
    },
  })
}

/** The point of largest size of each step; null where nothing is known. */
function lineOf(
  line: StoredLine,
  { fromMs, toMs, stepMs }: { fromMs: number; toMs: number; stepMs: number },
): (number | null)[] {
  const steps = new Float64Array(Math.round((toMs - fromMs) / stepMs)).fill(Number.NaN)
  for (const [index, minute] of line.minutes.entries()) {
    const at = Math.floor((minute * MINUTE_MS - fromMs) / stepMs)
    const deviation = line.deviations[index]!
    if (!(Math.abs(deviation) <= Math.abs(steps[at]!))) steps[at] = deviation
  }
  return Array.from(steps, tidyDeviation)
}
