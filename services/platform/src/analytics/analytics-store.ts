import type { Component } from '../lifecycle.ts'

/** Values bound to `{name: Type}` placeholders; user text never becomes part of a statement. */
export type QueryParameters = Record<string, unknown>

export interface InsertProtobuf {
  readonly table: string
  /** Full text of the .proto file. */
  readonly schema: string
  readonly message: string
  /** Length-delimited records, concatenated; at most 8 MB. */
  readonly body: Uint8Array
  /** Same token, same body: inserted once, also through the views. */
  readonly deduplicationToken: string
  /** Settings that the insert was first tried with; the newest without it. A repeat must name the same. */
  readonly settingsVersion?: number
}

/**
 * ClickHouse over HTTP, as a server elsewhere or as a supervised embedded child: one client for both.
 * Errors: `store_unavailable`, `timeout`, `disk_full` (all retryable), `store_rejected` (message has ClickHouse's own)
 * and `stopped`; of inserts also `store_refused_data` and `record_too_large`, which the same body meets every time.
 */
export interface AnalyticsStore extends Component {
  /**
   * Runs a read as the reading user; rows as objects. 64-bit integers come as text (`toFloat64(...)` in the statement
   * where a number will do), times as `YYYY-MM-DD hh:mm:ss.mmm` in UTC, NaN as null; bytes need `base64Encode(...)`.
   * At most 10 s, 160 MiB and 200,000 rows.
   */
  query<Row>(sql: string, parameters?: QueryParameters): Promise<Row[]>
  /** Runs a statement as the writing user: migrations and maintenance. */
  execute(sql: string, parameters?: QueryParameters): Promise<void>
  /** Resolves when the rows are on disk, in the table and behind its views. */
  insertProtobuf(insert: InsertProtobuf): Promise<void>
  /** Whether the store answers now. */
  ping(): Promise<boolean>
}
