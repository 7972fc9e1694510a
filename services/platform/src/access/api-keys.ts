import type { Kysely, Selectable } from 'kysely'
import { AppError } from '../errors.ts'
import type { ApiKeysTable, Database } from '../metadata/tables.ts'
import type { AccessDeps } from './access.ts'
import { actorOf, recordAudit } from './audit-log.ts'
import { type KeyRole, keyRoles, type Principal, permissionsOf, requirePermission } from './permissions.ts'
import { type PrincipalCache, unlessBusy } from './principal-cache.ts'
import { apiKeyPrefix, createApiKeySecret, createOrderedId, hashToken } from './secrets.ts'

export interface ApiKey {
  readonly id: string
  readonly name: string
  readonly role: KeyRole
  /** First characters of the key, to tell keys apart. */
  readonly prefix: string
  /** `user:<id>`, `key:<id>` or `system`. */
  readonly createdBy: string
  readonly createdAt: Date
  /** At most a minute behind. */
  readonly lastUsedAt: Date | null
  readonly revokedAt: Date | null
}

interface NewApiKey {
  /** 1 to 100 characters. */
  readonly name: string
  readonly role: KeyRole
}

/** Keys of the actor's tenant; need `keys:manage`. Errors: `forbidden`, `not_found`, `value_invalid`. */
export interface ApiKeys {
  /** `key` is shown this once and stored nowhere. */
  create(actor: Principal, key: NewApiKey): Promise<{ readonly apiKey: ApiKey; readonly key: string }>
  /** Newest first, revoked ones included; `before` is the id of the last key of the page before. */
  list(actor: Principal, page: { readonly limit: number; readonly before?: string }): Promise<ApiKey[]>
  /** Again is no error. */
  revoke(actor: Principal, id: string): Promise<void>
  /**
   * A key for a part of the installation itself, such as the agent beside the server: made at each start, in place of
   * the one of that name before. Answers the key.
   */
  issueSystemKey(key: NewApiKey & { readonly tenant: string }): Promise<string>
  find(keyHash: string): Promise<Principal | null>
}

const columns = ['id', 'name', 'role', 'prefix', 'created_by', 'created_at', 'last_used_at', 'revoked_at'] as const
const MAX_NAME_LENGTH = 100
const TOUCH_EVERY_MS = 60_000
const SYSTEM = 'system'

export function createApiKeys(
  { metadata, clock, logger }: AccessDeps,
  parts: { readonly cache: PrincipalCache },
): ApiKeys {
  return {
    async create(actor, { name, role }) {
      requirePermission(actor, 'keys:manage')
      const owner = { tenant: actor.tenant, actor: actorOf(actor) }
      return metadata.transaction((transaction) => insertKey(transaction, { ...owner, name, role }, clock.nowMs()))
    },
    issueSystemKey: ({ tenant, name, role }) =>
      metadata.transaction(async (transaction) => {
        await transaction
          .deleteFrom('api_keys')
          .where('tenant', '=', tenant)
          .where('name', '=', name)
          .where('created_by', '=', SYSTEM)
          .execute()
        const { key } = await insertKey(transaction, { tenant, actor: SYSTEM, name, role }, clock.nowMs())
        return key
      }),
    async list(actor, { limit, before }) {
      requirePermission(actor, 'keys:manage')
      const keys = metadata.db.selectFrom('api_keys').select(columns).where('tenant', '=', actor.tenant)
      const page = before === undefined ? keys : keys.where('id', '<', before)
      return (await page.orderBy('id', 'desc').limit(limit).execute()).map(apiKeyOf)
    },
    async revoke(actor, id) {
      requirePermission(actor, 'keys:manage')
      const keyHash = await metadata.transaction(async (transaction) => {
        const { tenant } = actor
        const known = transaction.selectFrom('api_keys').where('tenant', '=', tenant).where('id', '=', id)
        const row = await known.select('key_hash').executeTakeFirst()
        if (row === undefined) throw new AppError('not_found', 'There is no such API key')
        const nowMs = clock.nowMs()
        const revoked = await transaction
          .updateTable('api_keys')
          .set({ revoked_at: new Date(nowMs) })
          .where('tenant', '=', tenant)
          .where('id', '=', id)
          .where('revoked_at', 'is', null)
          .returning('name')
          .executeTakeFirst()
        if (revoked !== undefined) {
          const record = { tenant, actor: actorOf(actor), action: 'key.revoke', subject: `key:${id}`, detail: revoked }
          await recordAudit(transaction, record, nowMs)
        }
        return row.key_hash
      })
      await parts.cache.forget([keyHash])
    },
    async find(keyHash) {
      const row = await metadata.db
        .selectFrom('api_keys')
        .select(['tenant', 'id', 'name', 'role', 'last_used_at'])
        .where('key_hash', '=', keyHash)
        .where('revoked_at', 'is', null)
        .executeTakeFirst()
      if (row === undefined) return null
      const nowMs = clock.nowMs()
      if (nowMs - (row.last_used_at?.getTime() ?? 0) >= TOUCH_EVERY_MS) {
        const used = metadata.db.updateTable('api_keys').set({ last_used_at: new Date(nowMs) })
        const touched = used.where('tenant', '=', row.tenant).where('id', '=', row.id)
        await unlessBusy(logger, () => touched.execute())
      }
      const { tenant, id, name } = row
      const role = row.role as KeyRole
      return { tenant, kind: 'api-key', id, name, role, permissions: permissionsOf(role), expiresAt: null }
    },
  }
}

async function insertKey(
  transaction: Kysely<Database>,
  { tenant, actor, name, role }: NewApiKey & { readonly tenant: string; readonly actor: string },
  nowMs: number,
): Promise<{ apiKey: ApiKey; key: string }> {
  checkNewKey({ name, role })
  const key = createApiKeySecret()
  const prefix = apiKeyPrefix(key)
  const row = {
    tenant,
    id: createOrderedId(nowMs),
    name,
    key_hash: hashToken(key),
    prefix,
    role,
    created_by: actor,
    created_at: new Date(nowMs),
    last_used_at: null,
    revoked_at: null,
  }
  await transaction.insertInto('api_keys').values(row).execute()
  const detail = { name, role, prefix }
  await recordAudit(transaction, { tenant, actor, action: 'key.create', subject: `key:${row.id}`, detail }, nowMs)
  return { apiKey: apiKeyOf(row), key }
}

function checkNewKey({ name, role }: NewApiKey): void {
  if (name.trim() === '' || name.length > MAX_NAME_LENGTH) {
    throw new AppError('value_invalid', `A name has 1 to ${MAX_NAME_LENGTH} characters`)
  }
  if (!(keyRoles as readonly string[]).includes(role)) {
    throw new AppError('value_invalid', `A key's role is one of ${keyRoles.join(', ')}`)
  }
}

function apiKeyOf(row: Pick<Selectable<ApiKeysTable>, (typeof columns)[number]>): ApiKey {
  return {
    id: row.id,
    name: row.name,
    role: row.role as KeyRole,
    prefix: row.prefix,
    createdBy: row.created_by,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
  }
}
