import { AppError } from '../errors.ts'
import type { HotState } from '../hot-state/hot-state.ts'
import type { Attempt } from './passwords.ts'
import { hashToken } from './secrets.ts'

const WINDOW_MS = 15 * 60_000
/** The pair is tight; each alone is wide, so that a stranger cannot lock a person out with ten guesses. */
const LIMITS = { pair: 10, user: 100, address: 100 } as const

export interface SignInThrottle {
  attempt(tenant: string, username: string, address: string): Attempt
}

/**
 * Wrong passwords in a quarter of an hour, by user and address. An attempt counts before its password is looked at, so
 * that many at once are no way around. Without hot state nobody can sign in: guessing must not become free by taking
 * Redis away. Sessions that exist go on.
 */
export function createSignInThrottle(hotState: HotState): SignInThrottle {
  return {
    attempt(tenant, username, address) {
      // What a stranger typed is hashed, for a key has a limited length.
      const keys = {
        address: `sign-in:address:${hashToken(address)}`,
        pair: `sign-in:pair:${hashToken(JSON.stringify([tenant, username, address]))}`,
        user: `sign-in:user:${hashToken(JSON.stringify([tenant, username]))}`,
      }
      return {
        async begin() {
          for (const kind of ['address', 'pair', 'user'] as const) {
            const count = await hotState.increment(keys[kind], 1, WINDOW_MS)
            if (count <= LIMITS[kind]) continue
            const message = 'Too many wrong passwords: wait a quarter of an hour'
            throw new AppError('rate_limited', message, { retryable: true })
          }
        },
        async succeeded() {
          await Promise.all([
            hotState.delete(keys.pair),
            hotState.increment(keys.user, -1, WINDOW_MS),
            hotState.increment(keys.address, -1, WINDOW_MS),
          ])
        },
      }
    },
  }
}
