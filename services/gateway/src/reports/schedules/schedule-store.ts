import { createHash } from 'node:crypto'
import { scheduleTimes } from '@driftline/checks/schedules'
import { actorOf, recordAudit } from '@driftline/platform/access/audit-log'
import type { Principal } from '@driftline/platform/access/permissions'
import { createOrderedId } from '@driftline/platform/access/secrets'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { ReportSchedulesTable } from '@driftline/platform/metadata/flow-tables'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Database, Json } from '@driftline/platform/metadata/tables'
import type { Selectable, Transaction } from 'kysely'
import { type ReportScheduleInput, type StoredSchedule, storedSchedule } from './schedule-schemas.ts'

export interface ScheduleRow extends StoredSchedule {
  readonly tenant: string
  readonly id: string
  readonly name: string
  readonly active: boolean
  readonly version: number
  readonly dueMs: number
  readonly attempts: number
  readonly lastError: string | null
  readonly updatedAtMs: number
  readonly updatedBy: string
}

/** A mail as it is sent; the content of attachments is base64. */
export interface ReportMail {
  readonly subject: string
  readonly message: string
  readonly attachments: readonly { readonly name: string; readonly contentType: string; readonly content: string }[]
}

/** The rows of schedules, and the outbox that the alerter sends from. */
export interface ScheduleStore {
  list(tenant: string): Promise<ScheduleRow[]>
  /** Errors: `not_found`. */
  get(tenant: string, id: string): Promise<ScheduleRow>
  /** Errors: `rate_limited` past 200 of a tenant. */
  create(by: Principal, input: ReportScheduleInput): Promise<ScheduleRow>
  /** Errors: `not_found`. */
  update(by: Principal, id: string, input: ReportScheduleInput): Promise<ScheduleRow>
  remove(by: Principal, id: string): Promise<void>
  /** Takes one that is due for so long; null when none is. Conditional, so that each is made by one instance. */
  claim(owner: string, leaseMs: number): Promise<ScheduleRow | null>
  /**
   * Hands a mail over, once for all that call it with the same `occasion`, and sets the next due time of a schedule
   * that is claimed. Answers the id of what is sent.
   */
  send(schedule: ScheduleRow, occasion: string, mail: ReportMail, owner: string | null): Promise<string>
  /** Notes why it could not be made; it is tried again at `againMs`, or when it is due next. */
  fail(schedule: ScheduleRow, owner: string, reason: string, againMs: number | null): Promise<void>
  /** Forgets what was sent long ago, and the files that nobody waits for. */
  prune(): Promise<void>
}

const SCHEDULES_MAX = 200
const CHANNEL = 'reports:email'
const KEPT_MS = 30 * 86_400_000
const FILES_KEPT_MS = 2 * 86_400_000

export function createScheduleStore(deps: { readonly metadata: Metadata; readonly clock: Clock }): ScheduleStore {
  const { metadata, clock } = deps
  const nextDue = (schedule: StoredSchedule, afterMs: number): Date =>
    new Date(scheduleTimes('', schedule).next(afterMs) ?? Date.UTC(2200, 0))

  async function find(tenant: string, id: string): Promise<ScheduleRow> {
    const rows = metadata.db.selectFrom('report_schedules').selectAll()
    const row = await rows.where('tenant', '=', tenant).where('id', '=', id).executeTakeFirst()
    if (row === undefined) throw unknown(id)
    return toSchedule(row)
  }

  function audit(transaction: Transaction<Database>, by: Principal, action: string, id: string, detail: Json) {
    const record = { tenant: by.tenant, actor: actorOf(by), action, subject: `report-schedule:${id}`, detail }
    return recordAudit(transaction, record, clock.nowMs())
  }

  return {
    async list(tenant) {
      const rows = metadata.db.selectFrom('report_schedules').selectAll().where('tenant', '=', tenant)
      return (await rows.orderBy('name').orderBy('id').limit(SCHEDULES_MAX).execute()).map(toSchedule)
    },
    get: find,
    async create(by, { name, active, ...value }) {
      const id = createOrderedId(clock.nowMs())
      const now = new Date(clock.nowMs())
      await metadata.transaction(async (transaction) => {
        const counted = transaction.selectFrom('report_schedules').select('id').where('tenant', '=', by.tenant)
        if ((await counted.limit(SCHEDULES_MAX).execute()).length === SCHEDULES_MAX) {
          throw new AppError('value_invalid', `There are ${SCHEDULES_MAX} schedules already; remove one first`)
        }
        await transaction
          .insertInto('report_schedules')
          .values({
            tenant: by.tenant,
            id,
            name,
            active,
            value,
            version: 1,
            due_at: nextDue(value, clock.nowMs()),
            attempts: 0,
            lease_owner: null,
            leased_until: new Date(0),
            last_error: null,
            created_at: now,
            updated_at: now,
            updated_by: actorOf(by),
          })
          .execute()
        await audit(transaction, by, 'report-schedule.create', id, { name, ...value })
      })
      return find(by.tenant, id)
    },
    async update(by, id, { name, active, ...value }) {
      await metadata.transaction(async (transaction) => {
        const changed = await transaction
          .updateTable('report_schedules')
          .set((eb) => ({
            name,
            active,
            value,
            version: eb('version', '+', 1),
            due_at: nextDue(value, clock.nowMs()),
            attempts: 0,
            last_error: null,
            updated_at: new Date(clock.nowMs()),
            updated_by: actorOf(by),
          }))
          .where('tenant', '=', by.tenant)
          .where('id', '=', id)
          .returning('id')
          .execute()
        if (changed.length === 0) throw unknown(id)
        await audit(transaction, by, 'report-schedule.update', id, { name, ...value })
      })
      return find(by.tenant, id)
    },
    async remove(by, id) {
      await metadata.transaction(async (transaction) => {
        const one = transaction.deleteFrom('report_schedules').where('tenant', '=', by.tenant).where('id', '=', id)
        if ((await one.returning('id').execute()).length === 0) throw unknown(id)
        await transaction
          .deleteFrom('report_files')
          .where('tenant', '=', by.tenant)
          .where('schedule', '=', id)
          .execute()
        await audit(transaction, by, 'report-schedule.remove', id, {})
      })
    },
    async claim(owner, leaseMs) {
      const now = new Date(clock.nowMs())
      const rows = await metadata.transaction((transaction) =>
        transaction
          .updateTable('report_schedules')
          .set((eb) => ({
            lease_owner: owner,
            leased_until: new Date(clock.nowMs() + leaseMs),
            attempts: eb('attempts', '+', 1),
          }))
          .where('leased_until', '<=', now)
          .where('id', 'in', (eb) =>
            eb
              .selectFrom('report_schedules as due')
              .select('due.id')
              .where('due.active', '=', true)
              .where('due.due_at', '<=', now)
              .where('due.leased_until', '<=', now)
              .orderBy('due.due_at')
              .limit(1),
          )
          .returningAll()
          .execute(),
      )
      return rows[0] === undefined ? null : toSchedule(rows[0])
    },
    async send(schedule, occasion, mail, owner) {
      const { tenant, id } = schedule
      const fileId = `rep_${hashOf([tenant, id, occasion])}`
      const now = new Date(clock.nowMs())
      await metadata.transaction(async (transaction) => {
        await transaction
          .insertInto('report_files')
          .values({
            tenant,
            id: fileId,
            schedule: id,
            ...mail,
            attachments: mail.attachments as unknown as Json,
            created_at: now,
          })
          .onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing())
          .execute()
        const deliveries = schedule.recipients.map((target) => ({
          tenant,
          id: `msg_${hashOf([fileId, target])}`,
          file: fileId,
          channel: CHANNEL,
          target,
          payload: { timestamp: now.toISOString() },
          state: 'pending' as const,
          attempts: 0,
          created_at: now,
          next_attempt_at: now,
          delivered_at: null,
          leased_until: new Date(0),
          lease_owner: null,
          last_error: null,
        }))
        const into = transaction.insertInto('report_deliveries').values(deliveries)
        await into.onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing()).execute()
        if (owner !== null) await settle(transaction, schedule, owner, null, nextDue(schedule, clock.nowMs()))
      })
      return fileId
    },
    async fail(schedule, owner, reason, againMs) {
      await metadata.transaction((transaction) =>
        againMs === null
          ? settle(transaction, schedule, owner, reason, nextDue(schedule, clock.nowMs()))
          : postpone(transaction, schedule, owner, reason, new Date(againMs)),
      )
    },
    async prune() {
      const nowMs = clock.nowMs()
      await metadata.transaction(async (transaction) => {
        await transaction
          .deleteFrom('report_files')
          .where('created_at', '<', new Date(nowMs - KEPT_MS))
          .execute()
        await transaction
          .updateTable('report_files')
          .set({ attachments: [] })
          .where('created_at', '<', new Date(nowMs - FILES_KEPT_MS))
          .where('attachments', '!=', '[]')
          .execute()
      })
    },
  }
}

/** Ends our claim. Without effect when it ran out and somebody else has done the work. */
async function settle(
  transaction: Transaction<Database>,
  { tenant, id }: ScheduleRow,
  owner: string,
  reason: string | null,
  dueAt: Date,
): Promise<void> {
  await transaction
    .updateTable('report_schedules')
    .set({ due_at: dueAt, attempts: 0, lease_owner: null, leased_until: new Date(0), last_error: reason })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('lease_owner', '=', owner)
    .execute()
}

/** The lease keeps everybody off it until then. */
async function postpone(
  transaction: Transaction<Database>,
  { tenant, id }: ScheduleRow,
  owner: string,
  reason: string,
  until: Date,
): Promise<void> {
  await transaction
    .updateTable('report_schedules')
    .set({ leased_until: until, lease_owner: null, last_error: reason })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('lease_owner', '=', owner)
    .execute()
}

const unknown = (id: string): AppError => new AppError('not_found', `No report schedule ${JSON.stringify(id)} is known`)

function toSchedule(row: Selectable<ReportSchedulesTable>): ScheduleRow {
  const { tenant, id, name, active, version, attempts } = row
  return {
    ...storedSchedule.parse(row.value),
    tenant,
    id,
    name,
    active,
    version,
    attempts,
    dueMs: row.due_at.getTime(),
    lastError: row.last_error,
    updatedAtMs: row.updated_at.getTime(),
    updatedBy: row.updated_by,
  }
}

function hashOf(parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`)
  return hash.digest('hex').slice(0, 32)
}
