import { createHash } from 'node:crypto'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Logger } from '@driftline/platform/logger'

/** Whose key it is, as far as the push doors care. */
export interface PushPrincipal {
  readonly tenant: string
  readonly kind: 'user' | 'api-key'
  readonly id: string
  readonly name: string
  readonly permissions: { has(permission: 'ingest'): boolean }
}

export type Entry =
  | { readonly kind: 'in'; readonly principal: PushPrincipal }
  | {
      readonly kind: 'out'
      readonly reason: 'unauthenticated' | 'forbidden' | 'rate_limited' | 'unavailable'
      readonly detail: string
    }

/** Asks who a sender is. */
export interface Doorkeeper {
  /** By the value of an `authorization` header: a bearer, or Basic with the key as password. */
  admit(authorization: string | undefined, address: string): Promise<Entry>
}

export interface DoorkeeperDeps {
  readonly access: { authenticate(token: string): Promise<PushPrincipal | null> }
  readonly clock: Clock
  readonly logger: Logger
}

const TRIES_BURST = 50
const TRIES_PER_SECOND = 10
const ADDRESSES_MAX = 10_000
const VALID_MAX = 10_000

const out = (reason: (Entry & { kind: 'out' })['reason'], detail: string): Entry => ({ kind: 'out', reason, detail })

/**
 * Guessing keys must not keep the database busy: keys that were not valid a moment ago are asked about at the expense
 * of the address they come from.
 */
export function createDoorkeeper({ access, clock, logger }: DoorkeeperDeps): Doorkeeper {
  const valid = new Set<string>()
  const tries = new Map<string, { left: number; atMs: number }>()

  const mayTry = (address: string): boolean => {
    const nowMs = clock.nowMs()
    const known = tries.get(address) ?? { left: TRIES_BURST, atMs: nowMs }
    const left = Math.min(TRIES_BURST, known.left + ((nowMs - known.atMs) / 1000) * TRIES_PER_SECOND)
    tries.delete(address)
    tries.set(address, { left: Math.max(0, left - 1), atMs: nowMs })
    if (tries.size > ADDRESSES_MAX) tries.delete(tries.keys().next().value!)
    return left >= 1
  }

  return {
    async admit(authorization, address) {
      const token = tokenOf(authorization)
      if (token === null)
        return out('unauthenticated', 'Send an API key: Authorization: Bearer <key>, or Basic with the key as password')
      const hash = createHash('sha256').update(token).digest('base64')
      const wasValid = valid.has(hash)
      if (!wasValid && !mayTry(address))
        return out('rate_limited', 'Too many keys that are not valid came from this address')
      try {
        const principal = await access.authenticate(token)
        if (principal === null) {
          valid.delete(hash)
          return out('unauthenticated', 'The API key is not valid')
        }
        if (!principal.permissions.has('ingest'))
          return out('forbidden', 'The API key may not send data: it lacks "ingest"')
        if (valid.size >= VALID_MAX) valid.clear()
        valid.add(hash)
        return { kind: 'in', principal }
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        logger.warn({ error }, 'could not check an API key')
        return out('unavailable', 'Keys cannot be checked now; try again')
      }
    },
  }
}

const BEARER = /^Bearer +([\x21-\x7e]{1,4096}) *$/i
const BASIC = /^Basic +([A-Za-z0-9+/=_-]{1,8192}) *$/i

function tokenOf(authorization: string | undefined): string | null {
  if (authorization === undefined) return null
  const bearer = BEARER.exec(authorization)?.[1]
  if (bearer !== undefined) return bearer
  const basic = BASIC.exec(authorization)?.[1]
  if (basic === undefined) return null
  const pair = Buffer.from(basic, 'base64').toString()
  const colon = pair.indexOf(':')
  const password = pair.slice(colon + 1)
  return colon === -1 || password === '' ? null : password
}
