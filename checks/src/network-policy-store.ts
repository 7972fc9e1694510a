import { recordAudit } from '@driftline/platform/access/audit-log'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Json } from '@driftline/platform/metadata/tables'
import { type NetworkPolicy, networkPolicy } from './network-policy.ts'

export interface StoredNetworkPolicy {
  readonly policy: NetworkPolicy
  /** 0 while nobody has set one: then the defaults hold. */
  readonly version: number
  readonly updatedAt: Date | null
  /** `user:<id>`, `key:<id>` or `system`; null while nobody has set one. */
  readonly updatedBy: string | null
}

/** One policy for each tenant. Permissions are for the caller. */
export interface NetworkPolicyStore {
  get(tenant: string): Promise<StoredNetworkPolicy>
  /**
   * Sets the whole policy; what is left out gets its default. `version` is the one that was read (0 for none), null
   * to set it whatever there is. Errors: `value_invalid` (the message names each field), `metadata_conflict`.
   */
  put(tenant: string, policy: unknown, version: number | null, by: string): Promise<StoredNetworkPolicy>
}

export function createNetworkPolicyStore(deps: {
  readonly metadata: Metadata
  readonly clock: Clock
}): NetworkPolicyStore {
  const { metadata, clock } = deps
  const get: NetworkPolicyStore['get'] = async (tenant) => {
    const row = await metadata.db
      .selectFrom('network_policies')
      .selectAll()
      .where('tenant', '=', tenant)
      .executeTakeFirst()
    if (row === undefined) return { policy: networkPolicy.parse({}), version: 0, updatedAt: null, updatedBy: null }
    const { version, updated_at: updatedAt, updated_by: updatedBy } = row
    return { policy: networkPolicy.parse(row.value), version, updatedAt, updatedBy }
  }

  return {
    get,
    async put(tenant, input, version, by) {
      const policy = readPolicy(input)
      const value: Json = policy
      const before = await get(tenant)
      if (version !== null && version !== before.version) throw changedMeanwhile()
      const nowMs = clock.nowMs()
      const columns = { value, version: before.version + 1, updated_at: new Date(nowMs), updated_by: by }
      await metadata.transaction(async (transaction) => {
        if (before.version === 0)
          await transaction
            .insertInto('network_policies')
            .values({ tenant, ...columns })
            .execute()
        else {
          const { numUpdatedRows } = await transaction
            .updateTable('network_policies')
            .set(columns)
            .where('tenant', '=', tenant)
            .where('version', '=', before.version)
            .executeTakeFirst()
          if (Number(numUpdatedRows) !== 1) throw changedMeanwhile()
        }
        const detail = { version: columns.version, before: before.policy, after: policy }
        const record = { tenant, actor: by, action: 'network.update', subject: 'network-policy', detail }
        await recordAudit(transaction, record, nowMs)
      })
      return { policy, version: columns.version, updatedAt: columns.updated_at, updatedBy: by }
    },
  }
}

function readPolicy(input: unknown): NetworkPolicy {
  const read = networkPolicy.safeParse(input)
  if (read.success) return read.data
  const problems = read.error.issues.map(({ path, message }) => `${path.join('.') || 'policy'}: ${message}`)
  throw new AppError('value_invalid', problems.join('; '), { cause: read.error })
}

function changedMeanwhile(): AppError {
  return new AppError('metadata_conflict', 'Somebody changed the network policy meanwhile; read it again')
}
