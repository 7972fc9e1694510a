import type { Clock } from '@driftline/platform/clock'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Database, Json } from '@driftline/platform/metadata/tables'
import { type ExpressionBuilder, sql } from 'kysely'
import type { AlertEvent } from '../channels/channel.ts'

/** A delivery that this instance sends now. */
export interface Leased {
  readonly tenant: string
  readonly id: string
  readonly alertId: string
  readonly channel: string
  readonly target: string
  readonly event: AlertEvent
  readonly payload: Json
  /** This one counted. */
  readonly attempts: number
  readonly createdAtMs: number
  /** Held back for a while, so its age says nothing of how quick we are. */
  readonly wasHeld: boolean
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
export interface Outbox {
  /**
   * Takes deliveries of a channel that are due, oldest first; of one alert and target only the first. The attempt is
   * counted now: one that kills us must not be tried for ever.
   */
  lease(channel: string, limit: number): Promise<Leased[]>
  /** Says that they are still being sent. */
  renew(ids: readonly string[]): Promise<void>
  delivered(delivery: Leased): Promise<void>
  failed(delivery: Leased, reason: string): Promise<void>
  retry(delivery: Leased, reason: string, pauseMs: number): Promise<void>
  /** Makes those due that wait after a failure: the receiver answers again. */
  hasten(channel: string): Promise<void>
  depth(): Promise<OutboxDepth[]>
}

export function createOutbox(
  { owner, leaseMs }: { readonly owner: string; readonly leaseMs: number },
  { metadata, clock }: { readonly metadata: Metadata; readonly clock: Clock },
): Outbox {
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
        .updateTable('alert_deliveries')
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
          .updateTable('alert_deliveries')
          .set((eb) => ({
            attempts: eb('attempts', '+', 1),
            leased_until: leasedUntil(),
            lease_owner: owner,
          }))
          .where('state', '=', 'pending')
          .where('leased_until', '<=', now)
          .where('id', 'in', (eb) => dueIds(eb, channel, now, limit))
          .returningAll()
          .execute(),
      )
      return rows.map((row) => ({
        tenant: row.tenant,
        id: row.id,
        alertId: row.alert_id,
        channel: row.channel,
        target: row.target,
        event: row.event as AlertEvent,
        payload: row.payload,
        attempts: row.attempts,
        createdAtMs: row.created_at.getTime(),
        wasHeld: row.next_attempt_at > row.created_at,
      }))
    },
    async renew(ids) {
      if (ids.length === 0) return
      await metadata.db
        .updateTable('alert_deliveries')
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
        .updateTable('alert_deliveries')
        .set({ next_attempt_at: now })
        .where('channel', '=', channel)
        .where('state', '=', 'pending')
        .where('attempts', '>', 0)
        .where('next_attempt_at', '>', now)
        .execute()
    },
    async depth() {
      const rows = await metadata.db
        .selectFrom('alert_deliveries')
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
