import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { AppError } from '@driftline/platform/errors'
import { ProblemError } from '../http/problems.ts'
import type { LogSearch } from '../schemas/logs.ts'
import {
  createBinder,
  fieldConditions,
  type LogCondition,
  readSeverities,
  readTerms,
  termConditions,
} from './log-search.ts'

/** A line as the store has it. */
export interface LogRow {
  readonly timeMs: number
  /** Grows in the order in which lines of a process were stored; a 64-bit number as text. */
  readonly ordinal: string
  readonly process: string
  readonly source: string
  readonly origin: string
  readonly severity: number
  /** Decimal; `0` for none. */
  readonly pattern: string
  readonly body: string
  /** Characters of the whole body. */
  readonly bodyLength: number
  /** A JSON object, or empty. */
  readonly attributes: string
}

/** A place among lines: newest first, and within a moment the last one stored first. */
export interface LogPlace {
  readonly timeMs: number
  readonly ordinal: string
}

export interface LogRange {
  readonly fromMs: number
  readonly toMs: number
}

/** What a statement about logs may read; more is refused with advice. */
const BYTES_MAX = 6_000_000_000
const SECONDS_MAX = 8
const LIMITS = `SETTINGS max_execution_time = ${SECONDS_MAX}, max_bytes_to_read = ${BYTES_MAX}, read_overflow_mode = 'throw'`
/** Characters of a body, and of fields, in lists. */
export const BODY_LENGTH_MAX = 16_384
const FIELDS_LENGTH_MAX = 65_536

const columns = (bodyLength: number): string => `toFloat64(toUnixTimestamp64Milli(ts)) AS timeMs,
  toString(ordinal) AS place, process, source, origin, severity, toString(pattern) AS template,
  substringUTF8(body, 1, ${bodyLength}) AS line, toFloat64(lengthUTF8(body)) AS bodyLength,
  if(length(attributes) <= ${FIELDS_LENGTH_MAX}, attributes, '') AS fields`

interface Row extends Omit<LogRow, 'ordinal' | 'pattern' | 'body' | 'attributes'> {
  readonly place: string
  readonly template: string
  readonly line: string
  readonly fields: string
}

const toLogRow = ({ place, template, line, fields, ...row }: Row): LogRow => ({
  ...row,
  ordinal: place,
  pattern: template,
  body: line,
  attributes: fields,
})

/** The condition of a search within a tenant. `processes` null: all. Errors: 400 for a search that cannot be. */
export function conditionOf(
  tenant: string,
  search: Pick<LogSearch, 'q' | 'severity' | 'field' | 'pattern' | 'source' | 'origin'>,
  processes: readonly string[] | null,
  range: LogRange,
): LogCondition {
  const bind = createBinder('p')
  const cheap = [
    `tenant = ${bind(tenant, 'String')}`,
    ...processCondition(processes, bind),
    `ts >= fromUnixTimestamp64Milli(${bind(Math.floor(range.fromMs), 'Int64')}, 'UTC')`,
    `ts < fromUnixTimestamp64Milli(${bind(Math.ceil(range.toMs), 'Int64')}, 'UTC')`,
  ]
  if (search.severity) cheap.push(`severity IN ${bind(readSeverities(search.severity), 'Array(UInt8)')}`)
  if (search.pattern) cheap.push(`pattern = ${bind(BigInt(`0x${search.pattern}`), 'UInt64')}`)
  if (search.source) cheap.push(`source = ${bind(search.source, 'String')}`)
  if (search.origin) cheap.push(`origin = ${bind(search.origin, 'String')}`)
  const fields = fieldConditions(search.field ?? {}, bind)
  const terms = termConditions(readTerms(search.q ?? ''), bind)
  cheap.push(...terms.cheap, ...fields.cheap)
  return { cheap, exact: [...terms.exact, ...fields.exact], parameters: bind.parameters }
}

/** One process is compared by `=`, so that its lines are read in their order, from the newest on. */
function processCondition(processes: readonly string[] | null, bind: ReturnType<typeof createBinder>): string[] {
  if (processes === null) return []
  if (processes.length === 1) return [`process = ${bind(processes[0], 'String')}`]
  return [`process IN ${bind(processes, 'Array(String)')}`]
}

function clauseOf({ cheap, exact }: LogCondition): string {
  return `PREWHERE ${cheap.join(' AND ')}${exact.length === 0 ? '' : ` WHERE ${exact.join(' AND ')}`}`
}

/** Parts of a range that are read one after the other, the newest and shortest first: most pages are full with it. */
const PARTS_OF_RANGE = [1 / 64, 1 / 8, 1]

/** Lines that fit, newest first, after a place. Errors: those of the store; 400 `search_too_broad`. */
export async function readLogs(
  store: AnalyticsStore,
  conditionIn: (range: LogRange) => LogCondition,
  range: LogRange,
  page: { readonly limit: number; readonly after: LogPlace | null },
): Promise<LogRow[]> {
  // Times are whole milliseconds; the one of the place is not all shown.
  const toMs = page.after === null ? range.toMs : Math.min(range.toMs, page.after.timeMs + 1)
  const rows: LogRow[] = []
  let untilMs = toMs
  for (const share of PARTS_OF_RANGE) {
    const fromMs = share === 1 ? range.fromMs : Math.max(range.fromMs, toMs - (toMs - range.fromMs) * share)
    if (fromMs >= untilMs) continue
    const condition = conditionIn({ fromMs: Math.floor(fromMs), toMs: untilMs })
    rows.push(...(await readPart(store, condition, { limit: page.limit - rows.length, after: page.after })))
    if (rows.length >= page.limit) return rows
    untilMs = Math.floor(fromMs)
  }
  return rows
}

async function readPart(
  store: AnalyticsStore,
  condition: LogCondition,
  page: { readonly limit: number; readonly after: LogPlace | null },
): Promise<LogRow[]> {
  const after = page.after === null ? [] : [`(ts, ordinal) < (${AFTER_TIME}, {afterOrdinal: UInt64})`]
  const rows = await ask<Row>(
    store,
    `SELECT ${columns(BODY_LENGTH_MAX)} FROM logs
     ${clauseOf({ ...condition, cheap: [...condition.cheap, ...after] })}
     ORDER BY ts DESC, ordinal DESC LIMIT {limit: UInt32} ${LIMITS}`,
    { ...condition.parameters, limit: page.limit, ...placeParameters(page.after) },
  )
  return rows.map(toLogRow)
}

const AFTER_TIME = `fromUnixTimestamp64Milli({afterMs: Int64}, 'UTC')`

function placeParameters(place: LogPlace | null): Record<string, unknown> {
  return place === null ? {} : { afterMs: place.timeMs, afterOrdinal: place.ordinal }
}

export interface LogBar {
  readonly timeMs: number
  /** Index into `logLevels`. */
  readonly level: number
  readonly count: number
}

/** How many lines fit, by step and level. */
export function readLogBars(store: AnalyticsStore, condition: LogCondition, stepMs: number): Promise<LogBar[]> {
  return ask<LogBar>(
    store,
    `SELECT toFloat64(intDiv(toUnixTimestamp64Milli(ts), {step: Int64}) * {step: Int64}) AS timeMs,
       intDiv(severity + 3, 4) AS level, toFloat64(count()) AS count
     FROM logs ${clauseOf(condition)} GROUP BY timeMs, level ORDER BY timeMs, level ${LIMITS}`,
    { ...condition.parameters, step: stepMs },
  )
}

/** Lines around one, of the same origin of the same process: `before` newest first, `after` oldest first. */
export async function readAround(
  store: AnalyticsStore,
  tenant: string,
  line: LogRow,
  wish: { readonly before: number; readonly after: number },
): Promise<{ before: LogRow[]; after: LogRow[] }> {
  const of = `tenant = {tenant: String} AND process = {process: String} AND origin = {origin: String}
    AND source = {source: String}`
  const parameters = {
    tenant,
    process: line.process,
    origin: line.origin,
    source: line.source,
    afterMs: line.timeMs,
    afterOrdinal: line.ordinal,
    span: CONTEXT_SPAN_S,
  }
  const read = (side: 'before' | 'after', limit: number): Promise<Row[]> => {
    const order = side === 'before' ? 'DESC' : 'ASC'
    const time =
      side === 'before'
        ? `ts <= ${AFTER_TIME} AND ts >= ${AFTER_TIME} - toIntervalSecond({span: UInt32})`
        : `ts >= ${AFTER_TIME} AND ts <= ${AFTER_TIME} + toIntervalSecond({span: UInt32})`
    const place = `(ts, ordinal) ${side === 'before' ? '<' : '>'} (${AFTER_TIME}, {afterOrdinal: UInt64})`
    return ask<Row>(
      store,
      `SELECT ${columns(BODY_LENGTH_MAX)} FROM logs WHERE ${of} AND ${time} AND ${place}
       ORDER BY ts ${order}, ordinal ${order} LIMIT {limit: UInt32} ${LIMITS}`,
      { ...parameters, limit },
    )
  }
  const [before, after] = await Promise.all([
    wish.before === 0 ? [] : read('before', wish.before),
    wish.after === 0 ? [] : read('after', wish.after),
  ])
  return { before: before.map(toLogRow), after: after.map(toLogRow) }
}

const CONTEXT_SPAN_S = 7 * 86_400
/** A single line is shown whole, up to this many characters. */
const WHOLE_LENGTH_MAX = 1_048_576

export async function readLogLine(
  store: AnalyticsStore,
  tenant: string,
  at: LogPlace & { readonly process: string },
): Promise<LogRow | null> {
  // A line that was seen live is named by the hash of its text, for it was not stored yet.
  const hash = at.ordinal.startsWith('~') ? at.ordinal.slice(1) : null
  const which = hash === null ? 'ordinal = {afterOrdinal: UInt64}' : 'lower(hex(MD5(body))) = {hash: String}'
  const rows = await ask<Row>(
    store,
    `SELECT ${columns(WHOLE_LENGTH_MAX)} FROM logs
     WHERE tenant = {tenant: String} AND process = {process: String} AND ts = ${AFTER_TIME} AND ${which}
     ORDER BY logs.ordinal DESC LIMIT 1 ${LIMITS}`,
    {
      tenant,
      process: at.process,
      afterMs: at.timeMs,
      ...(hash === null ? { afterOrdinal: at.ordinal } : { hash }),
    },
  )
  return rows[0] ? toLogRow(rows[0]) : null
}

const ADVICE = 'choose a shorter time range, name a process, or add a word to look for'

/** Asks the store, and says of a search that is too much what to do. */
export async function ask<T>(store: AnalyticsStore, sql: string, parameters: Record<string, unknown>): Promise<T[]> {
  try {
    return await store.query<T>(sql, parameters)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const isTimeout = error.code === 'timeout' && /TIMEOUT_EXCEEDED|TOO_SLOW/.test(error.message)
    if (isTimeout) {
      throw new ProblemError(400, 'search_too_broad', `The search took more than ${SECONDS_MAX} s: ${ADVICE}`)
    }
    if (error.code === 'store_rejected' && /TOO_MANY_BYTES|TOO_MANY_ROWS|MEMORY_LIMIT/.test(error.message)) {
      throw new ProblemError(400, 'search_too_broad', `The search would read too much: ${ADVICE}`)
    }
    throw error
  }
}
