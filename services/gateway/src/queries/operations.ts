import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'

export interface DeadLetterRow {
  readonly timeMs: number
  readonly service: string
  readonly source: string
  readonly reason: string
  readonly detail: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly payloadSize: number
  readonly payload: string
}

/** Dead letters of a tenant, newest first, from `beforeMs` on after skipping those of that moment already shown. */
export function readDeadLetters(
  store: AnalyticsStore,
  tenant: string,
  page: { limit: number; beforeMs: number; skip: number; reason: string | undefined },
): Promise<DeadLetterRow[]> {
  return store.query<DeadLetterRow>(
    `SELECT toFloat64(toUnixTimestamp64Milli(time)) AS timeMs, service, source, reason, detail, topic,
       \`partition\`, toFloat64(\`offset\`) AS \`offset\`, toFloat64(payload_size) AS payloadSize,
       base64Encode(payload) AS payload
     FROM dead_letters
     WHERE tenant = {tenant: String} AND time <= fromUnixTimestamp64Milli({before: Int64}, 'UTC')
       AND ({reason: String} = '' OR reason = {reason: String})
     ORDER BY time DESC, service, source, topic, \`partition\`, dead_letters.\`offset\`, reason, detail,
       dead_letters.payload
     LIMIT {limit: UInt32} OFFSET {skip: UInt32}`,
    { tenant, before: page.beforeMs, skip: page.skip, limit: page.limit, reason: page.reason ?? '' },
  )
}

export async function countDeadLetters(
  store: AnalyticsStore,
  tenant: string,
  nowMs: number,
): Promise<{ last24h: number; total: number }> {
  const [row] = await store.query<{ last24h: number; total: number }>(
    `SELECT toFloat64(countIf(time >= fromUnixTimestamp64Milli({since: Int64}, 'UTC'))) AS last24h,
       toFloat64(count()) AS total
     FROM dead_letters WHERE tenant = {tenant: String}`,
    { tenant, since: nowMs - 86_400_000 },
  )
  return row ?? { last24h: 0, total: 0 }
}

export interface TableSize {
  readonly table: string
  readonly bytes: number
  readonly rows: number
}

/** What the tables take on disk; of the whole installation, for parts are shared between tenants. */
export function readStorage(store: AnalyticsStore): Promise<TableSize[]> {
  return store.query<TableSize>(
    `SELECT table, toFloat64(sum(bytes_on_disk)) AS bytes, toFloat64(sum(rows)) AS rows
     FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY table`,
  )
}
