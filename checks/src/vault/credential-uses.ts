import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Json } from '@driftline/platform/metadata/tables'

/** A flow or a source that names a credential. */
export interface CredentialUser {
  readonly type: 'flow' | 'source'
  readonly id: string
  readonly name: string
}

/** Who names which credential of a tenant. Reads every definition: for pages and removals, not for hot paths. */
export async function usersOfCredentials(
  { db }: Pick<Metadata, 'db'>,
  tenant: string,
): Promise<Map<string, CredentialUser[]>> {
  const users = new Map<string, CredentialUser[]>()
  const note = (type: CredentialUser['type'], row: { id: string; name: string; value: Json }): void => {
    for (const credential of new Set(namesIn(row.value, []))) {
      users.set(credential, [...(users.get(credential) ?? []), { type, id: row.id, name: row.name }])
    }
  }
  const flows = db.selectFrom('flows').select(['id', 'name', 'value']).where('tenant', '=', tenant)
  for (const row of await flows.orderBy('name').execute()) note('flow', row)
  const sources = db.selectFrom('sources').select(['id', 'name', 'value']).where('tenant', '=', tenant)
  for (const row of await sources.orderBy('name').execute()) note('source', row)
  return users
}

/** Wherever a definition has `credential`, as deep as definitions are. */
function namesIn(value: Json | undefined, found: string[], depth = 0): string[] {
  if (value === null || typeof value !== 'object' || depth > 12) return found
  for (const [key, each] of Object.entries(value)) {
    if (key === 'credential' && typeof each === 'string') found.push(each)
    else namesIn(each, found, depth + 1)
  }
  return found
}
