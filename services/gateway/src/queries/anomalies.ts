import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { type AnomalyRecord, toFinding } from '../estate/anomaly-item.ts'
import type { Finding } from '../estate/findings.ts'
import { tidyNumber } from '../estate/kpi-columns.ts'

/** A place in a list that is newest first. */
export interface AnomalyPlace {
  readonly startMs: number
  readonly id: string
}

export interface AnomalySearch {
  readonly process?: string | undefined
  readonly severity?: string | undefined
  readonly type?: string | undefined
  readonly state?: 'open' | 'closed' | undefined
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** Lower-case words that all must occur in process id or description. */
  readonly words: readonly string[]
  /** Only these ids, or none of these; undefined for all. */
  readonly ids?: { readonly only: boolean; readonly list: readonly string[] } | undefined
}

interface Row extends Omit<AnomalyRecord, 'contributions' | 'kpis' | 'severity'> {
  readonly severity: string
  readonly shareMetrics: readonly string[]
  readonly shares: readonly (number | null)[]
  readonly kpis: readonly (number | null)[]
}

const MS = (column: string): string => `toFloat64(toUnixTimestamp64Milli(${column}))`
const COLUMNS = `anomalies.tenant AS tenant, id, process, type, toString(severity) AS severity,
  ${MS('start_time')} AS startMs, ${MS('end_time')} AS endMs, ${MS('time')} AS timeMs, description, metric, attributes,
  unit, value, worst_value AS worstValue, expected_low AS low, expected_high AS high, expected_centre AS centre, score,
  ${MS('exhausted_at')} AS exhaustedMs, arrayMap(each -> each.1, contributions) AS shareMetrics,
  arrayMap(each -> each.2, contributions) AS shares, metrics AS kpis, toFloat64(revision) AS revision, record`

function toRecord({ shareMetrics, shares, severity, kpis, ...row }: Row): Finding {
  return toFinding({
    ...row,
    severity: severity === 'critical' || severity === 'warning' ? severity : 'info',
    contributions: shareMetrics.map((metric, index) => ({ metric, share: shares[index] ?? 0 })),
    kpis: kpis.map(tidyNumber),
  })
}

const at = (name: string): string => `fromUnixTimestamp64Milli({${name}: Int64}, 'UTC')`

/** The conditions of a search and what they are bound to. User text is bound, never written into the statement. */
function conditionsOf(search: AnomalySearch): { where: string[]; parameters: Record<string, unknown> } {
  const where: string[] = []
  const parameters: Record<string, unknown> = {}
  const add = (condition: string, name: string, value: unknown): void => {
    where.push(condition)
    parameters[name] = value
  }
  if (search.process !== undefined) add('process = {process: String}', 'process', search.process)
  if (search.severity !== undefined) add('toString(severity) = {severity: String}', 'severity', search.severity)
  if (search.type !== undefined) add('type = {type: String}', 'type', search.type)
  if (search.from !== undefined) add(`start_time >= ${at('from')}`, 'from', Math.floor(search.from))
  if (search.to !== undefined) add(`start_time < ${at('to')}`, 'to', Math.ceil(search.to))
  if (search.state !== undefined) where.push(search.state === 'open' ? 'end_time IS NULL' : 'end_time IS NOT NULL')
  for (const [index, word] of search.words.entries()) {
    const name = `word${index}`
    add(`positionCaseInsensitiveUTF8(concat(process, '\\n', description), {${name}: String}) > 0`, name, word)
  }
  if (search.ids) add(`id ${search.ids.only ? '' : 'NOT '}IN {ids: Array(String)}`, 'ids', search.ids.list)
  return { where, parameters }
}

/** Anomalies of a tenant, newest first, after a place. */
export async function readAnomalies(
  store: AnalyticsStore,
  tenant: string,
  search: AnomalySearch,
  page: { limit: number; after: AnomalyPlace | null },
): Promise<Finding[]> {
  const { where, parameters } = conditionsOf(search)
  const after = page.after === null ? [] : [`(start_time, id) < (${at('afterMs')}, {afterId: String})`]
  const rows = await store.query<Row>(
    `SELECT ${COLUMNS} FROM anomalies FINAL
     WHERE ${['tenant = {tenant: String}', ...where, ...after].join(' AND ')}
     ORDER BY start_time DESC, id DESC LIMIT {limit: UInt32}`,
    {
      tenant,
      limit: page.limit,
      ...parameters,
      ...(page.after === null ? {} : { afterMs: page.after.startMs, afterId: page.after.id }),
    },
  )
  return rows.map(toRecord)
}

export async function readAnomaly(store: AnalyticsStore, tenant: string, id: string): Promise<Finding | null> {
  const rows = await store.query<Row>(
    `SELECT ${COLUMNS} FROM anomalies WHERE tenant = {tenant: String} AND id = {id: String}
     ORDER BY anomalies.revision DESC LIMIT 1`,
    { tenant, id },
  )
  return rows[0] ? toRecord(rows[0]) : null
}

/** What lasts, of every tenant; the newest. */
export async function readOpenAnomalies(
  store: AnalyticsStore,
  limit: number,
): Promise<(Finding & { readonly tenant: string })[]> {
  const rows = await store.query<Row & { tenant: string }>(
    `SELECT ${COLUMNS} FROM anomalies FINAL WHERE end_time IS NULL ORDER BY start_time DESC LIMIT {limit: UInt32}`,
    { limit },
  )
  return rows.map((row) => ({ ...toRecord(row), tenant: row.tenant })).reverse()
}

/** What lasted at a moment. */
export async function readAnomaliesAt(
  store: AnalyticsStore,
  tenant: string,
  at: { atMs: number; limit: number },
): Promise<Finding[]> {
  const rows = await store.query<Row>(
    `SELECT ${COLUMNS} FROM anomalies FINAL
     WHERE tenant = {tenant: String} AND start_time <= fromUnixTimestamp64Milli({at: Int64}, 'UTC')
       AND (end_time IS NULL OR end_time > fromUnixTimestamp64Milli({at: Int64}, 'UTC'))
     ORDER BY start_time DESC LIMIT {limit: UInt32}`,
    { tenant, at: Math.floor(at.atMs), limit: at.limit },
  )
  return rows.map(toRecord)
}

export interface TypeCount {
  readonly type: string
  readonly count: number
}

/** How many anomalies of each type began in a range; of one process, or of all. */
export function countAnomalies(
  store: AnalyticsStore,
  tenant: string,
  range: { fromMs: number; toMs: number; process?: string },
): Promise<TypeCount[]> {
  return store.query<TypeCount>(
    `SELECT type, toFloat64(uniqExact(id)) AS count FROM anomalies
     WHERE tenant = {tenant: String} ${range.process === undefined ? '' : 'AND process = {process: String}'}
       AND start_time >= fromUnixTimestamp64Milli({from: Int64}, 'UTC')
       AND start_time < fromUnixTimestamp64Milli({to: Int64}, 'UTC')
     GROUP BY type ORDER BY type LIMIT 1000`,
    {
      tenant,
      ...(range.process === undefined ? {} : { process: range.process }),
      from: Math.floor(range.fromMs),
      to: Math.ceil(range.toMs),
    },
  )
}

/** Which of these anomalies began in a range. */
export async function readIdsInRange(
  store: AnalyticsStore,
  tenant: string,
  range: { fromMs: number; toMs: number },
  ids: readonly string[],
): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const rows = await store.query<{ id: string }>(
    `SELECT DISTINCT id FROM anomalies
     WHERE tenant = {tenant: String} AND id IN {ids: Array(String)}
       AND start_time >= fromUnixTimestamp64Milli({from: Int64}, 'UTC')
       AND start_time < fromUnixTimestamp64Milli({to: Int64}, 'UTC')`,
    { tenant, ids, from: Math.floor(range.fromMs), to: Math.ceil(range.toMs) },
  )
  return new Set(rows.map(({ id }) => id))
}
