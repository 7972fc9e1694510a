import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { createConnection } from 'mysql2/promise'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createSqlType } from './sql-type.ts'
import { createStoreRig, createStoreTools, failureOf, type StoreRig } from './testing/store-rig.ts'

describeWithServer('mariadb', 'sql at MariaDB', (server) => {
  let admin: Awaited<ReturnType<typeof createConnection>>
  let rig: StoreRig
  let url: string

  beforeAll(async () => {
    const at = new URL(server().url)
    const place = { host: at.hostname, port: Number(at.port) }
    admin = await createConnection({ ...place, user: 'driftline', multipleStatements: true, dateStrings: true })
    await admin.query(`
      CREATE DATABASE checker_sql; USE checker_sql;
      CREATE TABLE orders (id bigint, name varchar(50), amount decimal(30, 10), at timestamp NULL, day date, made datetime(3), data json, raw blob, small tinyint);
      SET time_zone = '+00:00';
      INSERT INTO orders VALUES
        (1, 'first', 12.50, now() - interval 2 hour, '2026-02-28', '2026-02-28 12:00:00.250', '{"a": 1}', x'0102', 7),
        (9007199254740993, 'second', 12345678901234567890.5, now() - interval 1 minute, NULL, NULL, NULL, NULL, NULL);
      CREATE USER checker_reader@'%' IDENTIFIED BY 'right-password';
      GRANT SELECT, INSERT, EXECUTE, FILE ON *.* TO checker_reader@'%'`)
    url = `mysql://127.0.0.1:${at.port}/checker_sql`
    const authorities = readFileSync(at.searchParams.get('certificate')!, 'utf8')
    const key = readFileSync(at.searchParams.get('key')!, 'utf8')
    await admin.query(`CREATE USER localhost@'%' REQUIRE X509; GRANT SELECT ON checker_sql.* TO localhost@'%'`)
    rig = createStoreRig(
      'sql',
      createSqlType,
      createStoreTools({
        credentials: {
          reader: { kind: 'basic', fields: { username: 'checker_reader', password: 'right-password' } },
          stranger: { kind: 'basic', fields: { username: 'checker_reader', password: 'wrong-password' } },
          // The server's certificate serves as the client's too: it is its own authority.
          certificate: { kind: 'client_certificate', fields: { certificate: authorities, key, authorities } },
        },
      }),
    )
  })
  afterAll(async () => {
    await admin.end()
  })

  const ask = (query: string, more: Record<string, unknown> = {}, timeoutMs = 10_000) =>
    rig.run({ url, credential: 'reader', query, ...more }, { timeoutMs })
  const sessions = async (): Promise<string[]> => {
    const [rows] = await admin.query(
      `SELECT coalesce(info, '') AS info FROM information_schema.processlist WHERE user = 'checker_reader'`,
    )
    return (rows as { info: string }[]).map(({ info }) => info)
  }
  const untilNobody = async (): Promise<void> => {
    while ((await sessions()).length > 0) await sleep(20)
  }

  it.each([
    ['without parameters', 'SELECT * FROM orders ORDER BY name', []],
    ['with parameters', 'SELECT * FROM orders WHERE id > ? AND name <> ? ORDER BY name', [0, "it's"]],
  ])('answers rows, values, columns and ages %s', async (_, query, parameters) => {
    const answer = await ask(query, { parameters })
    expect(answer.fact('rows')).toBe(2)
    expect(answer.fact('value')).toBe(1)
    expect(answer.fact('column', 'name')).toBe('first')
    expect(answer.fact('age', 'at')).toBeGreaterThan(59)
    expect(answer.fact('age', 'at')).toBeLessThan(119)
    const [first, second] = answer.result['rows'] as unknown[][]
    expect(first!.slice(0, 3)).toEqual([1, 'first', 12.5])
    expect(first![3]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(first!.slice(4)).toEqual(['2026-02-28', '2026-02-28T12:00:00.250', { a: 1 }, '2 bytes', 7])
    expect(second!.slice(0, 3)).toEqual(['9007199254740993', 'second', '12345678901234567890.5000000000'])
    await untilNobody()
  })

  it('encrypts, and checks the certificate when it is to', async () => {
    const cipher = "SHOW SESSION STATUS LIKE 'Ssl_cipher'"
    expect((await ask(cipher)).fact('value', 'Value')).toBe('')
    expect((await ask(cipher, { tls: 'on' })).fact('value', 'Value')).not.toBe('')
    const failure = await failureOf(ask('SELECT 1', { tls: 'verify' }))
    expect(failure.reason).toBe('certificate_invalid')
    expect(failure.hint).toContain('authority')
    const own = await ask('SELECT current_user()', { tls: 'verify', credential: 'certificate' })
    expect(own.fact('value')).toBe('localhost@%')
  })

  it('names what is wrong with who asks and what', async () => {
    const reasons = async (config: Record<string, unknown>): Promise<string> => {
      const failure = await failureOf(rig.run({ url, credential: 'reader', query: 'SELECT 1', ...config }))
      expect(failure.hint).not.toBe('')
      return `${failure.reason}: ${failure.message}`
    }
    expect(await reasons({ url: url.replace('checker_sql', 'no_such') })).toMatch(/^database_unknown: .*no_such/)
    expect(await reasons({ credential: 'stranger' })).toMatch(/^credentials_refused: .*"checker_reader"/)
    expect(await reasons({ query: 'SELECT nothing FROM orders' })).toMatch(/^query_failed: .*nothing/)
    expect(await reasons({ query: 'SELECT * FROM mysql.no_such' })).toMatch(/^query_failed: /)
    expect(await reasons({ query: "SELECT 1 INTO OUTFILE '/tmp/x'" })).toMatch(/^statement_not_read_only: /)
    await untilNobody()
  })

  it('writes nothing, even where the first lock is passed', async () => {
    await admin.query(
      `CREATE FUNCTION write_order() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO orders (id) VALUES (5); RETURN 1; END`,
    )
    expect((await failureOf(ask('SELECT write_order()'))).reason).toBe('statement_not_read_only')
    expect((await ask('SELECT count(*) FROM orders')).fact('value')).toBe(2)
  })

  it('ends a query that sleeps, here and at the server', async () => {
    const failure = await failureOf(ask('SELECT count(*) FROM orders WHERE sleep(60) = 0', {}, 600))
    expect(failure.reason).toBe('timeout')
    await untilNobody()
  })

  it('ends a query at the server when somebody cancels', async () => {
    const cancelled = new AbortController()
    const running = failureOf(
      rig.run({ url, credential: 'reader', query: 'SELECT sleep(60)' }, { signal: cancelled.signal }),
    )
    while (!(await sessions()).some((query) => query.includes('sleep'))) await sleep(10)
    const cancelledMs = performance.now()
    cancelled.abort()
    expect((await running).reason).toBe('timeout')
    await untilNobody()
    expect(performance.now() - cancelledMs).toBeLessThan(5000)
  })

  it('says that a table is locked', async () => {
    await admin.query('LOCK TABLES orders WRITE')
    const failure = await failureOf(ask('SELECT count(*) FROM orders', {}, 3000))
    await admin.query('UNLOCK TABLES')
    expect(failure.reason).toBe('table_locked')
    await untilNobody()
  })

  it('takes no more of ten million rows than it may', async () => {
    const beforeBytes = process.memoryUsage().rss
    for (const limit of ['', ' LIMIT 10000000']) {
      const failure = await failureOf(ask(`SELECT seq, repeat('x', 100) FROM seq_1_to_10000000${limit}`))
      expect(failure.reason).toBe('rows_too_many')
      await untilNobody()
    }
    expect(process.memoryUsage().rss - beforeBytes).toBeLessThan(200_000_000)
  })

  it('says that the server went away', async () => {
    const running = failureOf(ask('SELECT sleep(60) -- ended'))
    while (!(await sessions()).some((query) => query.includes('sleep'))) await sleep(10)
    const [rows] = await admin.query(`SELECT id FROM information_schema.processlist WHERE user = 'checker_reader'`)
    for (const { id } of rows as { id: number }[]) await admin.query(`KILL CONNECTION ${id}`)
    expect((await running).reason).toBe('connection_lost')
  })
})
