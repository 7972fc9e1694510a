import type { FlowDefinition } from '@driftline/checks/flow-definition'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'

/** A flow as the gateway has it at hand. */
export interface BookedFlow {
  readonly id: string
  readonly version: number
  readonly createdAtMs: number
  readonly definition: FlowDefinition
}

/**
 * Definitions of every tenant, read again when they change: here at once, elsewhere - in a file, at another gateway -
 * within seconds. Only what changed is read whole.
 */
export interface FlowBook {
  of(tenant: string): ReadonlyMap<string, BookedFlow>
  /** Reads what changed. Errors: those of the metadata store. */
  refresh(): Promise<void>
  /** Follows changes of a tenant's flows; the answer ends it. */
  follow(listener: (tenant: string) => void): () => void
}

/** Flows of all tenants together: a thousand of each is the store's limit. */
const FLOWS_MAX = 50_000
const READ_AT_ONCE = 200
const none: ReadonlyMap<string, BookedFlow> = new Map()

interface Head {
  readonly tenant: string
  readonly id: string
  readonly version: number
  readonly createdAtMs: number
}

export function createFlowBook(deps: {
  readonly metadata: Metadata
  readonly clock: Clock
  readonly logger: Logger
}): FlowBook {
  const { db } = deps.metadata
  const listeners = new Set<(tenant: string) => void>()
  let book: ReadonlyMap<string, ReadonlyMap<string, BookedFlow>> = new Map()
  let running: Promise<void> | null = null
  let again: Promise<void> | null = null

  const heads = async (): Promise<Head[]> => {
    const rows = await db
      .selectFrom('flows')
      .select(['tenant', 'id', 'version', 'created_at'])
      .limit(FLOWS_MAX)
      .execute()
    return rows.map(({ tenant, id, version, created_at }) => ({
      tenant,
      id,
      version,
      createdAtMs: created_at.getTime(),
    }))
  }
  const definitions = async (tenant: string, ids: readonly string[]): Promise<Map<string, FlowDefinition>> => {
    const found = new Map<string, FlowDefinition>()
    for (let from = 0; from < ids.length; from += READ_AT_ONCE) {
      const rows = await db
        .selectFrom('flows')
        .select(['id', 'value'])
        .where('tenant', '=', tenant)
        .where('id', 'in', ids.slice(from, from + READ_AT_ONCE))
        .execute()
      for (const { id, value } of rows) found.set(id, value as unknown as FlowDefinition)
    }
    return found
  }
  const sameAs = (known: BookedFlow | undefined, head: Head): boolean =>
    known?.version === head.version && known.createdAtMs === head.createdAtMs

  const readChanges = async (): Promise<void> => {
    const byTenant = new Map<string, Head[]>()
    for (const head of await heads()) {
      const mine = byTenant.get(head.tenant)
      if (mine) mine.push(head)
      else byTenant.set(head.tenant, [head])
    }
    const next = new Map<string, ReadonlyMap<string, BookedFlow>>()
    const changed: string[] = []
    for (const tenant of new Set([...byTenant.keys(), ...book.keys()])) {
      const known = book.get(tenant) ?? none
      const mine = byTenant.get(tenant) ?? []
      const fresh = mine.filter((head) => !sameAs(known.get(head.id), head))
      if (fresh.length === 0 && known.size === mine.length) {
        next.set(tenant, known)
        continue
      }
      const read = await definitions(
        tenant,
        fresh.map(({ id }) => id),
      )
      const flows = new Map<string, BookedFlow>()
      for (const { id, version, createdAtMs } of mine) {
        const definition = read.get(id)
        const before = known.get(id)
        if (definition) flows.set(id, { id, version, createdAtMs, definition })
        else if (before) flows.set(id, before)
      }
      if (flows.size > 0) next.set(tenant, flows)
      changed.push(tenant)
    }
    book = next
    for (const tenant of changed) for (const listener of listeners) listener(tenant)
  }

  const refresh = (): Promise<void> => {
    // Who asks while a refresh runs wants what was written since it began: one more is made for all of them.
    if (running !== null) {
      again ??= running
        .catch(() => undefined)
        .then(() => {
          again = null
          return refresh()
        })
      return again
    }
    running = readChanges().finally(() => {
      running = null
    })
    return running
  }

  return {
    of: (tenant) => book.get(tenant) ?? none,
    refresh,
    follow(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
