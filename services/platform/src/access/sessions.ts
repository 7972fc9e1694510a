import type { Kysely } from 'kysely'
import { AppError } from '../errors.ts'
import type { Database } from '../metadata/tables.ts'
import type { AccessConfig, AccessDeps } from './access.ts'
import { recordAudit } from './audit-log.ts'
import type { Passwords } from './passwords.ts'
import { type KeyRole, type Principal, permissionsOf } from './permissions.ts'
import { type PrincipalCache, unlessBusy } from './principal-cache.ts'
import { createSessionToken, hashToken, orderedIdFloor } from './secrets.ts'
import type { SignInThrottle } from './sign-in-throttle.ts'

interface Credentials {
  /** `default` if not given. */
  readonly tenant?: string
  readonly username: string
  readonly password: string
  /** Where the request came from, for the throttle and the audit log. */
  readonly address: string
}

interface Session {
  /** Shown to its owner and stored nowhere. */
  readonly token: string
  readonly expiresAt: Date
  readonly principal: Principal
}

export interface Sessions {
  /** Errors: `unauthenticated` for any wrong combination, `rate_limited`, `hot_state_unavailable`. */
  signIn(credentials: Credentials): Promise<Session>
  /** Ends the session; a token of none is no error. */
  signOut(token: string): Promise<void>
  find(tokenHash: string): Promise<Principal | null>
}

interface SessionParts {
  readonly passwords: Passwords
  readonly throttle: SignInThrottle
  readonly cache: PrincipalCache
}

export const DEFAULT_TENANT = 'default'
/** Usernames are stored in lower case. */
export const USERNAME = /^[a-z0-9][a-z0-9._@-]{0,99}$/
const MAX_SESSIONS_PER_USER = 100
const MAX_ADDRESS_LENGTH = 100
/** How stale `last_used_at` may be: a write per minute and session, not per request. */
const TOUCH_EVERY_MS = 60_000

export function createSessions(config: AccessConfig, deps: AccessDeps, parts: SessionParts): Sessions {
  const { metadata, clock, logger } = deps

  const openSession = (user: VerifiedUser, address: string): Promise<Session> =>
    metadata.transaction(async (transaction) => {
      const nowMs = clock.nowMs()
      const now = new Date(nowMs)
      // Locks the row: the password that was verified must still be the one, and a change of it comes after us and
      // then ends this session too.
      const still = await transaction
        .updateTable('users')
        .set({ last_sign_in_at: now })
        .where('tenant', '=', user.tenant)
        .where('id', '=', user.id)
        .where('password_hash', '=', user.password_hash)
        .where('active', '=', true)
        .returning('role')
        .executeTakeFirst()
      if (still === undefined) throw wrongCredentials()
      const token = createSessionToken()
      const expiresAt = new Date(nowMs + config.sessionLifetimeMs)
      const { tenant, id } = user
      await transaction
        .insertInto('sessions')
        .values({
          tenant,
          token_hash: hashToken(token),
          user_id: id,
          created_at: now,
          last_used_at: now,
          expires_at: expiresAt,
          address,
        })
        .execute()
      const subject = `user:${id}`
      await recordAudit(
        transaction,
        { tenant, actor: subject, action: 'session.create', subject, detail: { address } },
        nowMs,
      )
      return { token, expiresAt, principal: principalOf({ ...user, role: still.role, expires_at: expiresAt }) }
    })

  return {
    async signIn({ tenant = DEFAULT_TENANT, password, ...given }) {
      const username = given.username.toLowerCase()
      const address = printable(given.address)
      const user = USERNAME.test(username) ? await findUser(metadata.db, tenant, username) : undefined
      const attempt = parts.throttle.attempt(tenant, username, address)
      const matches = await parts.passwords.verify(user?.password_hash ?? null, password, attempt)
      if (user === undefined || !matches || !user.active) {
        logger.info({ address }, 'refused a sign-in')
        throw wrongCredentials()
      }
      const session = await openSession(user, address)
      await unlessBusy(logger, () => tidy(metadata.db, user, clock.nowMs(), config))
      return session
    },
    async signOut(token) {
      const tokenHash = hashToken(token)
      await metadata.transaction(async (transaction) => {
        const ended = await transaction
          .deleteFrom('sessions')
          .where('token_hash', '=', tokenHash)
          .returning(['tenant', 'user_id'])
          .executeTakeFirst()
        if (ended === undefined) return
        const subject = `user:${ended.user_id}`
        const record = { tenant: ended.tenant, actor: subject, action: 'session.end', subject }
        await recordAudit(transaction, record, clock.nowMs())
      })
      await parts.cache.forget([tokenHash])
    },
    async find(tokenHash) {
      const nowMs = clock.nowMs()
      const row = await findSession(metadata.db, tokenHash)
      if (row === undefined || !row.active) return null
      const idleSinceMs = row.last_used_at.getTime()
      if (row.expires_at.getTime() <= nowMs || idleSinceMs + config.sessionIdleMs <= nowMs) return null
      if (nowMs - idleSinceMs >= TOUCH_EVERY_MS) await unlessBusy(logger, () => touch(metadata.db, tokenHash, nowMs))
      return principalOf(row)
    },
  }
}

/** Ends every session of a user but the one kept; answers the hashes of their tokens. In the caller's transaction. */
export async function endSessions(
  db: Kysely<Database>,
  user: { readonly tenant: string; readonly id: string },
  keepTokenHash: string | null,
): Promise<string[]> {
  const sessions = db.deleteFrom('sessions').where('tenant', '=', user.tenant).where('user_id', '=', user.id)
  const ended = keepTokenHash === null ? sessions : sessions.where('token_hash', '!=', keepTokenHash)
  return (await ended.returning('token_hash').execute()).map((row) => row.token_hash)
}

interface VerifiedUser {
  readonly tenant: string
  readonly id: string
  readonly username: string
  readonly password_hash: string
}

/** One message for every cause, so that it does not tell which usernames exist. */
function wrongCredentials(): AppError {
  return new AppError('unauthenticated', 'Wrong username or password')
}

function findUser(db: Kysely<Database>, tenant: string, username: string) {
  return db
    .selectFrom('users')
    .select(['tenant', 'id', 'username', 'password_hash', 'role', 'active'])
    .where('tenant', '=', tenant)
    .where('username', '=', username)
    .executeTakeFirst()
}

function findSession(db: Kysely<Database>, tokenHash: string) {
  return db
    .selectFrom('sessions')
    .innerJoin('users', (join) =>
      join.onRef('users.tenant', '=', 'sessions.tenant').onRef('users.id', '=', 'sessions.user_id'),
    )
    .select(['users.tenant', 'users.id', 'users.username', 'users.role', 'users.active'])
    .select(['sessions.last_used_at', 'sessions.expires_at'])
    .where('sessions.token_hash', '=', tokenHash)
    .executeTakeFirst()
}

async function touch(db: Kysely<Database>, tokenHash: string, nowMs: number): Promise<void> {
  const now = new Date(nowMs)
  await db.updateTable('sessions').set({ last_used_at: now }).where('token_hash', '=', tokenHash).execute()
}

/** Sign-in is when sessions are added, so it is where what is over goes: no timer, and a bound on both tables. */
async function tidy(db: Kysely<Database>, user: VerifiedUser, nowMs: number, config: AccessConfig): Promise<void> {
  await db.deleteFrom('sessions').where('expires_at', '<=', new Date(nowMs)).execute()
  const tooMany = await db
    .selectFrom('sessions')
    .select('token_hash')
    .where('tenant', '=', user.tenant)
    .where('user_id', '=', user.id)
    .orderBy('last_used_at', 'desc')
    .offset(MAX_SESSIONS_PER_USER)
    .limit(MAX_SESSIONS_PER_USER)
    .execute()
  const hashes = tooMany.map((row) => row.token_hash)
  if (hashes.length > 0) await db.deleteFrom('sessions').where('token_hash', 'in', hashes).execute()
  await db
    .deleteFrom('audit_log')
    .where('tenant', '=', user.tenant)
    .where('id', '<', orderedIdFloor(nowMs - config.auditRetentionMs))
    .execute()
}

function principalOf(row: {
  readonly tenant: string
  readonly id: string
  readonly username: string
  readonly role: string
  readonly expires_at: Date
}): Principal {
  return {
    tenant: row.tenant,
    kind: 'user',
    id: row.id,
    name: row.username,
    role: row.role as KeyRole,
    permissions: permissionsOf(row.role),
    expiresAt: row.expires_at,
  }
}

/** An address comes from the network, perhaps through a proxy's header: it must fit the store whatever it is. */
function printable(address: string): string {
  return address.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_ADDRESS_LENGTH)
}
