import { actorOf } from '@driftline/platform/access/audit-log'
import type { Principal } from '@driftline/platform/access/permissions'
import type { Metadata } from '@driftline/platform/metadata/metadata'

/** What people read in place of `user:<id>` and `key:<id>`. */
export interface ActorNames {
  /** The name as far as it is known here; else the actor as it is written, which is also right for `system`. */
  nameOf(tenant: string, actor: string): string
  /** Reads the names of those that are not known yet. Whom nobody knows any more keeps being called by the id. */
  learn(tenant: string, actors: readonly (string | null)[]): Promise<void>
  note(principal: Principal): void
}

const KNOWN_MAX = 20_000

export function createActorNames({ metadata }: { metadata: Metadata }): ActorNames {
  const known = new Map<string, string>()
  const keyOf = (tenant: string, actor: string): string => `${tenant}\n${actor}`

  const remember = (tenant: string, actor: string, name: string): void => {
    if (known.size >= KNOWN_MAX) known.clear()
    known.set(keyOf(tenant, actor), name)
  }

  const unknownIds = (tenant: string, actors: readonly (string | null)[], kind: string): string[] => {
    const ids = new Set<string>()
    for (const actor of actors) {
      if (actor?.startsWith(kind) && !known.has(keyOf(tenant, actor))) ids.add(actor.slice(kind.length))
    }
    return [...ids]
  }

  return {
    nameOf: (tenant, actor) => known.get(keyOf(tenant, actor)) ?? actor,
    async learn(tenant, actors) {
      const users = unknownIds(tenant, actors, 'user:')
      if (users.length > 0) {
        const select = metadata.db.selectFrom('users').select(['id', 'username'])
        const rows = await select.where('tenant', '=', tenant).where('id', 'in', users).execute()
        for (const { id, username } of rows) remember(tenant, `user:${id}`, username)
      }
      const keys = unknownIds(tenant, actors, 'key:')
      if (keys.length > 0) {
        const select = metadata.db.selectFrom('api_keys').select(['id', 'name'])
        const rows = await select.where('tenant', '=', tenant).where('id', 'in', keys).execute()
        for (const { id, name } of rows) remember(tenant, `key:${id}`, name)
      }
    },
    note: (principal) => remember(principal.tenant, actorOf(principal), principal.name),
  }
}
