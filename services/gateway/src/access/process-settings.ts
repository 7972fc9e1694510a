import type { Clock } from '@driftline/platform/clock'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { noSettings, type ProcessSettings } from '../estate/process-state.ts'
import type { ProcessPatch } from '../schemas/processes.ts'

/** What people set about processes. */
export interface ProcessSettingsStore {
  ofTenant(tenant: string): Promise<Map<string, ProcessSettings>>
  /** Changes some of it; answers what holds then. */
  patch(tenant: string, process: string, patch: ProcessPatch, actor: string): Promise<ProcessSettings>
}

export function createProcessSettingsStore(deps: { metadata: Metadata; clock: Clock }): ProcessSettingsStore {
  const { metadata, clock } = deps
  return {
    async ofTenant(tenant) {
      const rows = await metadata.db
        .selectFrom('process_settings')
        .where('tenant', '=', tenant)
        .select(['process', 'category', 'tags', 'description', 'active'])
        .execute()
      return new Map(rows.map(({ process, ...settings }) => [process, settings]))
    },
    patch(tenant, process, patch, actor) {
      return metadata.transaction(async (transaction) => {
        const known = await transaction
          .selectFrom('process_settings')
          .where('tenant', '=', tenant)
          .where('process', '=', process)
          .select(['category', 'tags', 'description', 'active'])
          .executeTakeFirst()
        const next = merge(known ?? noSettings, patch)
        const columns = { ...next, updated_at: new Date(clock.nowMs()), updated_by: actor }
        await transaction
          .insertInto('process_settings')
          .values({ tenant, process, ...columns })
          .onConflict((conflict) => conflict.columns(['tenant', 'process']).doUpdateSet(columns))
          .execute()
        return next
      })
    },
  }
}

function merge(known: ProcessSettings, patch: ProcessPatch): ProcessSettings {
  return {
    category: patch.category === undefined ? known.category : patch.category,
    tags: patch.tags === undefined ? known.tags : [...new Set(patch.tags)],
    description: patch.description === undefined ? known.description : patch.description,
    active: patch.active ?? known.active,
  }
}
