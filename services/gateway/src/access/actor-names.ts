import { readActorNames } from '@driftline/platform/access/actor-names'
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

  return {
    nameOf: (tenant, actor) => known.get(keyOf(tenant, actor)) ?? actor,
    async learn(tenant, actors) {
      const unknown = actors.filter((actor) => actor !== null && !known.has(keyOf(tenant, actor)))
      const names = await readActorNames(metadata.db, tenant, unknown)
      for (const [actor, name] of names) remember(tenant, actor, name)
    },
    note: (principal) => remember(principal.tenant, actorOf(principal), principal.name),
  }
}
