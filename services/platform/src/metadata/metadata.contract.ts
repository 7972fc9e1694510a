import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ErrorCode } from '../errors.ts'
import type { Metadata } from './metadata.ts'

/** Opens the same, initially empty database each time it is called within one test file. */
export type OpenMetadata = () => Metadata

const now = new Date('2026-03-01T12:00:00.123Z')

/** What every metadata store does, whatever stands behind it. */
export function describeMetadata(title: string, open: OpenMetadata): void {
  describe(title, () => {
    let metadata: Metadata
    beforeAll(async () => {
      metadata = open()
      await metadata.start()
    })
    afterAll(() => metadata.stop())

    describeValues(() => metadata)
    describeErrors(() => metadata)
    describeConcurrency(() => metadata)
    describeStart(() => metadata, open)
  })
}

function describeValues(metadata: () => Metadata): void {
  const hostile: [string, string][] = [
    ['quotes and SQL', `'; drop table users; -- " \\ \` ? $1 :name @p %s`],
    ['line breaks and control characters', 'a\r\n\t\u0001\u001b[2J\u007f'],
    ['text outside the basic plane', 'नमस्ते 🙂 \u{10FFFF} \uFEFF\u202E'],
    ['empty text', ''],
    ['1 MB of text', 'x€'.repeat(524_288)],
  ]
  it.each(hostile)('keeps %s as it was', async (title, text) => {
    const row = { tenant: 't1', process: title, category: text, tags: [text, ''], description: null, active: true }
    await metadata()
      .db.insertInto('process_settings')
      .values({ ...row, updated_at: now, updated_by: text })
      .execute()
    const found = await metadata()
      .db.selectFrom('process_settings')
      .selectAll()
      .where('process', '=', title)
      .executeTakeFirstOrThrow()
    expect(found).toEqual({ ...row, updated_at: now, updated_by: text })
  })

  it.each([
    true,
    false,
    0,
    -1.5,
    1e300,
    'text',
    '"',
    '',
    [],
    {},
    [null, { a: [1, 'b', { c: false }] }],
    { nul: '\0', half: '\ud800' },
  ])('keeps the JSON value %j, written by insert and by update', async (value) => {
    const row = { tenant: 't1', updated_at: now, updated_by: 'system' }
    await metadata()
      .db.insertInto('settings')
      .values({ ...row, key: 'k', value })
      .onConflict((conflict) => conflict.columns(['tenant', 'key']).doUpdateSet({ value }))
      .execute()
    await metadata().db.updateTable('settings').set({ value }).where('key', '=', 'k').execute()
    const found = await metadata().db.selectFrom('settings').select('value').where('key', '=', 'k').executeTakeFirst()
    expect(found).toEqual({ value })
  })

  it.each([new Date(0), new Date(-8.64e15), new Date(8.64e15), new Date('1582-10-15'), now])(
    'keeps the date %j and compares by it',
    async (at) => {
      const row = {
        tenant: 'dates',
        id: `d${at.getTime()}`,
        actor: 'system',
        action: 'a.b',
        subject: 's',
        detail: null,
      }
      await metadata()
        .db.insertInto('audit_log')
        .values({ ...row, at })
        .execute()
      const found = metadata().db.selectFrom('audit_log').select('at').where('id', '=', row.id)
      expect(await found.where('at', '=', at).executeTakeFirst()).toEqual({ at })
      expect(await found.where('at', '<', at).executeTakeFirst()).toBeUndefined()
    },
  )

  it('binds booleans in conditions and expressions', async () => {
    const row = { tenant: 'booleans', tags: [], category: null, description: null, updated_at: now, updated_by: 's' }
    const rows = [true, false, true].map((active, index) => ({ ...row, active, process: `p${index}` }))
    await metadata().db.insertInto('process_settings').values(rows).execute()
    const active = metadata().db.selectFrom('process_settings').where('tenant', '=', 'booleans')
    expect(await active.where('active', '=', true).select('process').execute()).toHaveLength(2)
    expect(await active.where('active', 'in', [false]).select('active').execute()).toEqual([{ active: false }])
    expect(await active.where(sql<boolean>`active = ${true}`).select('process').execute()).toHaveLength(2)
    expect(await active.select(({ fn }) => fn.countAll<number>().as('count')).executeTakeFirst()).toEqual({ count: 3 })
  })

  it('sorts text by code point', async () => {
    const keys = ['b', 'B', 'a', '_', 'ä', 'Z', '1', 'a:b', 'a-b']
    const row = { tenant: 'sorted', value: null, updated_at: now, updated_by: 's' }
    await metadata()
      .db.insertInto('settings')
      .values(keys.map((key) => ({ ...row, key })))
      .execute()
    const found = metadata().db.selectFrom('settings').select('key').where('tenant', '=', 'sorted').orderBy('key')
    expect((await found.execute()).map(({ key }) => key)).toEqual([...keys].sort())
  })
}

function describeErrors(metadata: () => Metadata): void {
  const setting = { tenant: 'errors', key: 'k', value: 1, updated_at: now, updated_by: 's' }
  const position = { topic: 'errors', partition: 0, next_offset: 0, intent: null, sequences: '', version: 0 }
  const refused: [string, ErrorCode, (metadata: Metadata) => Promise<unknown>][] = [
    [
      'NUL',
      'value_invalid',
      ({ db }) =>
        db
          .insertInto('settings')
          .values({ ...setting, updated_by: 'a\0b' })
          .execute(),
    ],
    [
      'half a surrogate pair',
      'value_invalid',
      ({ db }) => db.deleteFrom('settings').where('key', '=', '\udc00').execute(),
    ],
    ['NUL in raw SQL', 'value_invalid', ({ db }) => sql`select ${'\0'}`.execute(db)],
    [
      'an unsafe integer',
      'value_invalid',
      ({ db }) =>
        db
          .insertInto('writer_positions')
          .values({ ...position, next_offset: 2 ** 53 })
          .execute(),
    ],
    [
      'a fraction for an integer',
      'value_invalid',
      ({ db }) =>
        db
          .insertInto('writer_positions')
          .values({ ...position, next_offset: 1.5 })
          .execute(),
    ],
    ['NaN', 'value_invalid', ({ db }) => db.updateTable('writer_positions').set({ version: Number.NaN }).execute()],
    [
      'an invalid date',
      'value_invalid',
      ({ db }) =>
        db
          .insertInto('settings')
          .values({ ...setting, updated_at: new Date('x') })
          .execute(),
    ],
    [
      'infinity in JSON',
      'value_invalid',
      ({ db }) =>
        db
          .insertInto('settings')
          .values({ ...setting, value: [1 / 0] })
          .execute(),
    ],
    ['an object outside JSON', 'value_invalid', ({ db }) => sql`select ${{ a: 1 }}`.execute(db)],
    [
      'a user of no tenant',
      'not_found',
      ({ db }) =>
        db
          .insertInto('api_keys')
          .values({
            tenant: 'none',
            id: 'i',
            name: 'n',
            key_hash: 'h',
            prefix: 'p',
            role: 'r',
            created_by: 'c',
            created_at: now,
            last_used_at: null,
            revoked_at: null,
          })
          .execute(),
    ],
  ]
  it.each(refused)('refuses %s with %s', async (_title, code, attempt) => {
    await expect(attempt(metadata())).rejects.toMatchObject({ name: 'AppError', code, retryable: false })
  })

  it('accepts the largest safe integers', async () => {
    const row = { ...position, topic: 'safe', next_offset: Number.MAX_SAFE_INTEGER, version: Number.MIN_SAFE_INTEGER }
    await metadata().db.insertInto('writer_positions').values(row).execute()
    const found = metadata().db.selectFrom('writer_positions').selectAll().where('topic', '=', 'safe')
    expect(await found.executeTakeFirst()).toEqual(row)
  })

  it('answers metadata_conflict for a taken key, by value and by returning, and goes on', async () => {
    const insert = metadata().db.insertInto('settings').values(setting)
    await insert.execute()
    await expect(insert.execute()).rejects.toMatchObject({ code: 'metadata_conflict', retryable: false })
    await expect(insert.returning('key').execute()).rejects.toMatchObject({ code: 'metadata_conflict' })
    expect(await metadata().ping()).toBe(true)
  })

  it('leaves a wrong statement as the programmer error it is', async () => {
    await expect(sql`selec 1`.execute(metadata().db)).rejects.not.toMatchObject({ name: 'AppError' })
  })
}

function describeConcurrency(metadata: () => Metadata): void {
  const insertPosition = (topic: string): Promise<unknown> =>
    metadata()
      .db.insertInto('writer_positions')
      .values({ topic, partition: 3, next_offset: 0, intent: null, sequences: '{}', version: 0 })
      .execute()
  const advance = (topic: string, version: number, to: number): Promise<{ version: number } | undefined> =>
    metadata()
      .db.updateTable('writer_positions')
      .set(({ eb }) => ({ next_offset: to, version: eb('version', '+', 1) }))
      .where('topic', '=', topic)
      .where('version', '=', version)
      .returning('version')
      .executeTakeFirst()

  it('lets exactly one of many win a compare-and-set', async () => {
    await insertPosition('cas')
    for (let version = 0; version < 20; version++) {
      const results = await Promise.all(Array.from({ length: 10 }, (_, index) => advance('cas', version, index)))
      expect(results.filter((result) => result !== undefined)).toEqual([{ version: version + 1 }])
    }
  })

  it('rolls a failed transaction back and keeps a finished one', async () => {
    const insert = (key: string) => ({ tenant: 'tx', key, value: 1, updated_at: now, updated_by: 's' })
    const failed = metadata().transaction(async (transaction) => {
      await transaction.insertInto('settings').values(insert('lost')).execute()
      throw new Error('changed my mind')
    })
    await expect(failed).rejects.toThrow('changed my mind')
    const answer = await metadata().transaction(async (transaction) => {
      await transaction.insertInto('settings').values(insert('kept')).execute()
      return 42
    })
    expect(answer).toBe(42)
    const keys = metadata().db.selectFrom('settings').select('key').where('tenant', '=', 'tx')
    expect(await keys.execute()).toEqual([{ key: 'kept' }])
  })

  it('counts right when many transactions change one row', async () => {
    await insertPosition('counted')
    const add = () =>
      metadata().transaction((transaction) =>
        transaction
          .updateTable('writer_positions')
          .set(({ eb }) => ({ next_offset: eb('next_offset', '+', 1) }))
          .where('topic', '=', 'counted')
          .execute(),
      )
    await Promise.all(Array.from({ length: 50 }, add))
    const found = metadata().db.selectFrom('writer_positions').select('next_offset').where('topic', '=', 'counted')
    expect(await found.executeTakeFirst()).toEqual({ next_offset: 50 })
  })

  it('refuses what would wait for itself', async () => {
    const nested = metadata().transaction(() => metadata().db.selectFrom('tenants').selectAll().execute())
    await expect(nested).rejects.toThrow('Use the transaction')
    const twice = metadata().transaction(() => metadata().transaction(async () => 1))
    await expect(twice).rejects.toThrow('inside another')
    expect(await metadata().ping()).toBe(true)
  })
}

function describeStart(metadata: () => Metadata, open: OpenMetadata): void {
  it('has one installation, however many services start at once', async () => {
    const others = Array.from({ length: 4 }, open)
    await Promise.all(others.map((other) => other.start()))
    await Promise.all(others.map((other) => other.stop()))
    expect(await metadata().db.selectFrom('install').selectAll().execute()).toHaveLength(1)
  })

  it('refuses tables of a newer version', async () => {
    const insert = sql`insert into migrations (name, applied_at) values ('9999-later', 0)`
    await insert.execute(metadata().db)
    const older = open()
    await expect(older.start()).rejects.toMatchObject({ code: 'config_invalid' })
    await older.stop()
    await sql`delete from migrations where name = '9999-later'`.execute(metadata().db)
  })

  it('answers stopped after stop, and stops twice', async () => {
    const other = open()
    await other.start()
    await other.stop()
    await other.stop()
    await expect(other.db.selectFrom('tenants').selectAll().execute()).rejects.toMatchObject({ code: 'stopped' })
    await expect(other.transaction(async () => 1)).rejects.toMatchObject({ code: 'stopped' })
    expect(await other.ping()).toBe(false)
  })
}
