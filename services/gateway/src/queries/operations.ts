import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'

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
