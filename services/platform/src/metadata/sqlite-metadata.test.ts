import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { describeMetadata } from './metadata.contract.ts'
import type { Metadata } from './metadata.ts'
import { createSqliteMetadata } from './sqlite-metadata.ts'

const directory = mkdtempSync(join(tmpdir(), 'driftline-metadata-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const open = (name: string): Metadata =>
  createSqliteMetadata({ file: join(directory, name) }, { logger: pino({ level: 'silent' }), clock: systemClock })

describeMetadata('metadata on SQLite', () => open('contract/metadata.sqlite'))

describe('metadata on SQLite, the file', () => {
  it('is readable by its owner only and flushes every commit', async () => {
    const metadata = open('mode/metadata.sqlite')
    await metadata.start()
    expect(statSync(join(directory, 'mode/metadata.sqlite')).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory, 'mode/metadata.sqlite-wal')).mode & 0o777).toBe(0o600)
    expect((await sql`pragma synchronous`.execute(metadata.db)).rows).toEqual([{ synchronous: 2 }])
    expect((await sql`pragma journal_mode`.execute(metadata.db)).rows).toEqual([{ journal_mode: 'wal' }])
    await metadata.stop()
  })

  it('answers disk_full and stays usable', async () => {
    const metadata = open('full.sqlite')
    await metadata.start()
    const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(metadata.db)
    await sql.raw(`pragma max_page_count = ${(rows[0]?.page_count ?? 0) + 2}`).execute(metadata.db)
    const row = { tenant: 't', key: 'k', value: 'x'.repeat(100_000), updated_at: new Date(), updated_by: 's' }
    const insert = metadata.db.insertInto('settings').values(row).execute()
    await expect(insert).rejects.toMatchObject({ code: 'disk_full', retryable: true })
    const inTransaction = metadata.transaction((transaction) =>
      transaction.insertInto('settings').values(row).execute(),
    )
    await expect(inTransaction).rejects.toMatchObject({ code: 'disk_full', retryable: true })
    await metadata.transaction((transaction) =>
      transaction
        .insertInto('settings')
        .values({ ...row, value: 'small' })
        .execute(),
    )
    await metadata.stop()
  })

  it('says what is wrong with a path or a file that it cannot use', async () => {
    mkdirSync(join(directory, 'taken'))
    await expect(open('taken').start()).rejects.toMatchObject({ code: 'data_dir_unusable' })
    writeFileSync(join(directory, 'not.sqlite'), 'This is no database. '.repeat(500))
    await expect(open('not.sqlite').start()).rejects.toMatchObject({ code: 'metadata_unavailable', retryable: false })
  })
})
