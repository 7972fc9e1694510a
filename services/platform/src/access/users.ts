import { randomUUID } from 'node:crypto'
import type { Kysely, Selectable } from 'kysely'
import { AppError } from '../errors.ts'
import type { Database, Json, UsersTable } from '../metadata/tables.ts'
import type { AccessDeps } from './access.ts'
import { actorOf, recordAudit } from './audit-log.ts'
import type { Passwords } from './passwords.ts'
import { type Principal, type Role, requirePermission, roles } from './permissions.ts'
import type { PrincipalCache } from './principal-cache.ts'
import { hashToken } from './secrets.ts'
import { endSessions, USERNAME } from './sessions.ts'
import type { SignInThrottle } from './sign-in-throttle.ts'

export interface User {
  readonly id: string
  readonly username: string
  readonly role: Role
  readonly active: boolean
  readonly createdAt: Date
  readonly lastSignInAt: Date | null
}

export interface NewUser {
  /** Stored in lower case. */
  readonly username: string
  /** At least 10 characters. */
  readonly password: string
  readonly role: Role
}

export interface UserChange {
  readonly role?: Role
  readonly active?: boolean
  readonly password?: string
}

interface OwnPasswordChange {
  readonly currentPassword: string
  readonly newPassword: string
  /** The session that asks; it goes on, all others of the user end. */
  readonly token: string
  readonly address: string
}

/**
 * The accounts of the actor's tenant; all but `changeOwnPassword` need `users:manage`. Errors: `forbidden` (also for
 * taking away the last administrator), `not_found`, `metadata_conflict` for a taken username, `value_invalid`.
 */
export interface Users {
  create(actor: Principal, user: NewUser): Promise<User>
  /** By username; `after` is the last username of the page before. */
  list(actor: Principal, page: { readonly limit: number; readonly after?: string }): Promise<User[]>
  get(actor: Principal, id: string): Promise<User>
  /** A new password, another role or deactivation ends the user's sessions. */
  update(actor: Principal, id: string, change: UserChange): Promise<User>
  remove(actor: Principal, id: string): Promise<void>
  /** Errors: `forbidden` for a wrong current password, `rate_limited`, `hot_state_unavailable`. */
  changeOwnPassword(actor: Principal, change: OwnPasswordChange): Promise<void>
}

interface UserParts {
  readonly passwords: Passwords
  readonly throttle: SignInThrottle
  readonly cache: PrincipalCache
}

const columns = ['id', 'username', 'role', 'active', 'created_at', 'last_sign_in_at'] as const

export function createUsers(deps: AccessDeps, parts: UserParts): Users {
  const { metadata, clock } = deps
  return {
    async create(actor, user) {
      requirePermission(actor, 'users:manage')
      const passwordHash = await parts.passwords.hash(user.password)
      return metadata.transaction((transaction) =>
        insertUser(transaction, { ...user, tenant: actor.tenant, passwordHash, actor: actorOf(actor) }, clock.nowMs()),
      )
    },
    async list(actor, { limit, after }) {
      requirePermission(actor, 'users:manage')
      const users = metadata.db.selectFrom('users').select(columns).where('tenant', '=', actor.tenant)
      const page = after === undefined ? users : users.where('username', '>', after)
      return (await page.orderBy('username').limit(limit).execute()).map(userOf)
    },
    async get(actor, id) {
      requirePermission(actor, 'users:manage')
      return userOf(found(await selectUser(metadata.db, actor.tenant, id).executeTakeFirst()))
    },
    async update(actor, id, change) {
      requirePermission(actor, 'users:manage')
      return updateUser(deps, parts, actor, id, change)
    },
    async remove(actor, id) {
      requirePermission(actor, 'users:manage')
      const ended = await metadata.transaction(async (transaction) => {
        await lockTenant(transaction, actor.tenant)
        const hashes = await endSessions(transaction, { tenant: actor.tenant, id }, null)
        const removed = await transaction
          .deleteFrom('users')
          .where('tenant', '=', actor.tenant)
          .where('id', '=', id)
          .returning('username')
          .executeTakeFirst()
        const detail = { username: found(removed).username }
        await keepAnAdmin(transaction, actor.tenant)
        await record(transaction, actor, 'user.remove', id, detail, clock.nowMs())
        return hashes
      })
      await parts.cache.forget(ended)
    },
    async changeOwnPassword(actor, change) {
      requirePermission(actor, 'account:self')
      await changeOwnPassword(deps, parts, actor, change)
    },
  }
}

/** Adds a user in the caller's transaction. */
export async function insertUser(
  transaction: Kysely<Database>,
  user: Omit<NewUser, 'password'> & { tenant: string; passwordHash: string; actor: string },
  nowMs: number,
): Promise<User> {
  const username = user.username.toLowerCase()
  if (!USERNAME.test(username)) {
    const rule = '1 to 100 letters, digits, dots, dashes, underscores or @, starting with a letter or digit'
    throw new AppError('value_invalid', `A username has ${rule}`)
  }
  checkRole(user.role)
  const now = new Date(nowMs)
  const { tenant, role, actor } = user
  const row = {
    tenant,
    id: randomUUID(),
    username,
    password_hash: user.passwordHash,
    role,
    active: true,
    created_at: now,
    updated_at: now,
    password_set_at: now,
    last_sign_in_at: null,
  }
  await transaction.insertInto('users').values(row).execute()
  const subject = `user:${row.id}`
  await recordAudit(transaction, { tenant, actor, action: 'user.create', subject, detail: { username, role } }, nowMs)
  return userOf(row)
}

/** Waits for other changes of the tenant's users, so that two administrators cannot remove each other. */
export async function lockTenant(transaction: Kysely<Database>, tenant: string): Promise<void> {
  await transaction.updateTable('tenants').set({ tenant }).where('tenant', '=', tenant).execute()
}

async function updateUser(
  { metadata, clock }: AccessDeps,
  parts: UserParts,
  actor: Principal,
  id: string,
  change: UserChange,
): Promise<User> {
  if (change.role !== undefined) checkRole(change.role)
  const passwordHash = change.password === undefined ? undefined : await parts.passwords.hash(change.password)
  const { user, ended } = await metadata.transaction(async (transaction) => {
    const now = new Date(clock.nowMs())
    await lockTenant(transaction, actor.tenant)
    const before = found(await selectUser(transaction, actor.tenant, id).executeTakeFirst())
    const row = await transaction
      .updateTable('users')
      .set({
        updated_at: now,
        ...(change.role === undefined ? {} : { role: change.role }),
        ...(change.active === undefined ? {} : { active: change.active }),
        ...(passwordHash === undefined ? {} : { password_hash: passwordHash, password_set_at: now }),
      })
      .where('tenant', '=', actor.tenant)
      .where('id', '=', id)
      .returning(columns)
      .executeTakeFirst()
    const user = userOf(found(row))
    await keepAnAdmin(transaction, actor.tenant)
    const endsSessions = passwordHash !== undefined || user.role !== before.role || !user.active
    const ended = endsSessions ? await endSessions(transaction, { tenant: actor.tenant, id }, null) : []
    const detail = { ...change, ...(passwordHash === undefined ? {} : { password: 'changed' }) }
    await record(transaction, actor, 'user.update', id, detail, now.getTime())
    return { user, ended }
  })
  await parts.cache.forget(ended)
  return user
}

async function changeOwnPassword(
  { metadata, clock }: AccessDeps,
  parts: UserParts,
  actor: Principal,
  change: OwnPasswordChange,
): Promise<void> {
  if (actor.kind !== 'user') throw new AppError('forbidden', 'An API key has no password')
  const { tenant, id } = actor
  // A stolen session must not become a way to guess the password.
  const attempt = parts.throttle.attempt(tenant, actor.name, change.address)
  const known = await metadata.db
    .selectFrom('users')
    .select('password_hash')
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!(await parts.passwords.verify(known?.password_hash ?? null, change.currentPassword, attempt))) {
    throw new AppError('forbidden', 'The current password is wrong')
  }
  const passwordHash = await parts.passwords.hash(change.newPassword)
  const ended = await metadata.transaction(async (transaction) => {
    const now = new Date(clock.nowMs())
    const changed = await transaction
      .updateTable('users')
      .set({ password_hash: passwordHash, password_set_at: now, updated_at: now })
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .where('password_hash', '=', known?.password_hash ?? '')
      .returning('id')
      .executeTakeFirst()
    if (changed === undefined) throw new AppError('metadata_conflict', 'The password was changed at the same time')
    await record(transaction, actor, 'user.update', id, { password: 'changed' }, now.getTime())
    return endSessions(transaction, actor, hashToken(change.token))
  })
  await parts.cache.forget(ended)
}

async function keepAnAdmin(transaction: Kysely<Database>, tenant: string): Promise<void> {
  const admin = await transaction
    .selectFrom('users')
    .select('id')
    .where('tenant', '=', tenant)
    .where('role', '=', 'admin')
    .where('active', '=', true)
    .limit(1)
    .executeTakeFirst()
  if (admin === undefined) throw new AppError('forbidden', 'The last active administrator must stay one')
}

function selectUser(db: Kysely<Database>, tenant: string, id: string) {
  return db.selectFrom('users').select(columns).where('tenant', '=', tenant).where('id', '=', id)
}

function record(
  transaction: Kysely<Database>,
  actor: Principal,
  action: string,
  id: string,
  detail: Json,
  nowMs: number,
): Promise<void> {
  const { tenant } = actor
  return recordAudit(transaction, { tenant, actor: actorOf(actor), action, subject: `user:${id}`, detail }, nowMs)
}

function found<T>(row: T | undefined): T {
  if (row === undefined) throw new AppError('not_found', 'There is no such user')
  return row
}

function checkRole(role: string): void {
  if ((roles as readonly string[]).includes(role)) return
  throw new AppError('value_invalid', `A user's role is one of ${roles.join(', ')}`)
}

function userOf(row: Pick<Selectable<UsersTable>, (typeof columns)[number]>): User {
  const { id, username, active } = row
  return { id, username, role: row.role as Role, active, createdAt: row.created_at, lastSignInAt: row.last_sign_in_at }
}
