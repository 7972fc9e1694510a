import { actorOf, recordAudit } from '@driftline/platform/access/audit-log'
import type { Principal } from '@driftline/platform/access/permissions'
import type { Clock } from '@driftline/platform/clock'
import type { Metadata } from '@driftline/platform/metadata/metadata'

export type VerdictName = 'real' | 'noise' | 'expected'

export interface VerdictCount {
  readonly type: string
  readonly verdict: VerdictName
  readonly count: number
}

/** What people say of findings: the last word counts. */
export interface VerdictStore {
  give(by: Principal, anomaly: { id: string; process: string; type: string }, verdict: VerdictName): Promise<void>
  of(tenant: string, anomalyIds: readonly string[]): Promise<Map<string, VerdictName>>
  /** Anomalies with a verdict, or with a certain one; the most lately judged. */
  judged(tenant: string, by: { verdict?: VerdictName; sinceMs?: number; limit: number }): Promise<Judged[]>
  /** How many of each, all time. */
  counts(tenant: string): Promise<VerdictCount[]>
}

export interface Judged {
  readonly id: string
  readonly type: string
  readonly verdict: VerdictName
}

export function createVerdictStore({ metadata, clock }: { metadata: Metadata; clock: Clock }): VerdictStore {
  return {
    async give(by, anomaly, verdict) {
      const nowMs = clock.nowMs()
      const actor = actorOf(by)
      const said = { verdict, decided_by: actor, updated_at: new Date(nowMs) }
      await metadata.transaction(async (transaction) => {
        await transaction
          .insertInto('anomaly_verdicts')
          .values({
            tenant: by.tenant,
            anomaly_id: anomaly.id,
            process: anomaly.process,
            type: anomaly.type,
            ...said,
          })
          .onConflict((conflict) => conflict.columns(['tenant', 'anomaly_id']).doUpdateSet(said))
          .execute()
        const subject = `anomaly:${anomaly.id}`
        const record = { tenant: by.tenant, actor, action: 'anomaly.verdict', subject, detail: { verdict } }
        await recordAudit(transaction, record, nowMs)
      })
    },
    async of(tenant, anomalyIds) {
      if (anomalyIds.length === 0) return new Map()
      const rows = await metadata.db
        .selectFrom('anomaly_verdicts')
        .select(['anomaly_id', 'verdict'])
        .where('tenant', '=', tenant)
        .where('anomaly_id', 'in', anomalyIds)
        .execute()
      return new Map(rows.map((row) => [row.anomaly_id, row.verdict]))
    },
    async judged(tenant, { verdict, sinceMs, limit }) {
      let query = metadata.db
        .selectFrom('anomaly_verdicts')
        .select(['anomaly_id as id', 'type', 'verdict'])
        .where('tenant', '=', tenant)
      if (verdict !== undefined) query = query.where('verdict', '=', verdict)
      if (sinceMs !== undefined) query = query.where('updated_at', '>=', new Date(sinceMs))
      return query.orderBy('updated_at', 'desc').limit(limit).execute()
    },
    async counts(tenant) {
      const rows = await metadata.db
        .selectFrom('anomaly_verdicts')
        .select(({ fn }) => ['type', 'verdict', fn.countAll<number | string>().as('count')])
        .where('tenant', '=', tenant)
        .groupBy(['type', 'verdict'])
        .orderBy('type')
        .execute()
      return rows.map(({ type, verdict, count }) => ({ type, verdict, count: Number(count) }))
    },
  }
}
