import { actorOf, recordAudit } from '@driftline/platform/access/audit-log'
import type { Principal } from '@driftline/platform/access/permissions'
import type { Clock } from '@driftline/platform/clock'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { AlertEpisodesTable, AlertStatusName, SeverityName } from '@driftline/platform/metadata/tables'
import type { Selectable } from 'kysely'
import type { KnownAlert } from '../estate/findings.ts'
import { notFound, ProblemError } from '../http/problems.ts'
import type { AlertItem } from '../schemas/anomalies.ts'
import type { ActorNames } from './actor-names.ts'

export interface AlertFilter {
  readonly severity?: SeverityName | undefined
  readonly status?: AlertStatusName | undefined
  readonly process?: string | undefined
  readonly from?: number | undefined
  readonly to?: number | undefined
}

export interface DeliveryItem {
  readonly id: string
  readonly channel: string
  readonly event: string
  readonly state: 'pending' | 'delivered' | 'failed' | 'withdrawn'
  readonly attempts: number
  readonly createdAt: string
  readonly deliveredAt: string | null
  readonly nextAttemptAt: string | null
  readonly lastError: string | null
}

/** The episodes that people handle, where their state is kept. The alerter makes them and tells of every change. */
export interface AlertStore {
  /** Newest first, after a place in the list. */
  list(
    tenant: string,
    filter: AlertFilter,
    page: { limit: number; after: { openedMs: number; id: string } | null },
  ): Promise<AlertItem[]>
  one(tenant: string, id: string): Promise<AlertItem | null>
  deliveries(tenant: string, alertId: string): Promise<DeliveryItem[]>
  /** What is not resolved, of every tenant; the newest. */
  unresolved(limit: number): Promise<(KnownAlert & { readonly tenant: string })[]>
  /** Which alert each of these anomalies belongs to. */
  alertsOf(tenant: string, anomalyIds: readonly string[]): Promise<Map<string, string>>
  /** Errors: 404; 409 when it is resolved. What is acknowledged already stays as it is. */
  acknowledge(by: Principal, id: string): Promise<KnownAlert>
  /** Errors: 404. What is resolved already stays as it is. */
  resolve(by: Principal, id: string): Promise<KnownAlert>
}

type Row = Selectable<AlertEpisodesTable>
const DELIVERIES_MAX = 200
const ANOMALIES_MAX = 10_000

export function createAlertStore(deps: { metadata: Metadata; clock: Clock; names: ActorNames }): AlertStore {
  const { metadata, clock, names } = deps

  const anomaliesOf = async (tenant: string, alertIds: readonly string[]): Promise<Map<string, string[]>> => {
    const byAlert = new Map<string, string[]>()
    if (alertIds.length === 0) return byAlert
    const rows = await metadata.db
      .selectFrom('alert_anomalies')
      .select(['alert_id', 'anomaly_id'])
      .where('tenant', '=', tenant)
      .where('alert_id', 'in', alertIds)
      .orderBy('anomaly_id')
      .limit(ANOMALIES_MAX)
      .execute()
    for (const { alert_id: alert, anomaly_id: anomaly } of rows) {
      if (alert === null) continue
      byAlert.set(alert, [...(byAlert.get(alert) ?? []), anomaly])
    }
    return byAlert
  }

  const toKnown = async (tenant: string, rows: readonly Row[]): Promise<KnownAlert[]> => {
    const anomalies = await anomaliesOf(
      tenant,
      rows.map(({ id }) => id),
    )
    await names.learn(
      tenant,
      rows.flatMap((row) => [row.acknowledged_by, row.resolved_by]),
    )
    const nameOf = (actor: string | null): string | null => (actor === null ? null : names.nameOf(tenant, actor))
    return rows.map((row) => ({ version: row.version, item: toItem(row, anomalies.get(row.id) ?? [], nameOf) }))
  }

  const oneRow = async (tenant: string, id: string): Promise<Row | undefined> =>
    metadata.db
      .selectFrom('alert_episodes')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .executeTakeFirst()

  /** One conditional update and its record; what did not fit the condition is looked at afterwards. */
  const change = async (
    by: Principal,
    id: string,
    to: { from: readonly AlertStatusName[]; action: string; set: (nowMs: number) => Partial<Row> },
  ): Promise<KnownAlert> => {
    names.note(by)
    const nowMs = clock.nowMs()
    const changed = await metadata.transaction(async (transaction) => {
      const row = await transaction
        .updateTable('alert_episodes')
        .set((expression) => ({
          ...to.set(nowMs),
          updated_at: new Date(nowMs),
          version: expression('version', '+', 1),
        }))
        .where('tenant', '=', by.tenant)
        .where('id', '=', id)
        .where('status', 'in', to.from)
        .returningAll()
        .executeTakeFirst()
      const record = { tenant: by.tenant, actor: actorOf(by), action: to.action, subject: `alert:${id}` }
      if (row) await recordAudit(transaction, record, nowMs)
      return row
    })
    const row = changed ?? (await oneRow(by.tenant, id))
    if (!row) throw notFound('alert', id)
    return (await toKnown(by.tenant, [row]))[0]!
  }

  return {
    async list(tenant, filter, { limit, after }) {
      let query = metadata.db.selectFrom('alert_episodes').selectAll().where('tenant', '=', tenant)
      if (filter.severity !== undefined) query = query.where('severity', '=', filter.severity)
      if (filter.status !== undefined) query = query.where('status', '=', filter.status)
      if (filter.process !== undefined) query = query.where('process', '=', filter.process)
      if (filter.from !== undefined) query = query.where('opened_at', '>=', new Date(filter.from))
      if (filter.to !== undefined) query = query.where('opened_at', '<', new Date(filter.to))
      if (after !== null) {
        const openedAt = new Date(after.openedMs)
        query = query.where((where) =>
          where.or([
            where('opened_at', '<', openedAt),
            where.and([where('opened_at', '=', openedAt), where('id', '<', after.id)]),
          ]),
        )
      }
      const rows = await query.orderBy('opened_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
      return (await toKnown(tenant, rows)).map(({ item }) => item)
    },
    async one(tenant, id) {
      const row = await oneRow(tenant, id)
      return row ? (await toKnown(tenant, [row]))[0]!.item : null
    },
    async deliveries(tenant, alertId) {
      const rows = await metadata.db
        .selectFrom('alert_deliveries')
        .select(['id', 'channel', 'event', 'state', 'attempts', 'created_at', 'delivered_at', 'next_attempt_at'])
        .select('last_error')
        .where('tenant', '=', tenant)
        .where('alert_id', '=', alertId)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(DELIVERIES_MAX)
        .execute()
      return rows.map((row) => ({
        id: row.id,
        channel: row.channel,
        event: row.event,
        state: row.state,
        attempts: row.attempts,
        createdAt: row.created_at.toISOString(),
        deliveredAt: row.delivered_at?.toISOString() ?? null,
        nextAttemptAt: row.state === 'pending' ? row.next_attempt_at.toISOString() : null,
        lastError: row.last_error,
      }))
    },
    async unresolved(limit) {
      const rows = await metadata.db
        .selectFrom('alert_episodes')
        .selectAll()
        .where('status', '!=', 'resolved')
        .orderBy('opened_at', 'desc')
        .limit(limit)
        .execute()
      const found: (KnownAlert & { tenant: string })[] = []
      for (const tenant of new Set(rows.map((row) => row.tenant))) {
        const mine = rows.filter((row) => row.tenant === tenant)
        for (const known of await toKnown(tenant, mine)) found.push({ ...known, tenant })
      }
      return found.reverse()
    },
    async alertsOf(tenant, anomalyIds) {
      if (anomalyIds.length === 0) return new Map()
      const rows = await metadata.db
        .selectFrom('alert_anomalies')
        .select(['anomaly_id', 'alert_id'])
        .where('tenant', '=', tenant)
        .where('anomaly_id', 'in', anomalyIds)
        .execute()
      const known = new Map<string, string>()
      for (const row of rows) if (row.alert_id !== null) known.set(row.anomaly_id, row.alert_id)
      return known
    },
    async acknowledge(by, id) {
      const known = await change(by, id, {
        from: ['open'],
        action: 'alert.acknowledge',
        set: (nowMs) => ({
          status: 'acknowledged',
          acknowledged_at: new Date(nowMs),
          acknowledged_by: actorOf(by),
        }),
      })
      if (known.item.status !== 'resolved') return known
      throw new ProblemError(409, 'alert_resolved', 'The alert is resolved already, so there is nothing to acknowledge')
    },
    resolve: (by, id) =>
      change(by, id, {
        from: ['open', 'acknowledged'],
        action: 'alert.resolve',
        set: (nowMs) => ({
          status: 'resolved',
          resolved_at: new Date(nowMs),
          resolved_by: actorOf(by),
          open_key: null,
        }),
      }),
  }
}

function toItem(row: Row, anomalyIds: readonly string[], nameOf: (actor: string | null) => string | null): AlertItem {
  return {
    id: row.id,
    anomalyId: row.anomaly_id,
    anomalyIds: [row.anomaly_id, ...anomalyIds.filter((id) => id !== row.anomaly_id)],
    processId: row.process,
    rule: row.rule,
    type: row.type,
    severity: row.severity,
    message: row.message,
    recipients: [...row.recipients],
    timestamp: row.opened_at.toISOString(),
    status: row.status,
    acknowledgedAt: row.acknowledged_at?.toISOString() ?? null,
    acknowledgedBy: nameOf(row.acknowledged_by),
    resolvedAt: row.resolved_at?.toISOString() ?? null,
    resolvedBy: nameOf(row.resolved_by),
  }
}
