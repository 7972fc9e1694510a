import type { Access } from '@driftline/platform/access/access'
import type { Principal } from '@driftline/platform/access/permissions'
import { hashToken, kindOfToken } from '@driftline/platform/access/secrets'
import type { Limiter } from './limits.ts'

/** Asks who a caller is, at the caller's expense: guessing tokens must not keep the database busy. */
export interface Authenticator {
  /**
   * Who a token belongs to; null for nobody, which counts against the address. What was valid a moment ago counts
   * against itself only, so that a neighbour who guesses locks out nobody who is signed in. Errors: 429.
   */
  identify(token: string | null, address: string): Promise<Principal | null>
}

/** Tokens that are remembered as valid; past it, the longest unused are asked about as new ones are. */
const REMEMBERED_MAX = 10_000

export function createAuthenticator(deps: { access: Pick<Access, 'authenticate'>; limiter: Limiter }): Authenticator {
  const { access, limiter } = deps
  const valid = new Set<string>()

  const remember = (hash: string): void => {
    valid.delete(hash)
    valid.add(hash)
    const [oldest] = valid
    if (valid.size > REMEMBERED_MAX && oldest !== undefined) valid.delete(oldest)
  }

  return {
    async identify(token, address) {
      if (token === null || kindOfToken(token) === 'unknown') {
        await limiter.address(address)
        return null
      }
      const hash = hashToken(token)
      const paidByAddress = !valid.has(hash)
      if (paidByAddress) await limiter.address(address)
      const principal = await access.authenticate(token)
      if (principal !== null) {
        remember(hash)
        if (paidByAddress) await limiter.refund(address)
        await limiter.session(token)
      } else if (!paidByAddress) {
        valid.delete(hash)
        await limiter.address(address)
      }
      return principal
    },
  }
}
