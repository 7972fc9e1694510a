import type { Authenticator } from './authenticator.ts'
import type { Principal, Role } from './principal.ts'

export interface SignedIn {
  readonly token: string
  readonly expiresAt: Date
  readonly principal: Principal
}

export interface UserRecord {
  readonly id: string
  readonly username: string
  readonly role: Exclude<Role, 'ingest'>
  readonly active: boolean
  readonly createdAt: Date
  readonly lastSignInAt: Date | null
}

export interface ApiKeyRecord {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly prefix: string
  readonly createdBy: string
  readonly createdAt: Date
  readonly lastUsedAt: Date | null
  readonly revokedAt: Date | null
}

export interface AuditRecord {
  readonly id: string
  readonly at: Date
  readonly actor: string
  readonly action: string
  readonly subject: string
  readonly detail: unknown
}

export interface AuditEntry {
  readonly tenant: string
  /** `user:<id>` or `key:<id>`. */
  readonly actor: string
  readonly action: string
  readonly subject: string
  readonly detail: Readonly<Record<string, unknown>>
}

/** What the gateway asks of accounts, sessions and keys. Errors: AppError with `unauthenticated`, `not_found`, `metadata_conflict`, `forbidden`, `rate_limited`, `value_invalid`. */
export interface GatewayAccess extends Authenticator {
  signIn(given: { tenant: string; username: string; password: string; address: string }): Promise<SignedIn>
  signOut(token: string): Promise<void>
  /** When the session of a token ends; null for an API key. */
  expiryOf(token: string): Promise<Date | null>
  changeOwnPassword(by: Principal, currentPassword: string, newPassword: string): Promise<void>
  listUsers(tenant: string): Promise<UserRecord[]>
  createUser(by: Principal, user: { username: string; password: string; role: UserRecord['role'] }): Promise<UserRecord>
  updateUser(
    by: Principal,
    id: string,
    patch: { role?: UserRecord['role'] | undefined; active?: boolean | undefined; password?: string | undefined },
  ): Promise<UserRecord>
  removeUser(by: Principal, id: string): Promise<void>
  listKeys(tenant: string): Promise<ApiKeyRecord[]>
  createKey(by: Principal, key: { name: string; role: Role }): Promise<{ key: string; record: ApiKeyRecord }>
  revokeKey(by: Principal, id: string): Promise<void>
  audit(entry: AuditEntry): Promise<void>
  /** Newest first; `before` is the id of the last one seen. */
  auditLog(tenant: string, page: { limit: number; before: string | null }): Promise<AuditRecord[]>
}
