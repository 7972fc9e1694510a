import { actorOf, recordAudit } from '@driftline/platform/access/audit-log'
import type { Principal } from '@driftline/platform/access/permissions'
import type { Clock } from '@driftline/platform/clock'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { noSettings, type ProcessSettings } from '../estate/process-state.ts'
import type { ProcessPatch } from '../schemas/processes.ts'

/** What people set about processes. */
export interface ProcessSettingsStore {
  /** Of every tenant, by tenant and process. */
  all(): Promise<Map<string, Map<string, ProcessSettings>>>
  /** Changes some of it and writes down who did; answers what holds then. */
  patch(by: Principal, process: string, patch: ProcessPatch): Promise<ProcessSettings>
}

const columns = ['category', 'tags', 'description', 'active'] as const

export function createProcessSettingsStore(deps: { metadata: Metadata; clock: Clock }): ProcessSettingsStore {
  const { metadata, clock } = deps
  return {
    async all() {
      const byTenant = new Map<string, Map<string, ProcessSettings>>()
      const rows = await metadata.db
        .selectFrom('process_settings')
        .select(['tenant', 'process', ...columns])
        .execute()
      for (const { tenant, process, ...settings } of rows) {
        const ofTenant = byTenant.get(tenant) ?? new Map<string, ProcessSettings>()
        byTenant.set(tenant, ofTenant.set(process, settings))
      }
      return byTenant
    },
    patch(by, process, patch) {
      const actor = actorOf(by)
      const nowMs = clock.nowMs()
      const changes = changedColumns(patch)
      const written = { updated_at: new Date(nowMs), updated_by: actor }
      return metadata.transaction(async (transaction) => {
        // One statement, which touches only what was asked for: two people may change different things at once.
        const next = await transaction
          .insertInto('process_settings')
          .values({ tenant: by.tenant, process, ...noSettings, ...changes, ...written })
          .onConflict((conflict) => conflict.columns(['tenant', 'process']).doUpdateSet({ ...changes, ...written }))
          .returning(columns)
          .executeTakeFirstOrThrow()
        const subject = `process:${process}`
        const record = { tenant: by.tenant, actor, action: 'process.update', subject, detail: changes }
        await recordAudit(transaction, record, nowMs)
        return next
      })
    },
  }
}

function changedColumns(patch: ProcessPatch) {
  return {
    ...(patch.category === undefined ? {} : { category: patch.category }),
    ...(patch.tags === undefined ? {} : { tags: [...new Set(patch.tags)] }),
    ...(patch.description === undefined ? {} : { description: patch.description }),
    ...(patch.active === undefined ? {} : { active: patch.active }),
  }
}
