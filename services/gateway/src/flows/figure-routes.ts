import type { RunEvent } from '@driftline/proto'
import { badParameter, notFound } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { knownRun } from './check-routes.ts'
import { type Comparison, compareQuery, comparison } from './check-schemas.ts'
import { definedSteps, headerOf, stepOf, toMs } from './check-views.ts'
import { TAG } from './flow-routes.ts'
import {
  type FlowStepFigures,
  flowParam,
  flowStepList,
  grid,
  gridQuery,
  type TrendPoint,
  trend,
  trendQuery,
} from './flow-schemas.ts'
import type { FlowRouteDeps } from './route-deps.ts'
import {
  type RunPoint,
  readStepMinutes,
  readStepNormals,
  readStepOutcomes,
  readTrend,
  type StepNormal,
} from './run-figures.ts'
import { type RunStatusName, statusName } from './run-names.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const NORMAL_MS = 7 * DAY_MS
const DRIFT_POINTS = 60
const TREND_POINTS = 60
const TREND_POINTS_MAX = 2000

/** How the steps of flows do: beside each other, over time, and against what is normal. */
export function figureRoutes(deps: FlowRouteDeps): AnyRoute[] {
  return [compare(deps), steps(deps), gridOf(deps), trendOf(deps)]
}

function normalsOf(deps: FlowRouteDeps, tenant: string, flow: string): Promise<StepNormal[]> {
  const fromMs = deps.clock.nowMs() - NORMAL_MS
  return deps.stepNormalCache.get(`${tenant}\n${flow}`, () => readStepNormals(deps.store, tenant, flow, fromMs))
}

function compare(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/checks/compare',
    summary: 'Two runs beside each other, step by step',
    tag: TAG,
    query: compareQuery,
    status: 200,
    response: comparison,
    refusals: [404],
    async handle({ tenant, query }) {
      const [a, b] = await Promise.all([knownRun(deps, tenant, query.a), knownRun(deps, tenant, query.b)])
      return { body: compared(a, b, await normalsOf(deps, tenant, b.process)) }
    },
  })
}

/** Steps belong together by their key: definitions change. */
export function compared(a: RunEvent, b: RunEvent, normals: readonly StepNormal[]): Comparison {
  const before = new Map(a.steps.map((step) => [step.key || String(step.number), step]))
  const pairs = b.steps.map((step) => {
    const key = step.key || String(step.number)
    const other = before.get(key)
    before.delete(key)
    return { a: other, b: step as typeof step | undefined }
  })
  const gone = [...before.values()].map((step) => ({ a: step as typeof step | undefined, b: undefined }))
  const rows = [...pairs, ...gone].map((pair) => {
    const [one, two] = [pair.a && stepOf(pair.a), pair.b && stepOf(pair.b)]
    const shown = (two ?? one)!
    const [left, right] = [one?.executionTime ?? null, two?.executionTime ?? null]
    const known = left !== null && right !== null
    const normal = two ? normals.find(({ step }) => step === two.stepNumber) : undefined
    return {
      stepNumber: shown.stepNumber,
      name: shown.name,
      a: one ? { status: one.status, executionTime: one.executionTime } : null,
      b: two ? { status: two.status, executionTime: two.executionTime } : null,
      differenceMs: known ? Math.round((right - left) * 1000) / 1000 : null,
      ratio: known && left > 0 ? right / left : null,
      normal: normal ? { median: toMs(normal.median), spread: toMs(normal.spread) } : null,
    }
  })
  return { a: headerOf(a), b: headerOf(b), steps: rows.sort((x, y) => x.stepNumber - y.stepNumber) }
}

/** A step that always takes equally long is not far from normal because of a millisecond. */
export function scoreOf(seconds: number, { median, spread }: Pick<StepNormal, 'median' | 'spread'>): number {
  const scale = Math.max(spread, 0.05 * median, 0.005)
  return Math.round(((seconds - median) / scale) * 100) / 100
}

/** Fewer successes than this say nothing of what is normal. */
const NORMAL_COUNT_MIN = 5

function steps(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/flows/{id}/steps',
    summary: 'What is normal of each step, how the last run was, and how far from normal the last hour',
    tag: TAG,
    params: flowParam,
    status: 200,
    response: flowStepList,
    refusals: [404],
    async handle({ tenant, params }) {
      const flow = deps.book.of(tenant).get(params.id)
      if (!flow) throw notFound('flow', params.id)
      const toMs = (Math.floor(deps.clock.nowMs() / MINUTE_MS) + 1) * MINUTE_MS
      const fromMs = toMs - DRIFT_POINTS * MINUTE_MS
      const last = deps.lastRuns.of(tenant, flow.id)
      const [normals, minutes, lastWhole] = await Promise.all([
        normalsOf(deps, tenant, flow.id),
        readStepMinutes(deps.store, tenant, flow.id, { fromMs, toMs }),
        last === null ? null : deps.reader.read(tenant, last.run),
      ])
      const items = definedSteps(flow.definition).map(({ stepNumber, key, name }) => {
        const normal = normals.find(({ step }) => step === stepNumber) ?? null
        const mine = minutes.filter(({ step }) => step === stepNumber)
        return { stepNumber, key, name, ...figuresOf({ stepNumber, normal, minutes: mine, last: lastWhole, fromMs }) }
      })
      return { body: { items, nextCursor: null } }
    },
  })
}

function figuresOf(of: {
  readonly stepNumber: number
  readonly normal: StepNormal | null
  readonly minutes: readonly { readonly minute: number; readonly seconds: number }[]
  readonly last: RunEvent | null
  readonly fromMs: number
}): Omit<FlowStepFigures, 'stepNumber' | 'key' | 'name'> {
  const { normal, last } = of
  const judged = normal !== null && normal.count >= NORMAL_COUNT_MIN ? normal : null
  const values: (number | null)[] = Array(DRIFT_POINTS).fill(null)
  if (judged) for (const { minute, seconds } of of.minutes) values[minute] = scoreOf(seconds, judged)
  const step = last?.steps.find(({ number }) => number === of.stepNumber)
  const shown = step && stepOf(step)
  const isScored = judged !== null && shown?.status === 'success' && shown.executionTime !== null
  return {
    normal: normal && { median: toMs(normal.median), spread: toMs(normal.spread), count: normal.count },
    last: last && shown ? { checkId: last.run, status: shown.status, executionTime: shown.executionTime } : null,
    score: isScored ? scoreOf(shown.executionTime! / 1000, judged) : null,
    drift: { from: new Date(of.fromMs).toISOString(), stepSeconds: 60, values: values.slice(0, DRIFT_POINTS) },
  }
}

function gridOf(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/flows/{id}/grid',
    summary: 'The last runs, oldest first, with what each step came to',
    tag: TAG,
    params: flowParam,
    query: gridQuery,
    status: 200,
    response: grid,
    async handle({ tenant, params, query }) {
      const search = { process: params.id, toMs: query.to, terms: [] }
      const { runs } = await deps.reader.list(tenant, search, { limit: query.runs, after: null })
      // Steps of what the store told are read together; of others they came along.
      const bare = runs.filter(({ steps: known }) => known.length === 0)
      const times = bare.map(({ requestedMs }) => Number(requestedMs))
      const range = { fromMs: Math.min(...times), toMs: Math.max(...times), runs: bare.map(({ run }) => run) }
      const [outcomes, normals] = await Promise.all([
        bare.length === 0 ? [] : readStepOutcomes(deps.store, tenant, params.id, range),
        normalsOf(deps, tenant, params.id),
      ])
      const usual = new Map(normals.map((normal) => [normal.step, normal]))
      const stored = groupedBy(outcomes, ({ run }) => run)
      const items = runs.map((event) => {
        const cells = event.steps.length > 0 ? liveCells(event) : storedCells(stored.get(event.run) ?? [])
        const { checkId, startTime, overallStatus: status } = headerOf(event)
        return { checkId, startTime, status, steps: cells.map((cell) => gridCell(cell, usual.get(cell.number))) }
      })
      return { body: { runs: items.reverse() } }
    },
  })
}

function groupedBy<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group) group.push(item)
    else groups.set(keyOf(item), [item])
  }
  return groups
}

interface Cell {
  readonly number: number
  readonly status: RunStatusName
  readonly seconds: number | null
}

const liveCells = (event: RunEvent): Cell[] =>
  event.steps.map(({ number, status, executionTime, endMs }) => ({
    number,
    status: statusName(status),
    seconds: endMs > 0n ? executionTime : null,
  }))

const storedCells = (rows: readonly { step: number; state: string; seconds: number | null }[]): Cell[] =>
  rows.map(({ step, state, seconds }) => ({ number: step, status: state as RunStatusName, seconds }))

function gridCell({ status, seconds }: Cell, normal: StepNormal | undefined) {
  const known = seconds !== null && normal !== undefined && normal.count >= NORMAL_COUNT_MIN
  const overNormal = known && scoreOf(seconds, normal) > 4 && seconds > 1.5 * normal.median
  return { status, executionTime: seconds === null ? null : toMs(seconds), overNormal }
}

function trendOf(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/flows/{id}/trend',
    summary: 'Runs and the times of each step over a period',
    tag: TAG,
    params: flowParam,
    query: trendQuery,
    status: 200,
    response: trend,
    async handle({ tenant, params, query }) {
      const toTime = query.to ?? deps.clock.nowMs()
      const fromMs = query.from ?? toTime - DAY_MS
      if (fromMs >= toTime) throw badParameter('from', 'must be before `to`')
      const stepMs = query.step ?? Math.max(1000, Math.ceil((toTime - fromMs) / TREND_POINTS / 1000) * 1000)
      if ((toTime - fromMs) / stepMs > TREND_POINTS_MAX) {
        throw badParameter('step', `must be such that there are at most ${TREND_POINTS_MAX} points`)
      }
      const points = await readTrend(deps.store, tenant, params.id, { fromMs, toMs: toTime, stepMs })
      const bySteps = groupedBy(points, ({ step }) => step)
      const numbers = [...bySteps.keys()].filter((step) => step > 0).sort((a, b) => a - b)
      return {
        body: {
          total: (bySteps.get(0) ?? []).map(pointOf),
          steps: numbers.map((step) => ({ stepNumber: step, points: (bySteps.get(step) ?? []).map(pointOf) })),
        },
      }
    },
  })
}

function pointOf({ timeMs, runs, succeeded, failed, p50, p95 }: RunPoint): TrendPoint {
  return {
    time: new Date(timeMs).toISOString(),
    runs,
    succeeded,
    failed,
    p50: p50 === null ? null : toMs(p50),
    p95: p95 === null ? null : toMs(p95),
  }
}
