import { AppError } from '../errors.ts'
import type { AccessDeps } from './access.ts'
import type { Passwords } from './passwords.ts'
import { createReadablePassword } from './secrets.ts'
import { DEFAULT_TENANT } from './sessions.ts'
import { insertUser, lockTenant } from './users.ts'

export interface FirstAdmin {
  readonly username: string
  /** To be shown to whoever started it, this once; null when it was given. */
  readonly password: string | null
}

const USERNAME = 'admin'

/**
 * On the first start makes the tenant `default` and its user `admin`, with the given password or a random one; later
 * answers null. When several services start at once, one of them makes it. Errors: `config_invalid` for a given
 * password that is not good enough.
 */
export async function ensureFirstAdmin(
  { metadata, clock }: AccessDeps,
  passwords: Passwords,
  given: string | undefined,
): Promise<FirstAdmin | null> {
  const tenant = DEFAULT_TENANT
  const someone = metadata.db.selectFrom('users').select('id').where('tenant', '=', tenant).limit(1)
  if ((await someone.executeTakeFirst()) !== undefined) return null

  const password = given ?? createReadablePassword()
  const passwordHash = await passwords.hash(password).catch((cause) => {
    if (!(cause instanceof AppError && cause.code === 'value_invalid')) throw cause
    throw new AppError('config_invalid', `DRIFTLINE_ADMIN_PASSWORD: ${cause.message}`, { cause })
  })
  return metadata.transaction(async (transaction) => {
    const nowMs = clock.nowMs()
    await transaction
      .insertInto('tenants')
      .values({ tenant, name: 'Default', created_at: new Date(nowMs) })
      .onConflict((conflict) => conflict.column('tenant').doNothing())
      .execute()
    await lockTenant(transaction, tenant)
    const first = await transaction.selectFrom('users').select('id').where('tenant', '=', tenant).executeTakeFirst()
    if (first !== undefined) return null
    const user = { tenant, username: USERNAME, passwordHash, role: 'admin', actor: 'system' } as const
    await insertUser(transaction, user, nowMs)
    return { username: USERNAME, password: given === undefined ? password : null }
  })
}
