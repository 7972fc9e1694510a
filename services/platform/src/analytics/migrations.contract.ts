import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SampleBatchSchema } from '@driftline/proto'
import { describe, expect, it } from 'vitest'
import type { AnalyticsStore } from './analytics-store.ts'
import type { ClickHouseStoreConfig } from './clickhouse-store.ts'
import { protoText } from './proto-text.ts'
import { bodyOf, migrationsDir, testRetention } from './testing/store-test-kit.ts'

/** Makes another store over the server under test, as a second service has it; `password` is the writer's. */
export type OpenStore = (changes?: Partial<ClickHouseStoreConfig> & { readonly password?: string }) => AnalyticsStore

const HOUR_MS = 3_600_000
const files = readdirSync(migrationsDir).sort()

/** What every analytics store does to its tables at a start; a part of its contract. */
export function describeMigrations(store: () => AnalyticsStore, open: OpenStore): void {
  describe('migrations', () => {
    it('can be repeated, and by two writers at once', async () => {
      await Promise.all([open().start(), open().start(), open().start()])
      const rows = await store().query<{ number: number }>('SELECT DISTINCT number FROM migrations ORDER BY number')
      expect(rows.map(({ number }) => number)).toEqual(files.map((_, index) => index + 1))
    })

    it('go on where a start was cut short', async () => {
      await store().execute('ALTER TABLE migrations DELETE WHERE number > 2 SETTINGS mutations_sync = 1')
      await store().execute('DROP TABLE snapshots_view')
      await open().start()
      expect(
        await store().query(
          "SELECT count() AS n FROM system.tables WHERE database = currentDatabase() AND name = 'snapshots_view'",
        ),
      ).toEqual([{ n: '1' }])
    })

    it('refuse a history that was changed and a database from the future', async () => {
      const dir = mkdtempSync(join(tmpdir(), 'driftline-migrations-'))
      cpSync(migrationsDir, dir, { recursive: true })
      writeFileSync(join(dir, '0002_series.sql'), `${readFileSync(join(dir, '0002_series.sql'), 'utf8')}\n-- changed`)
      await expect(open({ migrationsDir: dir }).start()).rejects.toMatchObject({ code: 'store_rejected' })
      rmSync(join(dir, files.at(-1) ?? ''))
      await expect(open({ migrationsDir: dir }).start()).rejects.toThrow('newer than this release')
      rmSync(dir, { recursive: true, force: true })
    })
  })
  describeRetention(store, open)
}

function describeRetention(store: () => AnalyticsStore, open: OpenStore): void {
  const ttlOf = async (table: string): Promise<number> => {
    const [row] = await store().query<{ seconds: string }>(
      `SELECT extract(create_table_query, 'TTL .*toIntervalSecond\\\\((\\\\d+)\\\\)') AS seconds FROM system.tables
       WHERE database = currentDatabase() AND name = {table: String}`,
      { table },
    )
    return Number(row?.seconds)
  }

  describe('retention', () => {
    it('follows the settings at the next start', async () => {
      expect([await ttlOf('samples'), await ttlOf('samples_1m')]).toEqual([48 * 3600, 720 * 3600])
      await open({
        retention: { rawRetentionMs: HOUR_MS, dataRetentionMs: 24 * HOUR_MS, logRetentionMs: 48 * HOUR_MS },
      }).start()
      for (const table of ['samples', 'snapshots', 'kpis']) expect(await ttlOf(table)).toBe(3600)
      for (const table of ['samples_1m', 'kpis_1m', 'dead_letters']) expect(await ttlOf(table)).toBe(86_400)
      await open().start()
      expect(await ttlOf('samples')).toBe(48 * 3600)
    })

    it('drops whole parts that are past it, and keeps the roll-ups', async () => {
      const dayMs = 24 * HOUR_MS
      const noon = Math.floor(Date.now() / dayMs) * dayMs - 10 * dayMs + dayMs / 2
      const body = bodyOf(SampleBatchSchema, [
        { baseTimeMs: BigInt(noon), series: [1n], timeOffsetMs: [0], value: [1] },
        { baseTimeMs: BigInt(Date.now()), series: [2n], timeOffsetMs: [0], value: [2] },
      ])
      await open({ retention: { ...testRetention, rawRetentionMs: 400 * dayMs } }).start()
      const insert = { table: 'samples_in', schema: protoText(SampleBatchSchema), message: 'SampleBatch', body }
      await store().insertProtobuf({ ...insert, deduplicationToken: 'old and new' })
      const series = async (table: string): Promise<string[]> =>
        (await store().query<{ series: string }>(`SELECT series FROM ${table} ORDER BY series`)).map(
          (row) => row.series,
        )
      expect(await series('samples')).toEqual(['1', '2'])
      await open().start()
      await expect.poll(() => series('samples'), { timeout: 60_000 }).toEqual(['2'])
      expect(await series('samples_1m')).toEqual(['1', '2'])
    })
  })
}
