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
}

/**
 * ClickHouse over HTTP, as a server elsewhere or as a supervised embedded child: one client for both.
 * Errors: `store_unavailable` (retryable), `store_rejected` (message has ClickHouse's own), `timeout` (retryable).
 */
export interface AnalyticsStore extends Component {
  /** Runs a read as the reading user; rows as objects. Bounded by `limits` of the implementation. */
  query<Row>(sql: string, parameters?: QueryParameters): Promise<Row[]>
  /** Runs a statement as the writing user: migrations and maintenance. */
  execute(sql: string, parameters?: QueryParameters): Promise<void>
  insertProtobuf(insert: InsertProtobuf): Promise<void>
  /** Whether the store answers now. */
  ping(): Promise<boolean>
}
