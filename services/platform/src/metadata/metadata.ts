import type { Kysely, Transaction } from 'kysely'
import type { Component } from '../lifecycle.ts'
import type { Database } from './tables.ts'

/**
 * Definitions and state that people or services set and that must not be lost: accounts, settings, positions.
 * Implementations: SQLite (embedded) and PostgreSQL, with the same tables.
 *
 * Errors of every query: `metadata_conflict` (a unique key is taken; retryable only after a deadlock),
 * `metadata_unavailable` (retryable), `disk_full` (retryable), `timeout` (retryable), `not_found` (a row that another
 * refers to is missing), `value_invalid` (NUL or a lone surrogate in text, an unsafe integer, a value of the wrong
 * shape) and `stopped`.
 */
export interface Metadata extends Component {
  /**
   * Queries outside a transaction. A compare-and-set is one conditional `update ... returning`: never read, then write.
   * Using it inside `transaction` throws, for SQLite has one connection and would wait for itself.
   */
  readonly db: Kysely<Database>
  /**
   * Runs `work` and commits, or rolls back if it throws. Keep it short and free of other I/O: on SQLite nobody else
   * reads or writes meanwhile. PostgreSQL isolates as `read committed`, so conditions belong into the statements.
   */
  transaction<T>(work: (transaction: Transaction<Database>) => Promise<T>): Promise<T>
  /** Whether the database answers now. */
  ping(): Promise<boolean>
}
