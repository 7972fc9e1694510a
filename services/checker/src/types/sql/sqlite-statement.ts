import type { Json } from '@driftline/platform/metadata/tables'
import Database from 'libsql'
import { CheckFailure } from '../../check-type.ts'
import { codeOf, messageOf } from '../../net/connect-failures.ts'
import type { ChildAnswer, SqliteQuestion } from './child-protocol.ts'
import { binary, createRowCollector, wholeNumber } from './values.ts'

const HEAP_BYTES_MAX = 256_000_000

/** Runs in the child: it takes as long as it takes, and blocks. */
export function askSqlite(question: SqliteQuestion): ChildAnswer {
  let database: Database.Database | undefined
  try {
    database = new Database(question.path, { readonly: true, fileMustExist: true } as never)
    database.exec(`PRAGMA busy_timeout = ${question.lockMs}`)
    database.exec('PRAGMA query_only = 1')
    database.exec(`PRAGMA hard_heap_limit = ${HEAP_BYTES_MAX}`)
    return { rows: readRows(database, question) }
  } catch (error) {
    return faultOf(error)
  } finally {
    database?.close()
  }
}

function readRows(database: Database.Database, { text, parameters, rowsMax }: SqliteQuestion) {
  const statement = database.prepare(text)
  statement.safeIntegers(true)
  const columns = statement.columns().map(({ name }) => name)
  const collector = createRowCollector(rowsMax)
  // SQLite has no truth values; binding one would end this process.
  const bound = parameters.map((value) => (typeof value === 'boolean' ? Number(value) : value))
  for (const row of statement.raw(true).iterate(...bound) as Iterable<unknown[]>) {
    if (!collector.add(row.map(cellOf))) break
  }
  return { columns, rows: collector.rows, more: collector.more }
}

function cellOf(cell: unknown): Json {
  if (typeof cell === 'bigint') return wholeNumber(cell)
  if (cell instanceof Uint8Array || cell instanceof ArrayBuffer) return binary(cell.byteLength)
  return (cell ?? null) as Json
}

function faultOf(error: unknown): ChildAnswer {
  const message = messageOf(error)
  const said = `${codeOf(error)} ${message}`
  if (error instanceof CheckFailure) return { fault: 'too_large', message }
  if (/SQLITE_(BUSY|LOCKED)|is locked/i.test(said)) return { fault: 'locked', message }
  if (/SQLITE_(NOTADB|CORRUPT)|not a database|malformed/i.test(said)) return { fault: 'foreign', message }
  if (/SQLITE_READONLY|readonly|query_only/i.test(said)) return { fault: 'writes', message }
  if (/SQLITE_(CANTOPEN|PERM|AUTH)|unable to open/i.test(said)) return { fault: 'denied', message }
  if (/SQLITE_(NOMEM|TOOBIG)|out of memory|too big/i.test(said)) return { fault: 'too_large', message }
  return { fault: 'query', message }
}
