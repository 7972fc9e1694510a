import type { Component } from '../lifecycle.ts'

/**
 * Short-lived shared state: counters for rate limits, leases, caches. Losing all of it may cost time, never data.
 * Implementations: in process (bounded by `maxKeys`, oldest expiry evicted first) and Redis.
 * Errors: `hot_state_unavailable` (retryable), `value_invalid`.
 */
export interface HotState extends Component {
  get(key: string): Promise<string | null>
  set(key: string, value: string, ttlMs: number): Promise<void>
  delete(key: string): Promise<void>
  /** Adds `by` and answers the new count; the first increment starts the lifetime. */
  increment(key: string, by: number, ttlMs: number): Promise<number>
  /** Takes or renews a lease; answers whether `owner` holds it now. */
  acquireLease(name: string, owner: string, ttlMs: number): Promise<boolean>
  releaseLease(name: string, owner: string): Promise<void>
}
