import { CheckFailure } from '../../check-type.ts'
import type { HttpAnswer } from '../../net/guarded-http.ts'

/** What the target may do better at by itself, without anybody's change. */
const PASSING = new Set([429, 502, 503, 504])
const RETRY_AFTER_MS_MAX = 600_000

/** A status of 400 or more, in words; null below. */
export function statusFault({ status, headers }: Pick<HttpAnswer, 'status' | 'headers'>): CheckFailure | null {
  if (status < 400) return null
  return new CheckFailure('status_unexpected', `status was ${status}, expected below 400`, {
    hint: hintFor(status),
    retry: PASSING.has(status) ? 'always' : 'asked',
    retryAfterMs: PASSING.has(status) ? retryAfterMs(headers['retry-after'], Date.now()) : 0,
  })
}

/** Seconds or a date (RFC 9110, section 10.2.3); 0 for anything else. Milliseconds. */
export function retryAfterMs(header: string | readonly string[] | undefined, nowMs: number): number {
  const text = (typeof header === 'string' ? header : (header?.[0] ?? '')).trim()
  const waitMs = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs
  return Number.isFinite(waitMs) ? Math.min(Math.max(0, waitMs), RETRY_AFTER_MS_MAX) : 0
}

function hintFor(status: number): string {
  if (status === 401) return 'Name a credential in the step'
  if (status === 403) return 'Check that the account of the credential has the right to it'
  if (status === 404 || status === 410) return 'Check the address'
  if (status === 405) return 'Check the method'
  if (status === 429) return 'Ask less often, or lower the limits of this host under Settings, Network'
  if (status >= 500) return 'See the log of the service for this time'
  return 'Check address, headers and body of the step'
}
