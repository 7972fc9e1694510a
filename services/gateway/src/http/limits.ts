import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { ProblemError } from './problems.ts'

export interface RateLimits {
  /** Requests per second of a session or API key, averaged over ten seconds so that a page may open with a burst. */
  readonly perSession: number
  /** Requests per second of an address without a valid session. */
  readonly perAddress: number
}

/** Spends one request of a session or an address. Errors: 429 with `Retry-After`. */
export interface Limiter {
  session(key: string): Promise<void>
  address(address: string): Promise<void>
  /** Gives one request back to an address. */
  refund(address: string): Promise<void>
}

const WINDOW_S = 10

/** Counts per gateway instance; a load balancer in front spreads a client over few of them. */
export function createLimiter(limits: RateLimits): Limiter {
  const sessions = new RateLimiterMemory({ points: limits.perSession * WINDOW_S, duration: WINDOW_S })
  const addresses = new RateLimiterMemory({ points: limits.perAddress * WINDOW_S, duration: WINDOW_S })
  return {
    session: (key) => spend(sessions, key),
    address: (address) => spend(addresses, address),
    async refund(address) {
      await addresses.reward(address)
    },
  }
}

async function spend(limiter: RateLimiterMemory, key: string): Promise<void> {
  try {
    await limiter.consume(key)
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal
    const seconds = Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))
    throw new ProblemError(429, 'rate_limited', `Too many requests; try again in ${seconds} s`, {
      headers: { 'retry-after': String(seconds) },
    })
  }
}
