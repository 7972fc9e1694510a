import type { SqlEngine } from '@driftline/checks/types/stores'
import { describe, expect, it } from 'vitest'
import { readOnlyStatement } from './read-only.ts'

type Case = readonly [SqlEngine, string]

const taken: readonly Case[] = [
  ['postgresql', 'SELECT 1'],
  ['postgresql', 'select count(*) from orders where state = $1'],
  ['postgresql', '  -- how many\n SELECT 1 -- the end'],
  ['postgresql', '/* one /* within */ another */ SELECT 1'],
  ['postgresql', 'WITH late AS (SELECT * FROM orders) SELECT count(*) FROM late'],
  ['postgresql', 'WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT max(i) FROM n'],
  ['postgresql', 'VALUES (1), (2)'],
  ['postgresql', 'TABLE orders'],
  ['postgresql', 'SHOW server_version'],
  ['postgresql', 'EXPLAIN SELECT 1'],
  ['postgresql', 'EXPLAIN (ANALYZE, FORMAT JSON) SELECT 1'],
  ['postgresql', 'EXPLAIN ANALYZE VERBOSE WITH a AS (SELECT 1) TABLE a'],
  ['postgresql', '((SELECT 1) UNION (SELECT 2)) ORDER BY 1'],
  ['postgresql', 'SELECT 1 /* /* */ ; DELETE FROM orders -- */'],
  ['mysql', "SELECT 'a\\'; DELETE FROM orders -- '"],
  ['postgresql', "SELECT 'DELETE FROM orders; DROP TABLE orders'"],
  ['postgresql', "SELECT 'it''s; DELETE'"],
  ['postgresql', "SELECT E'it\\'s; DELETE FROM orders'"],
  ['postgresql', "SELECT 'C:\\', 'insert'"],
  ['postgresql', "SELECT $$DELETE; it's$$, $a$ $$ ; INSERT $a$"],
  ['postgresql', 'SELECT "delete", "into" FROM "update"'],
  ['postgresql', 'SELECT o.update, o.delete FROM orders o'],
  ['postgresql', 'SELECT updated_at, deleted, insert_count FROM orders'],
  ['postgresql', "SELECT substring('abcdef' FROM 2 FOR 3)"],
  ['postgresql', 'SELECT 1;'],
  ['postgresql', 'SELECT 1 ; ; -- nothing more'],
  ['postgresql', "SELECT data #>> '{a,b}' FROM events"],
  ['postgresql', "SELECT replace(name, 'a', 'b') FROM events"],
  ['postgresql', 'SELECT 1 AS größe'],
  ['postgresql', 'SELECT a$b$c FROM t'],
  ['mysql', 'SELECT 1 # a comment'],
  ['mysql', "SELECT 'it\\'s; DELETE FROM orders'"],
  ['mysql', 'SELECT "insert into", `update` FROM `delete`'],
  ['mysql', "SELECT INSERT('Quadratic', 3, 4, 'What'), REPLACE('a', 'b', 'c')"],
  ['mysql', 'SELECT 5--3'],
  ['mysql', 'SHOW PROCESSLIST'],
  ['mysql', 'EXPLAIN FORMAT=JSON SELECT 1'],
  ['mysql', 'SELECT /*+ MAX_EXECUTION_TIME(1000) */ 1'],
  ['mysql', 'SELECT /* a /* b */ 1'],
  ['sqlserver', 'SELECT TOP 5 [update], [a]]b] FROM dbo.[delete]'],
  ['sqlserver', 'WITH a AS (SELECT 1 AS n) SELECT n FROM a INNER MERGE JOIN b ON a.n = b.n'],
  ['sqlserver', "SELECT 'EXEC xp_cmdshell', @p1"],
  ['sqlserver', 'SELECT name FROM #recent FOR JSON PATH'],
  ['oracle', "SELECT q'[it's; DELETE]' FROM dual"],
  ['oracle', "SELECT nq'!it's!', q'{a}' FROM dual"],
  ['oracle', 'SELECT * FROM v$session WHERE sid = :1'],
  ['sqlite', 'SELECT [delete], "update" FROM t'],
  ['sqlite', 'EXPLAIN QUERY PLAN SELECT 1'],
  ['sqlite', "SELECT replace(name, 'a', 'b') FROM t WHERE id = ?"],
]

const refused: readonly (readonly [...Case, string])[] = [
  ['postgresql', '', 'no statement'],
  ['postgresql', '-- SELECT 1', 'no statement'],
  ['postgresql', ';', 'no statement'],
  ['postgresql', 'INSERT INTO orders VALUES (1)', 'begins with INSERT'],
  ['postgresql', 'UPDATE orders SET a = 1', 'begins with UPDATE'],
  ['postgresql', 'DELETE FROM orders', 'begins with DELETE'],
  ['postgresql', 'DROP TABLE orders', 'begins with DROP'],
  ['postgresql', 'TRUNCATE orders', 'begins with TRUNCATE'],
  ['postgresql', "COPY orders TO PROGRAM 'sh'", 'begins with COPY'],
  ['postgresql', 'DO $$ BEGIN DELETE FROM orders; END $$', 'begins with DO'],
  ['postgresql', 'SET ROLE postgres', 'begins with SET'],
  ['postgresql', 'BEGIN', 'begins with BEGIN'],
  ['postgresql', '"SELECT" 1', 'begins with "SELECT"'],
  ['postgresql', 'SELECT 1; DELETE FROM orders', 'more than one'],
  ['postgresql', 'SELECT 1; SELECT 2', 'more than one'],
  ['postgresql', "SELECT ';' ; COMMIT", 'more than one'],
  ['mysql', 'SELECT 1 /* /* */ ; DELETE FROM orders -- */', 'more than one'],
  ['postgresql', 'SELECT 1 /* a */ ; DELETE FROM orders', 'more than one'],
  ['postgresql', 'WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone', 'DELETE stands'],
  ['postgresql', 'WITH a AS (INSERT INTO t VALUES (1) RETURNING 1) SELECT 1', 'INSERT stands'],
  ['postgresql', 'WITH a AS MATERIALIZED (UPDATE t SET a = 1 RETURNING 1) SELECT 1', 'UPDATE stands'],
  ['postgresql', 'WITH a AS (SELECT 1) DELETE FROM t', 'DELETE stands'],
  ['postgresql', 'WITH a AS (SELECT 1) MERGE/**/INTO t USING a ON true WHEN MATCHED THEN DO NOTHING', 'MERGE stands'],
  ['postgresql', 'WITH a AS (SELECT 1) SEARCH DEPTH FIRST BY x SET y DELETE FROM t', 'DELETE stands'],
  ['postgresql', 'SELECT * INTO copy FROM orders', 'INTO stands'],
  ['postgresql', 'SELECT * FROM orders FOR UPDATE', 'UPDATE stands'],
  ['postgresql', 'SELECT * FROM orders FOR NO KEY UPDATE', 'locks rows'],
  ['postgresql', 'SELECT * FROM orders FOR SHARE', 'locks rows'],
  ['postgresql', 'SELECT * FROM orders FOR KEY SHARE', 'locks rows'],
  ['postgresql', 'EXPLAIN ANALYZE DELETE FROM orders', 'other than a query'],
  ['postgresql', 'EXPLAIN (ANALYZE) EXECUTE gone', 'other than a query'],
  ['postgresql', 'EXPLAIN CREATE TABLE a AS SELECT 1', 'other than a query'],
  ['postgresql', "SELECT 'no end", 'string in it has no end'],
  ['postgresql', 'SELECT "no end', 'quoted name in it has no end'],
  ['postgresql', 'SELECT $a$ no end $b$', 'dollar-quoted string in it has no end'],
  ['postgresql', 'SELECT 1 /* no end', 'comment in it has no end'],
  ['postgresql', "SELECT 'a\\'; DELETE FROM orders --'", 'more than one'],
  ['postgresql', "SELECT E'x'\n'\\'' ; DELETE FROM orders --'", 'goes on in another'],
  ['postgresql', 'SELECT U&"\\0070g_sleep"(1)', 'Unicode escapes'],
  ['postgresql', 'SELECT 1 --\rDELETE', 'carriage return'],
  ['postgresql', 'SELECT 1\0', 'NUL'],
  ['postgresql', 'SELECT pg_terminate_backend(1)', 'pg_terminate_backend'],
  ['postgresql', 'SELECT pg_catalog."pg_reload_conf"()', 'pg_reload_conf'],
  ['postgresql', "SELECT set_config('transaction_read_only', 'off', false)", 'set_config'],
  ['postgresql', "SELECT pg_read_file('/etc/passwd')", 'pg_read_file'],
  ['postgresql', "SELECT dblink_exec('', 'DELETE FROM orders')", 'dblink_exec'],
  ['postgresql', "SELECT lo_export(1, '/tmp/x')", 'lo_export'],
  ['postgresql', 'SELECT pg_advisory_lock (1)', 'pg_advisory_lock'],
  ['mysql', "SELECT * FROM t INTO OUTFILE '/tmp/x'", 'INTO stands'],
  ['mysql', "SELECT 1 INTO DUMPFILE '/tmp/x'", 'INTO stands'],
  ['mysql', 'SELECT 1 INTO @a', 'INTO stands'],
  ['mysql', '/*! DELETE FROM orders */', 'server executes'],
  ['mysql', 'SELECT 1 /*!50000 INTO OUTFILE "x" */', 'server executes'],
  ['mysql', 'SELECT 1 /*M!100100 FOR UPDATE */', 'server executes'],
  ['mysql', 'SELECT * FROM t LOCK IN SHARE MODE', 'locks rows'],
  ['mysql', 'SELECT * FROM t FOR UPDATE', 'UPDATE stands'],
  ['mysql', 'SELECT "a\\" ; DELETE FROM orders', 'quoted name in it has no end'],
  ['mysql', 'SELECT 1 --; DELETE\n; DELETE FROM orders', 'more than one'],
  ['mysql', "SELECT LOAD_FILE('/etc/passwd')", 'load_file'],
  ['mysql', "SELECT GET_LOCK('a', 10)", 'get_lock'],
  ['mysql', 'EXPLAIN orders', 'other than a query'],
  ['mysql', 'EXPLAIN FOR CONNECTION 5', 'other than a query'],
  ['mysql', 'CALL clean_up()', 'begins with CALL'],
  ['mysql', "LOAD DATA INFILE 'x' INTO TABLE t", 'begins with LOAD'],
  ['mysql', 'SELECT NEXT VALUE FOR s', 'next number'],
  ['sqlserver', 'SELECT 1 DELETE FROM orders', 'DELETE stands'],
  ['sqlserver', 'SELECT 1DELETE FROM orders', 'DELETE stands'],
  ['sqlserver', "SELECT 1 EXEC('DROP TABLE orders')", 'EXEC stands'],
  ['sqlserver', "SELECT 1 WAITFOR DELAY '01:00'", 'WAITFOR stands'],
  ['sqlserver', 'SELECT * FROM orders WITH (TABLOCKX)', 'TABLOCKX stands'],
  ['sqlserver', "SELECT * FROM OPENROWSET('SQLNCLI', '', 'x')", 'OPENROWSET stands'],
  ['sqlserver', 'EXPLAIN SELECT 1', 'begins with EXPLAIN'],
  ['sqlserver', 'sp_who', 'begins with SP_WHO'],
  ['oracle', 'WITH FUNCTION f RETURN NUMBER IS BEGIN RETURN 1; END; SELECT f FROM dual', 'more than one'],
  ['oracle', 'WITH FUNCTION f RETURN NUMBER IS LANGUAGE C SELECT f FROM dual', 'defines a function'],
  ['oracle', 'EXPLAIN PLAN FOR SELECT 1 FROM dual', 'begins with EXPLAIN'],
  ['oracle', "SELECT q'[no end FROM dual", 'string in it has no end'],
  ['oracle', "SELECT q'[a]' FROM dual FOR UPDATE --]'", 'UPDATE stands'],
  ['oracle', "SELECT utl_http.request('http://a') FROM dual", 'utl_http'],
  ['oracle', 'SELECT numbers.nextval FROM dual', 'next number'],
  ['sqlite', 'PRAGMA writable_schema = 1', 'begins with PRAGMA'],
  ['sqlite', "ATTACH '/tmp/x' AS x", 'begins with ATTACH'],
  ['sqlite', "SELECT load_extension('x')", 'load_extension'],
  ['sqlite', 'EXPLAIN DELETE FROM t', 'other than a query'],
  ['sqlite', 'WITH a AS (SELECT 1) REPLACE INTO t SELECT * FROM a', 'INTO stands'],
]

describe('the lock before the server', () => {
  it.each(taken)('lets pass (%s): %s', (engine, statement) => {
    expect(readOnlyStatement(statement, engine).length).toBeGreaterThan(0)
  })

  it.each(refused)('refuses (%s): %s', (engine, statement, why) => {
    expect(() => readOnlyStatement(statement, engine)).toThrow(why)
  })

  it('leaves out what follows the statement', () => {
    expect(readOnlyStatement('SELECT 1 ; -- done', 'oracle')).toBe('SELECT 1')
  })

  it('takes time in proportion to the length', () => {
    const long = `SELECT ${"/* a */ 'b' || ".repeat(6000)} 'c'`
    const startedMs = performance.now()
    readOnlyStatement(long, 'postgresql')
    expect(() => readOnlyStatement(`SELECT ${'/*'.repeat(45_000)}`, 'postgresql')).toThrow('no end')
    expect(() => readOnlyStatement(`SELECT ${'/* '.repeat(30_000)}`, 'mysql')).toThrow('no end')
    expect(performance.now() - startedMs).toBeLessThan(5000)
  })
})
