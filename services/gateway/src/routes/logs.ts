import { decodeCursor, encodeCursor } from '../http/cursors.ts'
import { badParameter, notFound } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { facetsOf } from '../logs/log-facets.ts'
import { toLogLine } from '../logs/log-line.ts'
import type { LogProcesses } from '../logs/log-processes.ts'
import { PATTERN_PARTS, patternItems } from '../logs/pattern-items.ts'
import { readPatternCounts, readPatterns } from '../queries/log-patterns.ts'
import { logLevels } from '../queries/log-search.ts'
import {
  conditionOf,
  type LogBar,
  type LogPlace,
  type LogRange,
  readAround,
  readLogBars,
  readLogLine,
  readLogs,
} from '../queries/logs.ts'
import {
  type LogSearch,
  logContext,
  logContextQuery,
  logFields,
  logFieldsQuery,
  logHistogram,
  logHistogramQuery,
  logLineParam,
  logList,
  logPatterns,
  logPatternsQuery,
  logQuery,
} from '../schemas/logs.ts'
import type { EstateRouteDeps } from './deps.ts'

export interface LogRouteDeps extends Pick<EstateRouteDeps, 'store' | 'clock' | 'estate'> {
  readonly logProcesses: LogProcesses
}

const TAG = 'Logs'
const HOUR_MS = 3_600_000
const RANGE_MS_MAX = 366 * 24 * HOUR_MS
const BARS_AIM = 60
const BARS_MAX = 500
const SAMPLE = 2000
const PATTERNS_READ = 10_000

export function logRoutes(deps: LogRouteDeps): AnyRoute[] {
  return [search(deps), histogram(deps), fields(deps), patterns(deps), context(deps)]
}

function search(deps: LogRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/logs',
    summary: 'Lines of logs that fit a search, newest first',
    tag: TAG,
    query: logQuery,
    grouped: 'field',
    status: 200,
    response: logList,
    cache: 'no-store',
    async handle({ tenant, query }) {
      const cursor = decodeCursor(query.cursor, ['number', 'string', 'number', 'number']) as Cursor | null
      const after = cursor && readPlace(cursor[0], cursor[1])
      // The moments of a page hold for those that follow: `now` goes on, and lines must not shift.
      const range = cursor ? { fromMs: cursor[2], toMs: cursor[3] } : rangeOf(query, deps.clock.nowMs())
      const processes = await processesOf(deps, tenant, query.process)
      const rows = await readLogs(deps.store, (part) => conditionOf(tenant, query, processes, part), range, {
        limit: query.limit + 1,
        after,
      })
      const shown = rows.slice(0, query.limit)
      const last = shown.at(-1)
      const more = rows.length > shown.length && last !== undefined
      return {
        body: {
          items: shown.map(toLogLine),
          nextCursor: more ? encodeCursor([last.timeMs, last.ordinal, range.fromMs, range.toMs]) : null,
          ...isoRange(range),
          processes,
        },
      }
    },
  })
}

type Cursor = [timeMs: number, ordinal: string, fromMs: number, toMs: number]

/** Errors: 400 for what this list did not give. */
function readPlace(timeMs: number, ordinal: string): LogPlace {
  if (!/^\d{1,20}$/.test(ordinal) || BigInt(ordinal) >= 2n ** 64n || !Number.isSafeInteger(timeMs)) {
    throw badParameter('cursor', 'is not a cursor that this list gave')
  }
  return { timeMs, ordinal }
}

/** Errors: 400 for a range that is empty or longer than a year. */
function rangeOf({ from, to }: Pick<LogSearch, 'from' | 'to'>, nowMs: number): LogRange {
  // Clocks of senders may run ahead a little; what they said last is still to be seen.
  const toMs = to ?? nowMs + 60_000
  const fromMs = from ?? toMs - HOUR_MS
  if (fromMs >= toMs) throw badParameter('from', 'must be before `to`')
  if (toMs - fromMs > RANGE_MS_MAX) throw badParameter('from', 'must be at most a year before `to`')
  return { fromMs: Math.floor(fromMs), toMs: Math.ceil(toMs) }
}

const isoRange = ({ fromMs, toMs }: LogRange) => ({
  from: new Date(fromMs).toISOString(),
  to: new Date(toMs).toISOString(),
})

function processesOf(deps: LogRouteDeps, tenant: string, process: string | undefined): Promise<string[]> | null {
  return process === undefined
    ? null
    : deps.logProcesses.of(tenant, process, deps.estate.tenant(tenant).processes.keys())
}

function histogram(deps: LogRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/logs/histogram',
    summary: 'How many lines fit a search, by interval and level',
    tag: TAG,
    query: logHistogramQuery,
    grouped: 'field',
    status: 200,
    response: logHistogram,
    cache: 'no-store',
    async handle({ tenant, query }) {
      const range = rangeOf(query, deps.clock.nowMs())
      const stepMs = query.step ?? niceStep(range)
      if ((range.toMs - range.fromMs) / stepMs > BARS_MAX) {
        throw badParameter('step', `must be at least ${Math.ceil((range.toMs - range.fromMs) / BARS_MAX / 1000)}s here`)
      }
      const processes = await processesOf(deps, tenant, query.process)
      const bars = await readLogBars(deps.store, conditionOf(tenant, query, processes, range), stepMs)
      return { body: histogramOf(bars, range, stepMs) }
    },
  })
}

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400]

function niceStep({ fromMs, toMs }: LogRange): number {
  const wish = (toMs - fromMs) / BARS_AIM / 1000
  return (STEPS_S.find((step) => step >= wish) ?? Math.ceil(wish / 86_400) * 86_400) * 1000
}

function histogramOf(bars: readonly LogBar[], range: LogRange, stepMs: number) {
  const firstMs = Math.floor(range.fromMs / stepMs) * stepMs
  const length = Math.ceil((range.toMs - firstMs) / stepMs)
  const counts = logLevels.map(() => Array<number>(length).fill(0))
  for (const { timeMs, level, count } of bars) {
    const at = Math.round((timeMs - firstMs) / stepMs)
    const ofLevel = counts[level]
    if (ofLevel && at >= 0 && at < length) ofLevel[at] = (ofLevel[at] ?? 0) + count
  }
  const levels = logLevels.map((level, index) => {
    const ofLevel = counts[index]!
    return { level, total: ofLevel.reduce((sum, count) => sum + count, 0), counts: ofLevel }
  })
  return {
    from: new Date(firstMs).toISOString(),
    to: new Date(range.toMs).toISOString(),
    stepSeconds: stepMs / 1000,
    total: levels.reduce((sum, { total }) => sum + total, 0),
    times: Array.from({ length }, (_, index) => new Date(firstMs + index * stepMs).toISOString()),
    levels: levels.filter(({ total }) => total > 0),
  }
}

function fields(deps: LogRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/logs/fields',
    summary: 'Fields of the newest lines that fit a search, with their most frequent values',
    tag: TAG,
    query: logFieldsQuery,
    grouped: 'field',
    status: 200,
    response: logFields,
    cache: 'no-store',
    async handle({ tenant, query }) {
      const processes = await processesOf(deps, tenant, query.process)
      const range = rangeOf(query, deps.clock.nowMs())
      const rows = await readLogs(deps.store, (part) => conditionOf(tenant, query, processes, part), range, {
        limit: SAMPLE,
        after: null,
      })
      return { body: { sampled: rows.length, fields: facetsOf(rows.map(toLogLine), query.values) } }
    },
  })
}

function patterns(deps: LogRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/logs/patterns',
    summary: 'Templates that the lines of a process follow, with how often they do now and did before',
    tag: TAG,
    query: logPatternsQuery,
    status: 200,
    response: logPatterns,
    cache: 'no-store',
    async handle({ tenant, query }) {
      const range = rangeOf(query, deps.clock.nowMs())
      const processes = (await processesOf(deps, tenant, query.process)) ?? []
      const [stored, counted] = await Promise.all([
        readPatterns(deps.store, tenant, processes, PATTERNS_READ),
        readPatternCounts(deps.store, tenant, processes, { ...range, parts: PATTERN_PARTS }),
      ])
      const { total, items } = patternItems(stored, counted, range)
      const text = (query.q ?? '').toLowerCase()
      const found = items.filter(({ template, example }) => `${template}\n${example}`.toLowerCase().includes(text))
      return { body: { ...isoRange(range), total, items: found.slice(0, query.limit) } }
    },
  })
}

function context(deps: LogRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/logs/{id}/context',
    summary: 'A line, whole, with those before and after it of the same origin',
    tag: TAG,
    params: logLineParam,
    query: logContextQuery,
    status: 200,
    response: logContext,
    refusals: [404],
    async handle({ tenant, params, query }) {
      const at = lineAt(params.id)
      const line = at && (await readLogLine(deps.store, tenant, at))
      if (!line) throw notFound('line', params.id)
      const around = await readAround(deps.store, tenant, line, query)
      return {
        body: {
          before: around.before.reverse().map(toLogLine),
          line: toLogLine(line),
          after: around.after.map(toLogLine),
        },
      }
    },
  })
}

/** Null for what is no id of a line. */
function lineAt(id: string): (LogPlace & { process: string }) | null {
  try {
    const [timeMs, ordinal, process] = decodeCursor(id, ['number', 'string', 'string']) as [number, string, string]
    const isLive = /^~[0-9a-f]{32}$/.test(ordinal) && Number.isSafeInteger(timeMs)
    return { ...(isLive ? { timeMs, ordinal } : readPlace(timeMs, ordinal)), process }
  } catch {
    return null
  }
}
