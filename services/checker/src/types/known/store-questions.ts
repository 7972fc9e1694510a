import type { AnalyticsStore, QueryParameters } from '@driftline/platform/analytics/analytics-store'
import { AppError } from '@driftline/platform/errors'
import { CheckFailure } from '../../check-type.ts'

const SECONDS_MAX = 5
const BYTES_MAX = 2_000_000_000
/** A step must not take the store away from people. */
const LIMITS = `SETTINGS max_execution_time = ${SECONDS_MAX}, max_bytes_to_read = ${BYTES_MAX}, read_overflow_mode = 'throw'`

/**
 * Asks the store for one row; null when there is none. Errors: CheckFailure `query_failed`; when the signal aborts, its
 * reason: the store goes on for at most 5 s by itself.
 */
export async function askStore<Row>(
  store: AnalyticsStore,
  signal: AbortSignal,
  sql: string,
  parameters: QueryParameters,
): Promise<Row | null> {
  signal.throwIfAborted()
  let abort = (): void => undefined
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
  })
  try {
    const rows = await Promise.race([store.query<Row>(`${sql} ${LIMITS}`, parameters), aborted])
    return rows[0] ?? null
  } catch (error) {
    throw error instanceof AppError ? (failureOf(error) ?? error) : error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** Null for what the store refuses: the statement is ours, and so is the mistake. */
function failureOf(error: AppError): CheckFailure | null {
  if (/TOO_MANY_BYTES|TOO_MANY_ROWS|MEMORY_LIMIT|TIMEOUT_EXCEEDED|TOO_SLOW/.test(error.message)) {
    return new CheckFailure('query_failed', 'Looking this up would read too much', {
      hint: 'Look back over a shorter time',
      retry: 'never',
      cause: error,
    })
  }
  if (!error.retryable) return null
  return new CheckFailure('query_failed', 'What Driftline knows could not be read: its store does not answer', {
    hint: 'See whether the store of this installation is up, under System',
    retry: 'always',
    cause: error,
  })
}
