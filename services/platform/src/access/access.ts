import type { Clock } from '../clock.ts'
import type { HotState } from '../hot-state/hot-state.ts'
import type { Logger } from '../logger.ts'
import type { Metadata } from '../metadata/metadata.ts'
import { type ApiKeys, createApiKeys } from './api-keys.ts'
import { type AuditLog, createAuditLog } from './audit-log.ts'
import { ensureFirstAdmin, type FirstAdmin } from './first-admin.ts'
import { createPasswords } from './passwords.ts'
import type { Principal } from './permissions.ts'
import { createPrincipalCache } from './principal-cache.ts'
import { hashToken, kindOfToken } from './secrets.ts'
import { createSessions, type Sessions } from './sessions.ts'
import { createSignInThrottle } from './sign-in-throttle.ts'
import { createUsers, type Users } from './users.ts'

export interface AccessConfig {
  /** A session that nobody uses for so long is over. */
  readonly sessionIdleMs: number
  /** And after so long it is over however much it is used. */
  readonly sessionLifetimeMs: number
  /** How long an answer about a token may be reused; the bound within which a revocation takes effect. */
  readonly cacheMs: number
  /** Older entries of the audit log are deleted at a sign-in. */
  readonly auditRetentionMs: number
}

export const accessDefaults: AccessConfig = {
  sessionIdleMs: 12 * 3_600_000,
  sessionLifetimeMs: 30 * 86_400_000,
  cacheMs: 5000,
  auditRetentionMs: 365 * 86_400_000,
}

export interface AccessDeps {
  readonly metadata: Metadata
  readonly hotState: HotState
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Who may do what. Every call may also fail as the metadata store does; without hot state, tokens are still answered
 * from the metadata store, but nobody can sign in.
 */
export interface Access extends Pick<Sessions, 'signIn' | 'signOut'> {
  /** Who a session token or API key belongs to; null for one that is not valid (any more). */
  authenticate(token: string): Promise<Principal | null>
  /** See `first-admin.ts`. Call it once at the start, before serving. */
  ensureFirstAdmin(options: { readonly password?: string | undefined }): Promise<FirstAdmin | null>
  readonly users: Users
  readonly apiKeys: Omit<ApiKeys, 'find'>
  readonly auditLog: AuditLog
}

export function createAccess(config: AccessConfig, deps: AccessDeps): Access {
  const passwords = createPasswords()
  const throttle = createSignInThrottle(deps.hotState)
  const cache = createPrincipalCache(config, deps)
  const sessions = createSessions(config, deps, { passwords, throttle, cache })
  const apiKeys = createApiKeys(deps, { cache })
  return {
    signIn: sessions.signIn,
    signOut: sessions.signOut,
    async authenticate(token) {
      const kind = kindOfToken(token)
      if (kind === 'unknown') return null
      const tokenHash = hashToken(token)
      const cached = await cache.get(tokenHash)
      if (cached !== null) return hasExpired(cached, deps.clock.nowMs()) ? null : cached
      const principal = await (kind === 'session' ? sessions.find(tokenHash) : apiKeys.find(tokenHash))
      if (principal !== null) await cache.set(tokenHash, principal)
      return principal
    },
    ensureFirstAdmin: ({ password }) => ensureFirstAdmin(deps, passwords, password),
    users: createUsers(deps, { passwords, throttle, cache }),
    apiKeys,
    auditLog: createAuditLog(deps),
  }
}

function hasExpired({ expiresAt }: Principal, nowMs: number): boolean {
  return expiresAt !== null && expiresAt.getTime() <= nowMs
}
