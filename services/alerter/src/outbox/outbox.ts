import type { Clock } from '@driftline/platform/clock'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Database, Json } from '@driftline/platform/metadata/tables'
import { type ExpressionBuilder, type Selectable, sql } from 'kysely'
import type { AlertEvent } from '../channels/channel.ts'

/** A delivery that this instance sends now. */
export interface Leased {
  readonly tenant: string
  readonly id: string
  readonly channel: string
  readonly target: string
  readonly payload: Json
  /** This one counted. */
  readonly attempts: number
  readonly createdAtMs: number
  /** Held back for a while, so its age says nothing of how quick we are. */
  readonly wasHeld: boolean
}

export interface LeasedAlert extends Leased {
  readonly alertId: string
  readonly event: AlertEvent
}

export interface LeasedReport extends Leased {
  /** What is sent. */
  readonly fileId: string
}

export interface OutboxDepth {
  readonly channel: string
  readonly count: number
  readonly oldestMs: number
}

/**
 * The deliveries that are not yet done. Every change is one conditional update, so that several instances share them;
 * their clocks must agree to within the lease.
 */
export interface Outbox<Delivery extends Leased> {
  /**
   * Takes deliveries of a channel that are due, oldest first; of one alert and target only the first. The attempt is
   * counted now: one that kills us must not be tried for ever.
   */
  lease(channel: string, limit: number): Promise<Delivery[]>
  /** Says that they are still being sent. */
  renew(ids: readonly string[]): Promise<void>
  delivered(delivery: Delivery): Promise<void>
  failed(delivery: Delivery, reason: string): Promise<void>
  retry(delivery: Delivery, reason: string, pauseMs: number): Promise<void>
  /** Makes those due that wait after a failure: the receiver answers again. */
  hasten(channel: string): Promise<void>
  depth(): Promise<OutboxDepth[]>
}

interface OutboxConfig {
  readonly owner: string
  readonly leaseMs: number
}

interface OutboxDeps {
  readonly metadata: Metadata
  readonly clock: Clock
}

/** What is told of alerts: of one alert and target a message waits for the one before. */
export function createOutbox(config: OutboxConfig, deps: OutboxDeps): Outbox<LeasedAlert> {
  return outboxOver('alert_deliveries', config, deps, dueIds, ({ alert_id, event }) => ({
    alertId: alert_id,
    event: event as AlertEvent,
  }))
}

/** Reports that go out by mail; none waits for another. */
export function createReportOutbox(config: OutboxConfig, deps: OutboxDeps): Outbox<LeasedReport> {
  return outboxOver('report_deliveries', config, deps, dueReportIds, (row) => ({
    fileId: (row as unknown as { readonly file: string }).file,
  }))
}

type Row = Selectable<Database['alert_deliveries']>

/** The tables have the columns that are used here in common; Kysely cannot type a table that is chosen. */
function outboxOver<More extends object>(
  name: 'alert_deliveries' | 'report_deliveries',
  { owner, leaseMs }: OutboxConfig,
  { metadata, clock }: OutboxDeps,
  due: typeof dueIds,
  more: (row: Row) => More,
): Outbox<Leased & More> {
  const table = name as 'alert_deliveries'
  const leasedUntil = (): Date => new Date(clock.nowMs() + leaseMs)

  /** Ends our lease. Without effect when it ran out and somebody else has done the work. */
  const settle = (
    { tenant, id }: Leased,
    changes: {
      readonly state?: 'delivered' | 'failed'
      readonly delivered_at?: Date
      readonly next_attempt_at?: Date
      readonly last_error: string | null
    },
  ): Promise<unknown> =>
    metadata.transaction((transaction) =>
      transaction
        .updateTable(table)
        .set({ ...changes, lease_owner: null, leased_until: new Date(0) })
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .where('state', '=', 'pending')
        .where('lease_owner', '=', owner)
        .execute(),
    )

  return {
    async lease(channel, limit) {
      const now = new Date(clock.nowMs())
      const rows = await metadata.transaction((transaction) =>
        transaction
          .updateTable(table)
          .set((eb) => ({
            attempts: eb('attempts', '+', 1),
            leased_until: leasedUntil(),
            lease_owner: owner,
          }))
          .where('state', '=', 'pending')
          .where('leased_until', '<=', now)
          .where('id', 'in', (eb) => due(eb, channel, now, limit))
          .returningAll()
          .execute(),
      )
      return rows.map((row) => ({
        tenant: row.tenant,
        ...more(row),
        id: row.id,
        channel: row.channel,
        target: row.target,
        payload: row.payload,
        attempts: row.attempts,
        createdAtMs: row.created_at.getTime(),
        wasHeld: row.next_attempt_at > row.created_at,
      }))
    },
    async renew(ids) {
      if (ids.length === 0) return
      await metadata.db
        .updateTable(table)
        .set({ leased_until: leasedUntil() })
        .where('id', 'in', ids)
        .where('state', '=', 'pending')
        .where('lease_owner', '=', owner)
        .execute()
    },
    async delivered(delivery) {
      await settle(delivery, { state: 'delivered', delivered_at: new Date(clock.nowMs()), last_error: null })
    },
    async failed(delivery, reason) {
      await settle(delivery, { state: 'failed', last_error: reason })
    },
    async retry(delivery, reason, pauseMs) {
      await settle(delivery, { next_attempt_at: new Date(clock.nowMs() + pauseMs), last_error: reason })
    },
    async hasten(channel) {
      const now = new Date(clock.nowMs())
      await metadata.db
        .updateTable(table)
        .set({ next_attempt_at: now })
        .where('channel', '=', channel)
        .where('state', '=', 'pending')
        .where('attempts', '>', 0)
        .where('next_attempt_at', '>', now)
        .execute()
    },
    async depth() {
      const rows = await metadata.db
        .selectFrom(table)
        .select(['channel', sql<number>`count(*)`.as('count'), sql<number>`min(created_at)`.as('oldest')])
        .where('state', '=', 'pending')
        .groupBy('channel')
        .execute()
      return rows.map(({ channel, count, oldest }) => ({ channel, count: Number(count), oldestMs: Number(oldest) }))
    },
  }
}

/**
 * Ids are unique over all tenants. A later message of an alert waits until the earlier one is done: nobody hears of an
 * end before the beginning.
 */
function dueIds(eb: ExpressionBuilder<Database, 'alert_deliveries'>, channel: string, now: Date, limit: number) {
  return eb
    .selectFrom('alert_deliveries as due')
    .select('due.id')
    .where('due.channel', '=', channel)
    .where('due.state', '=', 'pending')
    .where('due.next_attempt_at', '<=', now)
    .where('due.leased_until', '<=', now)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('alert_deliveries as earlier')
            .select('earlier.id')
            .whereRef('earlier.tenant', '=', 'due.tenant')
            .whereRef('earlier.alert_id', '=', 'due.alert_id')
            .whereRef('earlier.channel', '=', 'due.channel')
            .whereRef('earlier.target', '=', 'due.target')
            .where('earlier.state', '=', 'pending')
            .where((e) =>
              e.or([
                e('earlier.alert_version', '<', e.ref('due.alert_version')),
                e.and([
                  e('earlier.alert_version', '=', e.ref('due.alert_version')),
                  e('earlier.event', '<', e.ref('due.event')),
                ]),
              ]),
            ),
        ),
      ),
    )
    .orderBy('due.next_attempt_at')
    .limit(limit)
}

function dueReportIds(eb: ExpressionBuilder<Database, 'alert_deliveries'>, channel: string, now: Date, limit: number) {
  return (eb as unknown as ExpressionBuilder<Database, 'report_deliveries'>)
    .selectFrom('report_deliveries as due')
    .select('due.id')
    .where('due.channel', '=', channel)
    .where('due.state', '=', 'pending')
    .where('due.next_attempt_at', '<=', now)
    .where('due.leased_until', '<=', now)
    .orderBy('due.next_attempt_at')
    .limit(limit) as unknown as ReturnType<typeof dueIds>
}
