import { PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import pg from 'pg'
import { AppError } from '../errors.ts'
import { createKyselyMetadata, type MetadataDeps } from './kysely-metadata.ts'
import type { Metadata } from './metadata.ts'
import type { SqlWords } from './migrations.ts'

export interface PostgresMetadataConfig {
  /** `postgres://user:password@host:port/database?sslmode=...` */
  readonly url: string
  /** Most connections of this process; 10 by default. A query waits for a free one as long as for a new one. */
  readonly maxConnections?: number
  /** How long `start` waits for a server that does not answer yet; 30 s by default. */
  readonly startWithinMs?: number
}

const CONNECT_TIMEOUT_MS = 3000
const STATEMENT_TIMEOUT_MS = 10_000
/** Beyond the server's own limit: nothing came back at all, so the connection is given up. */
const ANSWER_TIMEOUT_MS = 12_000
const IDLE_TIMEOUT_MS = 30_000

const words: SqlWords = {
  text: 'text collate "C"',
  integer: 'bigint',
  table: (name, columns) => `create table ${name} (${columns})`,
  // Any number that nobody else uses in this database.
  migrationLock: 'select pg_advisory_xact_lock(7013745011)',
}

/** Metadata in a PostgreSQL database. Lost connections are replaced when the next query comes. */
export function createPostgresMetadata(config: PostgresMetadataConfig, deps: MetadataDeps): Metadata {
  const name = 'metadata-postgres'
  const dialect = new PostgresDialect({
    pool: async () => {
      const pool = createPool(config)
      pool.on('error', (error) => deps.logger.warn({ component: name, reason: error.message }, 'lost a connection'))
      return translating(pool)
    },
  })
  return createKyselyMetadata({ name, words, startWithinMs: config.startWithinMs ?? 30_000 }, dialect, deps)
}

function createPool(config: PostgresMetadataConfig): pg.Pool {
  const pool = new pg.Pool({
    connectionString: config.url,
    max: config.maxConnections ?? 10,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'driftline',
    types: { getTypeParser: parserOf as typeof pg.types.getTypeParser },
  })
  // A connection that breaks while it is lent out reports here too; its query has failed with the same error.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/** 64-bit integers come as text; every one that was stored through the value plugin is safe. */
function parserOf(type: number, format?: 'text' | 'binary'): unknown {
  if (type === pg.types.builtins.INT8 && format !== 'binary') return Number
  return pg.types.getTypeParser(type, format as 'text')
}

function translating(pool: pg.Pool): PostgresPool {
  return {
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect().catch((error) => {
        throw translatePostgresError(error)
      })
      let broken = false
      const lent = {
        async query(text: string, parameters: readonly unknown[]) {
          try {
            return await client.query(text, [...parameters])
          } catch (error) {
            const translated = translatePostgresError(error)
            broken ||= translated instanceof AppError && translated.code === 'metadata_unavailable'
            throw translated
          }
        },
        release: () => client.release(broken),
      }
      return lent as unknown as PostgresPoolClient
    },
  }
}

/** Classes of SQLSTATE that mean that the server cannot serve now: connection, resources, shutdown, system. */
const UNAVAILABLE = /^(08|53|57P|58)/
const MESSAGES_OF_THE_DRIVER = /timeout|terminated|Connection ended|not queryable|closed/i

/** Errors by https://www.postgresql.org/docs/current/errcodes-appendix.html; a wrong statement stays as it is. */
function translatePostgresError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const as = (to: AppError['code'], message: string, retryable = false): AppError =>
    new AppError(to, `${message}: ${error.message || code}`, { retryable, cause: error })
  if (code === '23505') return as('metadata_conflict', 'A unique key is taken')
  if (code === '40001' || code === '40P01') return as('metadata_conflict', 'Another transaction was in the way', true)
  if (code === '23503') return as('not_found', 'What this refers to does not exist')
  if (code.startsWith('22') || code === '54000') return as('value_invalid', 'A value cannot be stored')
  if (code === '53100') return as('disk_full', 'No space left for the metadata', true)
  if (code === '57014') return as('timeout', 'The metadata database took too long', true)
  if (code.startsWith('28') || code === '3D000') return as('metadata_unavailable', 'The metadata database refuses us')
  const isNetwork = /^E[A-Z]+$/.test(code) || (code === '' && MESSAGES_OF_THE_DRIVER.test(error.message))
  if (isNetwork || UNAVAILABLE.test(code)) {
    return as('metadata_unavailable', 'The metadata database cannot be reached now', true)
  }
  return error
}
