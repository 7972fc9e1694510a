import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Database } from '@driftline/platform/metadata/tables'
import { sql, type Transaction } from 'kysely'
import type { AlerterMetrics } from './alerter-metrics.ts'
import type { LeasedAlert, Outbox } from './outbox/outbox.ts'

export interface HousekeepingConfig {
  /** Names of channels that can be sent to. */
  readonly channels: readonly string[]
  /** Life of resolved alerts. */
  readonly retentionMs: number
}

export interface HousekeepingDeps {
  readonly metadata: Metadata
  readonly outbox: Outbox<LeasedAlert>
  readonly metrics: AlerterMetrics
  readonly logger: Logger
  readonly clock: Clock
}

const COUNT_EVERY_MS = 5000
const SWEEP_EVERY_MS = 60_000
const SWEPT_AT_ONCE = 500
/** Ends of anomalies without an alert are remembered for so long, in case an earlier record comes late. */
const REMEMBERED_MS = 24 * 3_600_000
/** Of what is not resolved, which may flap for months, no more is kept: messages per target, and anomalies that ended a day ago. */
const MESSAGES_KEPT = 200
const ENDED_KEPT = 1000
/** While instances are updated one after the other, another one may still know a channel that we do not. */
const ORPHANED_AFTER_MS = 600_000

/** Counts what waits, and forgets what is old. */
export function createHousekeeping(config: HousekeepingConfig, deps: HousekeepingDeps): Component {
  let timers: NodeJS.Timeout[] = []
  let work: Promise<void> = Promise.resolve()
  const enqueue = (task: () => Promise<void>): void => {
    work = work.then(task).catch((error: unknown) => deps.logger.warn({ error }, 'housekeeping is put off'))
  }
  return {
    name: 'alert-housekeeping',
    async start() {
      timers = [
        setInterval(() => enqueue(() => count(config, deps)), COUNT_EVERY_MS),
        setInterval(() => enqueue(() => sweep(config, deps)), SWEEP_EVERY_MS),
      ]
      enqueue(() => count(config, deps))
    },
    async stop() {
      for (const timer of timers) clearInterval(timer)
      await work
    },
  }
}

async function count({ channels }: HousekeepingConfig, deps: HousekeepingDeps): Promise<void> {
  const { metadata, outbox, metrics, clock } = deps
  const depth = await outbox.depth()
  for (const channel of channels) {
    const waiting = depth.find((each) => each.channel === channel)
    metrics.outboxDepth.set({ channel }, waiting?.count ?? 0)
    metrics.outboxAge.set({ channel }, waiting === undefined ? 0 : (clock.nowMs() - waiting.oldestMs) / 1000)
  }
  const rows = await metadata.db
    .selectFrom('alert_episodes')
    .select(['status', sql<number>`count(*)`.as('count')])
    .where('open_key', 'is not', null)
    .groupBy('status')
    .execute()
  for (const status of ['open', 'acknowledged'] as const) {
    metrics.episodes.set({ status }, Number(rows.find((row) => row.status === status)?.count ?? 0))
  }
}

async function sweep(config: HousekeepingConfig, deps: HousekeepingDeps): Promise<void> {
  const { metadata, clock } = deps
  const nowMs = clock.nowMs()
  await metadata.transaction(async (transaction) => {
    // The ids are unique over all tenants. Anomalies and deliveries go with their alert.
    await transaction
      .deleteFrom('alert_episodes')
      .where('id', 'in', (eb) =>
        eb
          .selectFrom('alert_episodes')
          .select('id')
          .where('status', '=', 'resolved')
          .where('resolved_at', '<', new Date(nowMs - config.retentionMs))
          .limit(SWEPT_AT_ONCE),
      )
      .execute()
    await sweepFlapping(transaction, nowMs)
    await transaction
      .deleteFrom('alert_anomalies')
      .where('alert_id', 'is', null)
      .where('updated_at', '<', new Date(nowMs - REMEMBERED_MS))
      .execute()
    await transaction
      .updateTable('alert_deliveries')
      .set({ state: 'failed', last_error: 'the channel is not in the configuration any more' })
      .where('state', '=', 'pending')
      .where('created_at', '<', new Date(nowMs - ORPHANED_AFTER_MS))
      .$if(config.channels.length > 0, (query) => query.where('channel', 'not in', config.channels))
      .execute()
  })
}

/**
 * The oldest messages and ended anomalies of alerts that have too many: the newest say who was told of what. What waits
 * to be sent stays, and so does an end for as long as an earlier record of it may come late.
 */
export async function sweepFlapping(transaction: Transaction<Database>, nowMs: number): Promise<void> {
  await sql`delete from alert_deliveries where (tenant, id) in (
    select tenant, id from (
      select tenant, id, state, row_number() over (
        partition by tenant, alert_id, channel, target
        order by (case when state = 'withdrawn' then 1 else 0 end), alert_version desc, event desc) as place
      from alert_deliveries
      where (tenant, alert_id) in (
        select tenant, alert_id from alert_deliveries group by tenant, alert_id having count(*) > ${MESSAGES_KEPT})
    ) as placed
    where place > ${MESSAGES_KEPT} and state <> 'pending' limit ${SWEPT_AT_ONCE})`.execute(transaction)
  await sql`delete from alert_anomalies where (tenant, anomaly_id) in (
    select tenant, anomaly_id from (
      select tenant, anomaly_id, updated_at, row_number() over (
        partition by tenant, alert_id order by updated_at desc, anomaly_id) as place
      from alert_anomalies
      where active = 0 and (tenant, alert_id) in (
        select tenant, alert_id from alert_anomalies
        where alert_id is not null group by tenant, alert_id having count(*) > ${ENDED_KEPT})
    ) as placed
    where place > ${ENDED_KEPT} and updated_at < ${nowMs - REMEMBERED_MS} limit ${SWEPT_AT_ONCE})`.execute(transaction)
}
