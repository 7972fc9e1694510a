import { AppError } from '../errors.ts'
import type { HotState } from '../hot-state/hot-state.ts'
import type { Logger } from '../logger.ts'
import { type KeyRole, type Principal, permissionsOf } from './permissions.ts'

/** Who a token belongs to, kept for seconds. Without hot state every request asks the metadata store. */
export interface PrincipalCache {
  get(tokenHash: string): Promise<Principal | null>
  set(tokenHash: string, principal: Principal): Promise<void>
  /** Revocation: takes effect at once where the hot state is shared, within the lifetime at the latest. */
  forget(tokenHashes: readonly string[]): Promise<void>
}

interface Cached {
  readonly tenant: string
  readonly kind: Principal['kind']
  readonly id: string
  readonly name: string
  readonly role: KeyRole
  readonly expiresAtMs: number | null
}

export function createPrincipalCache(
  config: { readonly cacheMs: number },
  deps: { readonly hotState: HotState; readonly logger: Logger },
): PrincipalCache {
  const keyOf = (tokenHash: string): string => `principal:${tokenHash}`
  const optional = <T>(call: () => Promise<T>): Promise<T | null> => unlessBusy(deps.logger, call)
  return {
    async get(tokenHash) {
      const text = await optional(() => deps.hotState.get(keyOf(tokenHash)))
      if (text === null) return null
      const { expiresAtMs, ...cached } = JSON.parse(text) as Cached
      const expiresAt = expiresAtMs === null ? null : new Date(expiresAtMs)
      return { ...cached, expiresAt, permissions: permissionsOf(cached.role) }
    },
    async set(tokenHash, { permissions: _derived, expiresAt, ...rest }) {
      const cached: Cached = { ...rest, expiresAtMs: expiresAt?.getTime() ?? null }
      await optional(() => deps.hotState.set(keyOf(tokenHash), JSON.stringify(cached), config.cacheMs))
    },
    async forget(tokenHashes) {
      for (const tokenHash of tokenHashes) await optional(() => deps.hotState.delete(keyOf(tokenHash)))
    },
  }
}

/** For what may be left out when a store does not serve now: answers null then. */
export async function unlessBusy<T>(logger: Logger, call: () => Promise<T>): Promise<T | null> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof AppError && error.retryable)) throw error
    logger.debug({ reason: error.message }, 'went without a store')
    return null
  }
}
