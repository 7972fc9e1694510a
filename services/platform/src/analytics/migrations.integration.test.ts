import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SampleBatchSchema } from '@driftline/proto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { AnalyticsStore } from './analytics-store.ts'
import { createClickHouseStore } from './clickhouse-store.ts'
import { protoText } from './proto-text.ts'
import { bodyOf, migrationsDir, quietLogger, startTestStore, type TestStore } from './testing/store-test-kit.ts'

const HOUR_MS = 3_600_000
const retention = { rawRetentionMs: 48 * HOUR_MS, dataRetentionMs: 720 * HOUR_MS }

let test: TestStore
const opened: AnalyticsStore[] = []
beforeAll(async () => {
  test = await startTestStore()
})
afterEach(async () => {
  for (const store of opened.splice(0)) await store.stop()
})
afterAll(async () => {
  await test.end()
})

/** Another store over the same server, as a second writer has it. */
function another(
  changes: { migrationsDir?: string; retention?: typeof retention; database?: string } = {},
): AnalyticsStore {
  const { database = 'driftline', ...rest } = changes
  const store = createClickHouseStore(
    { retention, migrationsDir, requestTimeoutMs: 30_000, startTimeoutMs: 5000, ...rest },
    { endpoint: () => ({ ...test.server.endpoint(), database }), logger: quietLogger },
  )
  opened.push(store)
  return store
}

const ttlOf = async (table: string): Promise<number> => {
  const [row] = await test.store.query<{ seconds: string }>(
    `SELECT extract(create_table_query, 'TTL .*toIntervalSecond\\\\((\\\\d+)\\\\)') AS seconds FROM system.tables
     WHERE database = 'driftline' AND name = {table: String}`,
    { table },
  )
  return Number(row?.seconds)
}

describe('migrations', () => {
  it('can be repeated, and by two writers at once', async () => {
    await Promise.all([another().start(), another().start(), another().start()])
    const rows = await test.store.query<{ number: number }>('SELECT DISTINCT number FROM migrations ORDER BY number')
    expect(rows.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5])
  })

  it('go on where a start was cut short', async () => {
    await test.store.execute('ALTER TABLE migrations DELETE WHERE number > 2 SETTINGS mutations_sync = 1')
    await test.store.execute('DROP TABLE snapshots_view')
    await another().start()
    expect(await test.store.query("SELECT count() AS n FROM system.tables WHERE name = 'snapshots_view'")).toEqual([
      { n: '1' },
    ])
  })

  it('refuse a history that was changed and a database from the future', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'driftline-migrations-'))
    cpSync(migrationsDir, dir, { recursive: true })
    writeFileSync(join(dir, '0002_series.sql'), `${readFileSync(join(dir, '0002_series.sql'), 'utf8')}\n-- changed`)
    await expect(another({ migrationsDir: dir }).start()).rejects.toMatchObject({ code: 'store_rejected' })
    rmSync(join(dir, '0005_dead_letters.sql'))
    await expect(another({ migrationsDir: dir }).start()).rejects.toThrow('newer than this release')
    rmSync(dir, { recursive: true, force: true })
  })
})

describe('retention', () => {
  it('follows the settings at the next start', async () => {
    expect([await ttlOf('samples'), await ttlOf('samples_1m')]).toEqual([48 * 3600, 720 * 3600])
    await another({ retention: { rawRetentionMs: HOUR_MS, dataRetentionMs: 24 * HOUR_MS } }).start()
    for (const table of ['samples', 'snapshots', 'kpis']) expect(await ttlOf(table)).toBe(3600)
    for (const table of ['samples_1m', 'kpis_1m', 'dead_letters']) expect(await ttlOf(table)).toBe(86_400)
    await another().start()
    expect(await ttlOf('samples')).toBe(48 * 3600)
  })

  it('drops whole parts that are past it, and keeps the roll-ups', async () => {
    const dayMs = 24 * HOUR_MS
    const noon = Math.floor(Date.now() / dayMs) * dayMs - 10 * dayMs + dayMs / 2
    const body = bodyOf(SampleBatchSchema, [
      { baseTimeMs: BigInt(noon), series: [1n], timeOffsetMs: [0], value: [1] },
      { baseTimeMs: BigInt(Date.now()), series: [2n], timeOffsetMs: [0], value: [2] },
    ])
    await another({ retention: { ...retention, rawRetentionMs: 400 * dayMs } }).start()
    const insert = { table: 'samples_in', schema: protoText(SampleBatchSchema), message: 'SampleBatch', body }
    await test.store.insertProtobuf({ ...insert, deduplicationToken: 'old and new' })
    const series = async (table: string): Promise<string[]> =>
      (await test.store.query<{ series: string }>(`SELECT series FROM ${table} ORDER BY series`)).map(
        (row) => row.series,
      )
    expect(await series('samples')).toEqual(['1', '2'])
    await another().start()
    await expect.poll(() => series('samples'), { timeout: 60_000 }).toEqual(['2'])
    expect(await series('samples_1m')).toEqual(['1', '2'])
  })
})
