import type { Kysely } from 'kysely'
import type { Database } from '../metadata/tables.ts'

/**
 * What people call actors that are written `user:<id>` and `key:<id>` (`actorOf`), by the actor. Those that nobody knows
 * any more, and others such as `system`, are left out.
 */
export async function readActorNames(
  db: Kysely<Database>,
  tenant: string,
  actors: readonly (string | null)[],
): Promise<Map<string, string>> {
  const names = new Map<string, string>()
  const users = idsOf(actors, 'user:')
  if (users.length > 0) {
    const select = db.selectFrom('users').select(['id', 'username']).where('tenant', '=', tenant)
    for (const { id, username } of await select.where('id', 'in', users).execute()) names.set(`user:${id}`, username)
  }
  const keys = idsOf(actors, 'key:')
  if (keys.length > 0) {
    const select = db.selectFrom('api_keys').select(['id', 'name']).where('tenant', '=', tenant)
    for (const { id, name } of await select.where('id', 'in', keys).execute()) names.set(`key:${id}`, name)
  }
  return names
}

function idsOf(actors: readonly (string | null)[], kind: string): string[] {
  const ids = actors.flatMap((actor) => (actor?.startsWith(kind) ? [actor.slice(kind.length)] : []))
  return [...new Set(ids)]
}
