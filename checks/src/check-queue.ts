import { createHash } from 'node:crypto'
import { createOrderedId, orderedIdFloor } from '@driftline/platform/access/secrets'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { ChecksTable } from '@driftline/platform/metadata/flow-tables'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Database, Json } from '@driftline/platform/metadata/tables'
import { type Kysely, type Selectable, sql } from 'kysely'

export interface CheckRequest {
  /** Process id. */
  readonly flow: string
  readonly trigger: ChecksTable['run_trigger']
  /** `user:<id>`, `key:<id>` or `schedule`, and the name that people know it by. */
  readonly initiatedBy: string
  readonly initiatedByName: string
  /** Key of the event that begins it. */
  readonly correlation?: string
  /** Of a schedule, see `scheduledCheckId`: however often it is asked for, it is made once. */
  readonly id?: string
}

/** A run that is asked for, under way, or ended within the last hour. */
export interface QueuedCheck {
  readonly tenant: string
  readonly id: string
  readonly flow: string
  readonly flowVersion: number
  readonly state: 'pending' | 'running' | 'ended'
  readonly trigger: ChecksTable['run_trigger']
  readonly initiatedBy: string
  readonly initiatedByName: string
  readonly correlation: string
  readonly requestedAt: Date
  readonly cancelledBy: string | null
  /** The last RunEvent, whole, as protobuf's JSON; null before it began. */
  readonly progress: Json
  readonly updatedAt: Date
}

/** What an instance tells of a run that it has; without `progress` there is nothing new. */
export interface CheckProgress {
  readonly tenant: string
  readonly id: string
  readonly progress?: Json
}

/** A run that another instance has. */
export interface HeldCheck {
  readonly tenant: string
  readonly id: string
  /** By the clock of that instance, so it is compared for being the same and with nothing else. */
  readonly leasedUntilMs: number
}

export interface ProgressAnswer {
  /** Ids of runs that somebody cancelled. */
  readonly cancelled: readonly string[]
  /** Ids of runs that this instance no longer has: another one took them over, or ended them. */
  readonly lost: readonly string[]
}

/** What is asked of checkers. Everything that several may do at once is one conditional statement. */
export interface CheckQueue {
  /**
   * Asks for a run; a checker begins it within 150 ms. Null when `id` is given and known already. Errors: `not_found`
   * for a flow, `rate_limited` when the tenant has 1,000 that wait.
   */
  request(
    tenant: string,
    request: CheckRequest,
  ): Promise<{ readonly checkId: string; readonly requestedAt: Date } | null>
  /** Null for one that is not known, or no longer. */
  get(tenant: string, checkId: string): Promise<QueuedCheck | null>
  /** Those that wait or run, newest first; of one flow, or of all. */
  open(tenant: string, flow?: string): Promise<QueuedCheck[]>
  /** Errors: `not_found`. */
  cancel(tenant: string, checkId: string, by: string): Promise<'cancelling' | 'ended'>
  /** Takes what waits: of each tenant in turn, oldest first. What was cancelled comes along, to be ended. */
  claim(owner: string, limit: number, leaseMs: number): Promise<QueuedCheck[]>
  /** Runs that others have, and until when they say so: a value that no longer changes tells of one that is gone. */
  heldByOthers(owner: string): Promise<HeldCheck[]>
  /** Takes over a run whose lease is still the one that was seen, to end it. Null when somebody was faster. */
  takeOver(held: HeldCheck, owner: string, leaseMs: number): Promise<QueuedCheck | null>
  /** Keeps progress of runs that `owner` has, renews their leases, and says which to cancel and which are lost. */
  saveProgress(rows: readonly CheckProgress[], owner: string, leaseMs: number): Promise<ProgressAnswer>
  /** Keeps the progress of one run at once. False when `owner` no longer has it. */
  keep(tenant: string, id: string, progress: Json, owner: string): Promise<boolean>
  /** False when `owner` no longer has it. */
  end(tenant: string, id: string, progress: Json, owner: string): Promise<boolean>
  /** Forgets what ended more than an hour ago; answers how many. */
  prune(): Promise<number>
}

const PENDING_MAX = 1000
const OPEN_MAX = 2000
const ENDED_KEPT_MS = 3_600_000
const ROWS_PER_STATEMENT = 100

type Row = Selectable<ChecksTable>

/** The id of a run that is due by a schedule: the same on every instance, and like all ids it sorts by time. */
export function scheduledCheckId(tenant: string, flow: string, dueMs: number): string {
  const hash = createHash('sha256')
    .update(`${Buffer.byteLength(tenant)}:${tenant}:${flow}:${dueMs}`)
    .digest('hex')
  return orderedIdFloor(dueMs) + hash.slice(0, 20)
}

export function createCheckQueue({
  metadata,
  clock,
}: {
  readonly metadata: Metadata
  readonly clock: Clock
}): CheckQueue {
  const { db } = metadata
  const now = (plusMs = 0): Date => new Date(clock.nowMs() + plusMs)
  return {
    request: (tenant, request) => metadata.transaction((transaction) => addCheck(transaction, tenant, request, now())),

    async get(tenant, id) {
      const row = await ofCheck(db, tenant, id).executeTakeFirst()
      return row === undefined ? null : toCheck(row)
    },

    async open(tenant, flow) {
      const open = db
        .selectFrom('checks')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('state', 'in', ['pending', 'running'])
        .orderBy('requested_at', 'desc')
        .orderBy('id', 'desc')
        .limit(OPEN_MAX)
      const rows = await (flow === undefined ? open : open.where('flow', '=', flow)).execute()
      return rows.map(toCheck)
    },

    async cancel(tenant, id, by) {
      const result = await db
        .updateTable('checks')
        .set(({ fn, val }) => ({ cancelled_by: fn.coalesce('cancelled_by', val(by)), updated_at: now() }))
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .where('state', '!=', 'ended')
        .executeTakeFirst()
      if (Number(result.numUpdatedRows) === 1) return 'cancelling'
      const row = await ofCheck(db, tenant, id).executeTakeFirst()
      if (row === undefined) throw new AppError('not_found', `No check ${JSON.stringify(id)} is under way`)
      return 'ended'
    },

    async claim(owner, limit, leaseMs) {
      const waiting = await fairest(db, limit)
      if (waiting.length === 0) return []
      const rows = await db
        .updateTable('checks')
        .set({ state: 'running', lease_owner: owner, leased_until: now(leaseMs), updated_at: now() })
        .where('state', '=', 'pending')
        .where(({ eb, refTuple, tuple }) =>
          eb(
            refTuple('tenant', 'id'),
            'in',
            waiting.map(({ tenant, id }) => tuple(tenant, id)),
          ),
        )
        .returningAll()
        .execute()
      return rows.map(toCheck).sort(byRequest)
    },

    async heldByOthers(owner) {
      const rows = await db
        .selectFrom('checks')
        .select(['tenant', 'id', 'leased_until'])
        .where('state', '=', 'running')
        .where('lease_owner', '!=', owner)
        .execute()
      return rows.map(({ tenant, id, leased_until }) => ({ tenant, id, leasedUntilMs: leased_until.getTime() }))
    },

    async takeOver({ tenant, id, leasedUntilMs }, owner, leaseMs) {
      const row = await db
        .updateTable('checks')
        .set({ lease_owner: owner, leased_until: now(leaseMs), updated_at: now() })
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .where('state', '=', 'running')
        .where('leased_until', '=', new Date(leasedUntilMs))
        .where('lease_owner', '!=', owner)
        .returningAll()
        .executeTakeFirst()
      return row === undefined ? null : toCheck(row)
    },

    async saveProgress(rows, owner, leaseMs) {
      if (rows.length === 0) return { cancelled: [], lost: [] }
      const changed = rows.filter(({ progress }) => progress !== undefined)
      const held = await metadata.transaction(async (transaction) => {
        for (let from = 0; from < changed.length; from += ROWS_PER_STATEMENT) {
          await writeProgress(transaction, changed.slice(from, from + ROWS_PER_STATEMENT), owner)
        }
        return transaction
          .updateTable('checks')
          .set({ leased_until: now(leaseMs), updated_at: now() })
          .where('state', '=', 'running')
          .where('lease_owner', '=', owner)
          .returning(['id', 'cancelled_by'])
          .execute()
      })
      const ours = new Map(held.map(({ id, cancelled_by }) => [id, cancelled_by]))
      const ids = rows.map(({ id }) => id)
      return {
        cancelled: ids.filter((id) => typeof ours.get(id) === 'string'),
        lost: ids.filter((id) => !ours.has(id)),
      }
    },

    async keep(tenant, id, progress, owner) {
      const result = await ofOwner(db, tenant, id, owner).set({ progress, updated_at: now() }).executeTakeFirst()
      return Number(result.numUpdatedRows) === 1
    },

    async end(tenant, id, progress, owner) {
      const result = await ofOwner(db, tenant, id, owner)
        .set({ state: 'ended', progress, lease_owner: null, leased_until: new Date(0), updated_at: now() })
        .executeTakeFirst()
      return Number(result.numUpdatedRows) === 1
    },

    async prune() {
      const result = await db
        .deleteFrom('checks')
        .where('state', '=', 'ended')
        .where('updated_at', '<', now(-ENDED_KEPT_MS))
        .executeTakeFirst()
      return Number(result.numDeletedRows)
    },
  }
}

const ofCheck = (db: Kysely<Database>, tenant: string, id: string) =>
  db.selectFrom('checks').selectAll().where('tenant', '=', tenant).where('id', '=', id)

const ofOwner = (db: Kysely<Database>, tenant: string, id: string, owner: string) =>
  db
    .updateTable('checks')
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('state', '=', 'running')
    .where('lease_owner', '=', owner)

async function addCheck(db: Kysely<Database>, tenant: string, request: CheckRequest, at: Date) {
  const { flow, trigger, initiatedBy, initiatedByName, correlation = '' } = request
  const stored = await db
    .selectFrom('flows')
    .select('version')
    .where('tenant', '=', tenant)
    .where('id', '=', flow)
    .executeTakeFirst()
  if (stored === undefined) throw new AppError('not_found', `No flow ${JSON.stringify(flow)} is known`)
  const { many } = await db
    .selectFrom('checks')
    .select(({ fn }) => fn.countAll<number>().as('many'))
    .where('tenant', '=', tenant)
    .where('state', '=', 'pending')
    .executeTakeFirstOrThrow()
  if (Number(many) >= PENDING_MAX) {
    throw new AppError('rate_limited', `${PENDING_MAX} checks wait already`, { retryable: true })
  }
  const id = request.id ?? createOrderedId(at.getTime())
  const added = await db
    .insertInto('checks')
    .values({
      tenant,
      id,
      flow,
      flow_version: stored.version,
      state: 'pending',
      run_trigger: trigger,
      initiated_by: initiatedBy,
      initiated_by_name: initiatedByName,
      correlation,
      requested_at: at,
      lease_owner: null,
      leased_until: new Date(0),
      cancelled_by: null,
      progress: null,
      updated_at: at,
    })
    .onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing())
    .returning('id')
    .execute()
  return added.length === 0 ? null : { checkId: id, requestedAt: at }
}

/** The oldest of each tenant come before the second oldest of any: one that asks for much holds nobody up. */
async function fairest(db: Kysely<Database>, limit: number): Promise<{ tenant: string; id: string }[]> {
  return db
    .selectFrom((inner) =>
      inner
        .selectFrom('checks')
        .select(['tenant', 'id', 'requested_at'])
        .select(({ fn }) =>
          fn
            .agg<number>('row_number')
            .over((over) => over.partitionBy('tenant').orderBy('requested_at').orderBy('id'))
            .as('turn'),
        )
        .where('state', '=', 'pending')
        .as('waiting'),
    )
    .select(['tenant', 'id'])
    .orderBy('turn')
    .orderBy('requested_at')
    .orderBy('id')
    .limit(limit)
    .execute()
}

/** One statement for many rows: an instance may have hundreds of runs. */
async function writeProgress(db: Kysely<Database>, rows: readonly CheckProgress[], owner: string): Promise<void> {
  const cases = sql.join(
    rows.map(({ id, progress }) => sql`when ${id} then ${JSON.stringify(progress)}`),
    sql` `,
  )
  const ids = sql.join(rows.map(({ id }) => sql`${id}`))
  await sql`update checks set progress = case id ${cases} else progress end
    where state = 'running' and lease_owner = ${owner} and id in (${ids})`.execute(db)
}

const byRequest = (a: QueuedCheck, b: QueuedCheck): number =>
  a.requestedAt.getTime() - b.requestedAt.getTime() || (a.id < b.id ? -1 : 1)

function toCheck(row: Row): QueuedCheck {
  return {
    tenant: row.tenant,
    id: row.id,
    flow: row.flow,
    flowVersion: row.flow_version,
    state: row.state,
    trigger: row.run_trigger,
    initiatedBy: row.initiated_by,
    initiatedByName: row.initiated_by_name,
    correlation: row.correlation,
    requestedAt: row.requested_at,
    cancelledBy: row.cancelled_by,
    progress: row.progress,
    updatedAt: row.updated_at,
  }
}
