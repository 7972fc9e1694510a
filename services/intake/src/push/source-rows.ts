import { auditSource, newRow } from '@driftline/ingest/source-store'
import type { Sealer } from '@driftline/platform/access/sealing'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { SourceName } from './push-source.ts'

/** Makes sources known that appear by themselves. */
export interface SourceRows {
  /** Makes the source if it is not there; answers whether it is switched on. Errors: those of the database. */
  ensure(source: SourceName & { readonly id: string; readonly keyName: string }): Promise<{ readonly active: boolean }>
}

const NAME_MAX = 80

export function createSourceRows(deps: {
  readonly metadata: Metadata
  readonly sealer: Sealer
  readonly clock: Clock
}): SourceRows {
  const { metadata, clock } = deps
  const find = (tenant: string, id: string) =>
    metadata.db
      .selectFrom('sources')
      .select('active')
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .executeTakeFirst()
  return {
    async ensure({ tenant, id, door, key, keyName }) {
      const found = await find(tenant, id)
      if (found !== undefined) return found
      // Names of keys are not unique, their ids are.
      const name = `${door}: ${keyName.slice(0, NAME_MAX)} (${key.slice(-6)})`
      const row = newRow(
        deps,
        { tenant, id, managedBy: 'user', by: 'system' },
        { kind: 'push', name, definition: { door, key } },
      )
      try {
        await metadata.transaction(async (transaction) => {
          await transaction.insertInto('sources').values(row).execute()
          await auditSource(transaction, clock, row, 'source.create', { kind: row.kind, name })
        })
      } catch (error) {
        // Another instance made it first.
        if (!(error instanceof AppError && error.code === 'metadata_conflict')) throw error
      }
      return (await find(tenant, id)) ?? { active: true }
    },
  }
}
