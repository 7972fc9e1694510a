import type { Principal } from './principal.ts'

/** Who a session token or API key belongs to; null for one that is not valid (any more). */
export interface Authenticator {
  authenticate(token: string): Promise<Principal | null>
}
