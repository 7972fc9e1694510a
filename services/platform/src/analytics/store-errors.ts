import { ClickHouseError } from '@clickhouse/client'
import { AppError, type ErrorCode } from '../errors.ts'

/** What a statement was for: the same answer of ClickHouse means something else to a read than to an insert. */
export type StatementPurpose = 'query' | 'execute' | 'insert'

/**
 * ClickHouse's codes for data that cannot be stored, whatever is tried. Only codes that the body alone can cause: a
 * view or a schema that is wrong must hold the stream up, not send all of it to the dead letters.
 */
const DATA_AT_FAULT = new Set([
  32, // ATTEMPT_TO_READ_AFTER_EOF
  33, // CANNOT_READ_ALL_DATA
  69, // ARGUMENT_OUT_OF_BOUND
  117, // INCORRECT_DATA
  128, // TOO_LARGE_ARRAY_SIZE
  131, // TOO_LARGE_STRING_SIZE
  190, // SIZES_OF_ARRAYS_DONT_MATCH
  321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
  407, // DECIMAL_OVERFLOW
  436, // PROTOBUF_BAD_CAST
  444, // UNKNOWN_PROTOBUF_FORMAT: the bytes do not fit the message
])

/** The server is busy, short of something or going down: the same statement may pass later. */
const PASSING = new Set([
  202, // TOO_MANY_SIMULTANEOUS_QUERIES
  209, // SOCKET_TIMEOUT
  210, // NETWORK_ERROR
  236, // ABORTED
  241, // MEMORY_LIMIT_EXCEEDED
  242, // TABLE_IS_READ_ONLY
  252, // TOO_MANY_PARTS
  394, // QUERY_WAS_CANCELLED
  745, // SERVER_OVERLOADED
])

/** TIMEOUT_EXCEEDED and TOO_SLOW. */
const TIMEOUTS = new Set([159, 160])
const NOT_ENOUGH_SPACE = 243
const TOO_MANY_PARTS = 252
const MEMORY_LIMIT_EXCEEDED = 241
const MESSAGE_CHARACTERS_MAX = 600

/** Translates whatever the client threw. Aborts of the caller's own are to be told apart before. */
export function translateStoreError(error: unknown, purpose: StatementPurpose): AppError {
  if (error instanceof AppError) return error
  if (error instanceof ClickHouseError) return translateAnswer(error, purpose)
  const message = error instanceof Error ? error.message : String(error)
  if (/timeout/i.test(message)) return failure('timeout', 'the analytics store did not answer in time', true, error)
  return failure('store_unavailable', `the analytics store cannot be reached: ${message}`, true, error)
}

function translateAnswer(error: ClickHouseError, purpose: StatementPurpose): AppError {
  const code = Number(error.code)
  const message = `${error.type}: ${error.message}`.slice(0, MESSAGE_CHARACTERS_MAX)
  if (code === NOT_ENOUGH_SPACE || /No space left on device|errno: 28\b/.test(error.message)) {
    return failure('disk_full', 'the disk of the analytics store is full', true, error)
  }
  // One code for two things: too many parts in the table pass; too many partitions in one body never do.
  const spansTooMuch = code === TOO_MANY_PARTS && error.message.includes('single INSERT block')
  if (purpose === 'insert' && (spansTooMuch || DATA_AT_FAULT.has(code))) {
    return failure('store_refused_data', message, false, error)
  }
  if (TIMEOUTS.has(code)) return failure('timeout', message, true, error)
  const tooLargeRead = code === MEMORY_LIMIT_EXCEEDED && purpose === 'query'
  if (PASSING.has(code) && !spansTooMuch && !tooLargeRead) return failure('store_unavailable', message, true, error)
  return failure('store_rejected', message, false, error)
}

function failure(code: ErrorCode, message: string, retryable: boolean, cause: unknown): AppError {
  return new AppError(code, message, { retryable, cause })
}
