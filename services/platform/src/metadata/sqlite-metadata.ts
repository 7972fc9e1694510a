import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  type SqliteDatabase,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
  type SqliteStatement,
} from 'kysely'
import Libsql from 'libsql'
import { AppError } from '../errors.ts'
import { createKyselyMetadata, type MetadataDeps } from './kysely-metadata.ts'
import type { Metadata } from './metadata.ts'
import type { SqlWords } from './migrations.ts'

export interface SqliteMetadataConfig {
  /** Path of the database; its directory is made if it is missing. Readable by its owner only. */
  readonly file: string
}

/** How long a statement waits for another connection's write. SQLite's own wait blocks the event loop: it is short. */
const BUSY_TIMEOUT_MS = 50
const BUSY_PAUSE_MS = 20
const BUSY_ATTEMPTS = 70

const words: SqlWords = {
  text: 'text',
  integer: 'integer',
  table: (name, columns) => `create table ${name} (${columns}) strict`,
  migrationLock: null,
}

/** Metadata in one file of this machine, by libsql. What a query acknowledged has been flushed to the disk. */
export function createSqliteMetadata(config: SqliteMetadataConfig, deps: MetadataDeps): Metadata {
  const dialect = new PatientSqliteDialect({ database: async () => translating(open(config.file)) })
  return createKyselyMetadata({ name: 'metadata-sqlite', words, startWithinMs: 0 }, dialect, deps)
}

function open(file: string): Libsql.Database {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    closeSync(openSync(file, 'a', 0o600))
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOSPC') throw new AppError('disk_full', `No space left for ${file}`, { retryable: true, cause })
    throw new AppError('data_dir_unusable', `Cannot use ${file}: ${message}`, { cause })
  }
  return translate(() => {
    const database = new Libsql(file)
    database.prepare('pragma journal_mode = wal').all()
    database.prepare(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`).all()
    database.exec('pragma synchronous = full; pragma foreign_keys = on')
    return database
  })
}

class PatientSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig

  constructor(config: SqliteDialectConfig) {
    super(config)
    this.#config = config
  }

  override createDriver(): Driver {
    return new PatientSqliteDriver(this.#config)
  }
}

/**
 * Waits for other connections without blocking: one of them may be in this very process and needs to go on.
 * Only `begin immediate` ever waits; a lone write therefore gets a transaction of its own. libsql does not reset a
 * statement that found the file busy, and one that is given up then keeps every later commit from succeeding.
 */
class PatientSqliteDriver extends SqliteDriver {
  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection()
    let inTransaction = false
    const run = async <R>(query: CompiledQuery): Promise<QueryResult<R>> => {
      if (query.sql === 'begin') {
        const result = await whileBusy(() => connection.executeQuery<R>(query))
        inTransaction = true
        return result
      }
      if (query.sql === 'rollback') {
        inTransaction = false
        return rollBack<R>(connection, query)
      }
      const result = await connection.executeQuery<R>(query)
      if (query.sql === 'commit') inTransaction = false
      return result
    }
    return {
      async executeQuery<R>(query: CompiledQuery) {
        if (inTransaction || !isWrite(query)) return run<R>(query)
        await run(CompiledQuery.raw('begin'))
        try {
          const result = await run<R>(query)
          await run(CompiledQuery.raw('commit'))
          return result
        } catch (error) {
          await run(CompiledQuery.raw('rollback'))
          throw error
        }
      },
      streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
    }
  }
}

/** SQLite has already rolled back after some errors, a full disk among them; they must not be hidden by this one. */
async function rollBack<R>(connection: DatabaseConnection, query: CompiledQuery): Promise<QueryResult<R>> {
  try {
    return await connection.executeQuery<R>(query)
  } catch (error) {
    if (error instanceof Error && error.message.includes('no transaction is active')) return { rows: [] }
    throw error
  }
}

function isWrite({ query }: CompiledQuery): boolean {
  return query.kind === 'InsertQueryNode' || query.kind === 'UpdateQueryNode' || query.kind === 'DeleteQueryNode'
}

async function whileBusy<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      const cause = error instanceof AppError ? (error.cause as { code?: string } | undefined) : undefined
      if (attempt === BUSY_ATTEMPTS || !cause?.code?.startsWith('SQLITE_BUSY')) throw error
    }
    await sleep(BUSY_PAUSE_MS)
  }
}

function translating(database: Libsql.Database): SqliteDatabase {
  const prepare = (text: string): SqliteStatement =>
    translate(() => database.prepare(text)) as unknown as SqliteStatement
  // Prepared once: running it again resets it. A deferred transaction that turns from reading to writing would fail
  // when another connection has written meanwhile.
  const begin = prepare('begin immediate')
  return {
    close: () => database.close(),
    prepare: (text) => {
      const statement = text === 'begin' ? begin : prepare(text)
      return {
        reader: statement.reader,
        all: (parameters) => translate(() => statement.all(parameters)),
        run: (parameters) => translate(() => statement.run(parameters)),
        iterate: (parameters) => translate(() => statement.iterate(parameters)),
      }
    },
  }
}

function translate<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw translateSqliteError(error)
  }
}

/** Errors by https://sqlite.org/rescode.html; what is left is a wrong statement, and stays as it is. */
function translateSqliteError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const as = (to: AppError['code'], message: string, retryable = false): AppError =>
    new AppError(to, `${message}: ${error.message}`, { retryable, cause: error })
  if (code === 'SQLITE_CONSTRAINT_PRIMARYKEY' || code === 'SQLITE_CONSTRAINT_UNIQUE') {
    return as('metadata_conflict', 'A unique key is taken')
  }
  if (code === 'SQLITE_CONSTRAINT_FOREIGNKEY') return as('not_found', 'What this refers to does not exist')
  // libsql has no name for SQLITE_CONSTRAINT_DATATYPE.
  if (code === 'UNKNOWN_SQLITE_ERROR_3091') return as('value_invalid', 'A value does not fit its column')
  if (code === 'SQLITE_TOOBIG') return as('value_invalid', 'A value is too large')
  if (code === 'SQLITE_FULL') return as('disk_full', 'No space left for the metadata', true)
  if (/^SQLITE_(BUSY|LOCKED|IOERR|CANTOPEN|PROTOCOL)/.test(code) || error.message.startsWith('ConnectionFailed')) {
    return as('metadata_unavailable', 'The metadata database cannot be used now', true)
  }
  if (/^SQLITE_(NOTADB|CORRUPT|READONLY|PERM)/.test(code)) {
    return as('metadata_unavailable', 'The metadata database cannot be used')
  }
  return error
}
