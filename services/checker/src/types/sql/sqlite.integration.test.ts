import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'libsql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSqlType } from './sql-type.ts'
import { createStoreRig, createStoreTools, failureOf, type StoreRig } from './testing/store-rig.ts'

const ENDLESS = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n'

describe('sql in a file of SQLite', () => {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-sqlite-'))
  const path = (name: string): string => join(directory, name)
  let rig: StoreRig
  let database: Database.Database

  beforeAll(() => {
    mkdirSync(path('allowed'))
    database = new Database(path('allowed/shop.db'))
    database.exec(`
      CREATE TABLE orders (id integer, name text, amount real, at text, raw blob);
      INSERT INTO orders VALUES (1, 'first', 12.5, '2026-02-28 12:00:00', x'0102'), (9007199254740993, 'second', null, null, null)`)
    symlinkSync(path('allowed/shop.db'), path('allowed/link.db'))
    writeFileSync(path('outside.db'), '')
    symlinkSync(path('outside.db'), path('allowed/outside.db'))
    writeFileSync(path('allowed/text.db'), 'This is a text, and longer than a header of SQLite. '.repeat(50))
    execFileSync('mkfifo', [path('allowed/fifo.db')])
    rig = createStoreRig('sql', createSqlType, createStoreTools({ allowedRoots: [path('allowed')] }))
  })
  afterAll(() => {
    database.close()
    rmSync(directory, { recursive: true, force: true })
  })

  const ask = (query: string, name = 'shop.db', more: Record<string, unknown> = {}, timeoutMs = 20_000) =>
    rig.run({ url: `sqlite:${path('allowed')}/${name}`, query, ...more }, { timeoutMs })

  it('answers rows, values, columns and ages', async () => {
    const answer = await ask('SELECT * FROM orders WHERE id > ? ORDER BY id', 'link.db', { parameters: [false] })
    expect(answer.fact('rows')).toBe(2)
    expect(answer.fact('column', 'name')).toBe('first')
    expect(answer.fact('age', 'at')).toBeCloseTo((Date.now() - Date.UTC(2026, 1, 28, 12)) / 1000, -2)
    expect(answer.result['rows']).toEqual([
      [1, 'first', 12.5, '2026-02-28 12:00:00', '2 bytes'],
      ['9007199254740993', 'second', null, null, null],
    ])
  })

  it.each([
    ['SELECT 1', '../outside.db', 'path_not_allowed'],
    ['SELECT 1', 'outside.db', 'path_not_allowed'],
    ['SELECT 1', '../nothing/at/all.db', 'path_not_allowed'],
    ['SELECT 1', 'nothing.db', 'file_missing'],
    ['SELECT 1', 'fifo.db', 'path_not_allowed'],
    ['SELECT * FROM sqlite_master', 'text.db', 'answer_invalid'],
    ['SELECT nothing FROM orders', 'shop.db', 'query_failed'],
    ['DELETE FROM orders', 'shop.db', 'statement_not_read_only'],
  ])('answers %s in %s with a failure', async (query, name, reason) => {
    const failure = await failureOf(ask(query, name))
    expect(failure.reason).toBe(reason)
    expect(failure.hint).not.toBe('')
  })

  it('takes no more of ten million rows than it may', async () => {
    const many = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10000000) SELECT i FROM n'
    expect((await failureOf(ask(many))).reason).toBe('rows_too_many')
  })

  it('ends a query that would never end, while everything else goes on', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 10)
    const failure = await failureOf(ask(ENDLESS, 'shop.db', {}, 1500))
    clearInterval(timer)
    expect(failure.reason).toBe('timeout')
    expect(turns).toBeGreaterThan(20)
    expect((await ask('SELECT count(*) FROM orders')).fact('value')).toBe(2)
  })

  it('leaves no process at work after somebody cancelled', async () => {
    const cancelled = new AbortController()
    const running = failureOf(
      rig.run(
        { url: `sqlite:${path('allowed/shop.db')}`, query: ENDLESS },
        { signal: cancelled.signal, timeoutMs: 60_000 },
      ),
    )
    while (busyChildren().length === 0) await sleep(20)
    cancelled.abort()
    expect((await running).reason).toBe('timeout')
    while (busyChildren().length > 0) await sleep(20)
  })

  it('says that the database is locked', async () => {
    database.exec('BEGIN EXCLUSIVE')
    const failure = await failureOf(ask('SELECT count(*) FROM orders', 'shop.db', {}, 2000))
    database.exec('ROLLBACK')
    expect(failure.reason).toBe('table_locked')
  })

  it('reads a database that is being written in WAL mode', async () => {
    const writer = new Database(path('allowed/wal.db'))
    writer.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (a); BEGIN; INSERT INTO t VALUES (1)')
    expect((await ask('SELECT count(*) FROM t', 'wal.db')).fact('value')).toBe(0)
    writer.exec('COMMIT')
    expect((await ask('SELECT count(*) FROM t', 'wal.db')).fact('value')).toBe(1)
    writer.close()
  })

  it('does not fill the memory with one cell', async () => {
    expect((await failureOf(ask('SELECT hex(zeroblob(400000000))'))).reason).toBe('answer_too_large')
  })
})

/** Our children that compute: by the time of the processor that they take. */
function busyChildren(): string[] {
  const rows = execFileSync('ps', ['-o', 'pid=,stat=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' })
  return rows.split('\n').filter((row) => row.includes('database-child') && /^\s*\d+\s+R/.test(row))
}
