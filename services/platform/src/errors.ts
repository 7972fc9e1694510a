/** Every operating failure that Driftline names. A new code is added here, with its meaning. */
export type ErrorCode =
  | 'config_invalid' // settings do not make sense; says which
  | 'port_in_use'
  | 'data_dir_locked' // another instance owns the data directory
  | 'data_dir_unusable' // missing rights or not a directory
  | 'disk_full'
  | 'bus_unavailable'
  | 'bus_retention_blocked' // nothing can be deleted because a consumer has not read it
  | 'record_too_large'
  | 'store_unavailable' // analytics store: not reachable or starting
  | 'store_rejected' // analytics store: refused the statement
  | 'store_refused_data' // analytics store: this body can never be stored; others can
  | 'metadata_unavailable'
  | 'metadata_conflict' // unique key taken, or lost a compare-and-set
  | 'value_invalid' // a value that the store cannot hold: NUL in text, unsafe integer
  | 'hot_state_unavailable'
  | 'secret_unreadable' // a sealed secret: no key is set, another one than then, or the text was changed
  | 'not_found'
  | 'unauthenticated'
  | 'forbidden'
  | 'rate_limited'
  | 'timeout'
  | 'stopped' // called after stop()

/** An operating failure, translated from a library's error once, at the edge. Programmer errors use `assert`. */
export class AppError extends Error {
  readonly code: ErrorCode
  /** Whether the same call may succeed later without a change by people. */
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.retryable = options.retryable ?? false
  }
}
