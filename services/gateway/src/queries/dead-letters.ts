import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { createBinder } from './log-search.ts'

/** What letters must be like; texts are whole unless said. */
export interface LetterSearch {
  readonly reason?: string | undefined
  readonly service?: string | undefined
  readonly source?: string | undefined
  readonly subject?: string | undefined
  /** Somewhere in subject, detail or payload, in any case. */
  readonly q?: string | undefined
  readonly replayable?: boolean | undefined
  readonly from?: number | undefined
  readonly to?: number | undefined
}

export interface LetterRow {
  readonly id: string
  readonly timeMs: number
  readonly service: string
  readonly source: string
  readonly subject: string
  readonly reason: string
  readonly detail: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly payloadSize: number
  readonly replayable: boolean
  /** Its first bytes, base64. */
  readonly payload: string
  /** Those bytes as text. */
  readonly preview: string
}

const COLUMNS = `id, toFloat64(toUnixTimestamp64Milli(time)) AS timeMs, service, source, subject, reason, detail, topic,
  \`partition\`, toFloat64(\`offset\`) AS \`offset\`, toFloat64(payload_size) AS payloadSize,
  replayable AND id != '' AS replayable`

const excerpt = (bytes: number): string =>
  `base64Encode(substring(dead_letters.payload, 1, ${bytes})) AS payload,
   toValidUTF8(substring(dead_letters.payload, 1, ${bytes})) AS preview`

/** Bytes of a letter in lists. */
const EXCERPT_BYTES = 256

function conditionsOf(tenant: string, search: LetterSearch): { where: string[]; parameters: Record<string, unknown> } {
  const bind = createBinder('p')
  const where = [`tenant = ${bind(tenant, 'String')}`]
  for (const column of ['reason', 'service', 'source', 'subject'] as const) {
    const value = search[column]
    if (value !== undefined) where.push(`${column} = ${bind(value, 'String')}`)
  }
  if (search.q) {
    const text = `concat(subject, '\\n', detail, '\\n', dead_letters.payload)`
    where.push(`positionCaseInsensitiveUTF8(${text}, ${bind(search.q, 'String')}) > 0`)
  }
  if (search.replayable !== undefined) {
    where.push(`${search.replayable ? '' : 'NOT '}(dead_letters.replayable AND id != '')`)
  }
  const moment = (timeMs: number): string => `fromUnixTimestamp64Milli(${bind(Math.floor(timeMs), 'Int64')}, 'UTC')`
  if (search.from !== undefined) where.push(`time >= ${moment(search.from)}`)
  if (search.to !== undefined) where.push(`time < ${moment(search.to)}`)
  return { where, parameters: bind.parameters }
}

/** Letters, newest first, from `beforeMs` on after skipping those of that moment already shown. */
export function readDeadLetters(
  store: AnalyticsStore,
  tenant: string,
  search: LetterSearch,
  page: { readonly limit: number; readonly beforeMs: number; readonly skip: number },
): Promise<LetterRow[]> {
  const { where, parameters } = conditionsOf(tenant, search)
  return store.query<LetterRow>(
    `SELECT ${COLUMNS}, ${excerpt(EXCERPT_BYTES)} FROM dead_letters
     WHERE ${where.join(' AND ')} AND time <= fromUnixTimestamp64Milli({before: Int64}, 'UTC')
     ORDER BY time DESC, id, service, source, topic, \`partition\`, dead_letters.\`offset\`, reason, detail,
       dead_letters.payload
     LIMIT {limit: UInt32} OFFSET {skip: UInt32}`,
    { ...parameters, before: page.beforeMs, skip: page.skip, limit: page.limit },
  )
}

/** A letter with all that is kept of its payload. */
export async function readDeadLetter(store: AnalyticsStore, tenant: string, id: string): Promise<LetterRow | null> {
  const rows = await store.query<LetterRow>(
    `SELECT ${COLUMNS}, ${excerpt(16_384)} FROM dead_letters
     WHERE tenant = {tenant: String} AND id = {id: String} ORDER BY time DESC LIMIT 1`,
    { tenant, id },
  )
  return rows[0] ?? null
}

/** Letters that match and can be replayed, with all that is kept of their payloads, newest first. */
export function readReplayable(
  store: AnalyticsStore,
  tenant: string,
  search: LetterSearch,
  page: { readonly limit: number; readonly skip: number },
): Promise<LetterRow[]> {
  const { where, parameters } = conditionsOf(tenant, { ...search, replayable: true })
  return store.query<LetterRow>(
    `SELECT ${COLUMNS}, ${excerpt(16_384)} FROM dead_letters WHERE ${where.join(' AND ')}
     ORDER BY time DESC, id LIMIT 1 BY id LIMIT {limit: UInt32} OFFSET {skip: UInt32}`,
    { ...parameters, ...page },
  )
}

export async function countLetters(store: AnalyticsStore, tenant: string, search: LetterSearch): Promise<number> {
  const { where, parameters } = conditionsOf(tenant, search)
  const [row] = await store.query<{ count: number }>(
    `SELECT toFloat64(count()) AS count FROM dead_letters WHERE ${where.join(' AND ')}`,
    parameters,
  )
  return row?.count ?? 0
}

export interface LetterHour {
  readonly reason: string
  readonly service: string
  readonly source: string
  /** Hours since the first one that was asked for. */
  readonly hour: number
  readonly count: number
  readonly replayable: number
  readonly lastMs: number
  /** Of the last one. */
  readonly detail: string
  readonly subject: string
}

/** Letters by reason, service, source and hour. */
export function readLetterHours(
  store: AnalyticsStore,
  tenant: string,
  range: { readonly fromMs: number; readonly toMs: number },
): Promise<LetterHour[]> {
  return store.query<LetterHour>(
    `SELECT reason, service, source,
       toFloat64(intDiv(toUnixTimestamp64Milli(time) - {from: Int64}, 3600000)) AS hour, toFloat64(count()) AS count,
       toFloat64(countIf(replayable AND id != '')) AS replayable,
       toFloat64(toUnixTimestamp64Milli(max(time))) AS lastMs, argMax(dead_letters.detail, time) AS detail,
       argMax(dead_letters.subject, time) AS subject
     FROM dead_letters
     WHERE tenant = {tenant: String} AND time >= fromUnixTimestamp64Milli({from: Int64}, 'UTC')
       AND time < fromUnixTimestamp64Milli({to: Int64}, 'UTC')
     GROUP BY reason, service, source, hour ORDER BY count DESC LIMIT 20000`,
    { tenant, from: range.fromMs, to: range.toMs },
  )
}

/** Letters of a source since a moment. */
export function countLettersOf(
  store: AnalyticsStore,
  tenant: string,
  source: string,
  sinceMs: number,
): Promise<number> {
  return countLetters(store, tenant, { source, from: sinceMs })
}
