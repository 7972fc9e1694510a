import type { Kysely } from 'kysely'
import type { Database, Json } from '../metadata/tables.ts'
import type { AccessDeps } from './access.ts'
import { type Principal, requirePermission } from './permissions.ts'
import { createOrderedId } from './secrets.ts'

interface AuditEntry {
  readonly id: string
  readonly at: Date
  /** `user:<id>`, `key:<id>` or `system`. */
  readonly actor: string
  readonly action: string
  readonly subject: string
  readonly detail: Json
}

/** A change that was made. Never holds a secret. */
export interface AuditRecord {
  readonly tenant: string
  readonly actor: string
  /** A stable word with a dot, such as `user.create`. */
  readonly action: string
  /** What it was done to, such as `user:<id>` or `process:<id>`. */
  readonly subject: string
  readonly detail?: Json
}

export interface AuditLog {
  /** Newest first; `before` is the id of the last entry of the page before. Needs `audit:read`. */
  list(actor: Principal, page: { readonly limit: number; readonly before?: string }): Promise<AuditEntry[]>
}

export function createAuditLog({ metadata }: Pick<AccessDeps, 'metadata'>): AuditLog {
  return {
    async list(actor, { limit, before }) {
      requirePermission(actor, 'audit:read')
      const entries = metadata.db
        .selectFrom('audit_log')
        .select(['id', 'at', 'actor', 'action', 'subject', 'detail'])
        .where('tenant', '=', actor.tenant)
        .orderBy('id', 'desc')
        .limit(limit)
      return (before === undefined ? entries : entries.where('id', '<', before)).execute()
    },
  }
}

/** Writes the record in the transaction of the change itself, so that neither is there without the other. */
export async function recordAudit(db: Kysely<Database>, record: AuditRecord, nowMs: number): Promise<void> {
  const { detail = null, ...columns } = record
  const id = createOrderedId(nowMs)
  await db
    .insertInto('audit_log')
    .values({ ...columns, detail, id, at: new Date(nowMs) })
    .execute()
}

export function actorOf(principal: Principal): string {
  return `${principal.kind === 'user' ? 'user' : 'key'}:${principal.id}`
}
