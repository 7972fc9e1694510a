import { recordAudit } from '@driftline/platform/access/audit-log'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { FlowsTable } from '@driftline/platform/metadata/flow-tables'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Database, Json } from '@driftline/platform/metadata/tables'
import type { Kysely, Selectable, Transaction } from 'kysely'
import { type FlowDefinition, flowId } from './flow-definition.ts'
import { type FlowProblem, readFlow } from './read-flow.ts'

/** A flow as it is kept. */
export interface StoredFlow {
  /** Process id: `flow:...`. Made of the first name; a changed name keeps it. */
  readonly id: string
  readonly name: string
  readonly category: string
  readonly active: boolean
  readonly definition: FlowDefinition
  /** `file` ones stand in driftline.yaml or a file that it names, and cannot be changed here. */
  readonly managedBy: 'user' | 'file'
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
  /** `user:<id>`, `key:<id>` or `system`. */
  readonly updatedBy: string
}

export interface FlowVersion {
  readonly version: number
  readonly savedAt: Date
  readonly savedBy: string
}

export interface StoredFlowVersion extends FlowVersion {
  readonly definition: FlowDefinition
}

/** A definition that cannot be stored; the message is for people. Its code is `value_invalid`. */
export class InvalidFlowError extends AppError {
  readonly problems: readonly FlowProblem[]

  constructor(problems: readonly FlowProblem[]) {
    super(
      'value_invalid',
      problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; '),
    )
    this.problems = problems
  }
}

/**
 * Flows of one tenant at a time. Each change stands in the audit log (`flow.create`, `flow.update`, `flow.remove`),
 * written with it. Permissions are for the caller.
 */
export interface FlowStore {
  /** By name. */
  list(tenant: string): Promise<StoredFlow[]>
  /** Errors: `not_found`. */
  get(tenant: string, id: string): Promise<StoredFlow>
  /** Errors: InvalidFlowError, `metadata_conflict` for a name whose id is taken, `rate_limited`. */
  create(tenant: string, definition: unknown, by: string): Promise<StoredFlow>
  /**
   * Replaces the definition; one that says the same makes no new version. Errors: as `create`, `not_found`, `forbidden`
   * for one of the file, `metadata_conflict` when `version` is given and no longer the stored one.
   */
  update(tenant: string, id: string, version: number | null, definition: unknown, by: string): Promise<StoredFlow>
  /** Takes its versions along. Errors: `not_found`, `forbidden` for one of the file. */
  remove(tenant: string, id: string, by: string): Promise<void>
  /** Newest first. Errors: `not_found`. */
  versions(tenant: string, id: string): Promise<FlowVersion[]>
  /** Errors: `not_found`. */
  versionOf(tenant: string, id: string, version: number): Promise<StoredFlowVersion>
  /** Makes the definition of an earlier version the newest. Errors: as `update` and `versionOf`. */
  restore(tenant: string, id: string, version: number, by: string): Promise<StoredFlow>
}

const FLOWS_MAX = 1000
const VERSIONS_MAX = 200
/** Changes without a version race each other only so often. */
const TRIES_MAX = 5

type Deps = { readonly metadata: Metadata; readonly clock: Clock }
type Row = Selectable<FlowsTable>

export function createFlowStore(deps: Deps): FlowStore {
  const { metadata, clock } = deps
  const { db } = metadata
  const rowOf = async (tenant: string, id: string): Promise<Row> => {
    const row = await ofFlow(db, tenant, id).executeTakeFirst()
    if (row === undefined) throw new AppError('not_found', `No flow ${JSON.stringify(id)} is known`)
    return row
  }
  const change = async (tenant: string, id: string, version: number | null, definition: FlowDefinition, by: string) => {
    for (let tries = 1; ; tries++) {
      const row = await rowOf(tenant, id)
      refuseFile(row)
      if (version !== null && row.version !== version) throw changedMeanwhile(row)
      if (isSame(row.value, definition)) return toStored(row)
      const updated_at = new Date(Math.max(clock.nowMs(), row.updated_at.getTime() + 1))
      const next: Row = { ...row, ...columnsOf(definition), version: row.version + 1, updated_at, updated_by: by }
      if (await metadata.transaction((transaction) => replaceFlow(transaction, clock, row, next))) return toStored(next)
      if (version !== null || tries === TRIES_MAX) throw changedMeanwhile(row)
    }
  }
  const versionOf = async (tenant: string, id: string, version: number): Promise<StoredFlowVersion> => {
    const row = await db
      .selectFrom('flow_versions')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('flow', '=', id)
      .where('version', '=', version)
      .executeTakeFirst()
    if (row === undefined) throw new AppError('not_found', `No version ${version} of ${JSON.stringify(id)} is kept`)
    return { version, savedAt: row.saved_at, savedBy: row.saved_by, definition: asDefinition(row.value) }
  }
  return {
    async list(tenant) {
      const rows = await db
        .selectFrom('flows')
        .selectAll()
        .where('tenant', '=', tenant)
        .orderBy('name')
        .orderBy('id')
        .execute()
      return rows.map(toStored)
    },

    get: async (tenant, id) => toStored(await rowOf(tenant, id)),

    async create(tenant, input, by) {
      const definition = validFlow(input)
      const row = newFlowRow(clock, definition, { tenant, id: flowId(definition.name), managedBy: 'user', by })
      await metadata.transaction((transaction) => insertFlow(transaction, clock, row)).catch(nameTaken(definition.name))
      return toStored(row)
    },

    update: async (tenant, id, version, input, by) => change(tenant, id, version, validFlow(input), by),

    async remove(tenant, id, by) {
      const row = await rowOf(tenant, id)
      refuseFile(row)
      await removeFlow(deps, row, by)
    },

    async versions(tenant, id) {
      await rowOf(tenant, id)
      const rows = await db
        .selectFrom('flow_versions')
        .select(['version', 'saved_at', 'saved_by'])
        .where('tenant', '=', tenant)
        .where('flow', '=', id)
        .orderBy('version', 'desc')
        .execute()
      return rows.map(({ version, saved_at, saved_by }) => ({ version, savedAt: saved_at, savedBy: saved_by }))
    },

    versionOf,

    async restore(tenant, id, version, by) {
      const { definition } = await versionOf(tenant, id, version)
      return change(tenant, id, null, validFlow(definition), by)
    },
  }
}

const ofFlow = (db: Kysely<Database>, tenant: string, id: string) =>
  db.selectFrom('flows').selectAll().where('tenant', '=', tenant).where('id', '=', id)

/** Errors: InvalidFlowError. */
function validFlow(input: unknown): FlowDefinition {
  const read = readFlow(input)
  if (!read.ok) throw new InvalidFlowError(read.problems)
  return read.definition
}

const columnsOf = (definition: FlowDefinition) => ({
  name: definition.name,
  category: definition.category,
  active: definition.active,
  value: definition as unknown as Json,
})

interface FlowPlace {
  readonly tenant: string
  readonly id: string
  readonly managedBy: 'user' | 'file'
  readonly by: string
}

/** The first version of a flow. */
export function newFlowRow(clock: Clock, definition: FlowDefinition, { tenant, id, managedBy, by }: FlowPlace): Row {
  const now = new Date(clock.nowMs())
  const columns = { tenant, id, managed_by: managedBy, version: 1, created_at: now, updated_at: now, updated_by: by }
  return { ...columns, ...columnsOf(definition) }
}

/** Errors: `rate_limited`, `metadata_conflict`. */
export async function insertFlow(transaction: Transaction<Database>, clock: Clock, row: Row): Promise<void> {
  const { many } = await transaction
    .selectFrom('flows')
    .select(({ fn }) => fn.countAll<number>().as('many'))
    .where('tenant', '=', row.tenant)
    .executeTakeFirstOrThrow()
  if (Number(many) >= FLOWS_MAX) throw new AppError('rate_limited', `There are ${FLOWS_MAX} flows already`)
  await transaction.insertInto('flows').values(row).execute()
  await keepVersion(transaction, row)
  await auditFlow(transaction, clock, row, 'flow.create')
}

/** Whether the stored row was still the one that `next` was made of. */
export async function replaceFlow(
  transaction: Transaction<Database>,
  clock: Clock,
  row: Row,
  next: Row,
): Promise<boolean> {
  const { name, category, active, value, version, updated_at, updated_by } = next
  const result = await transaction
    .updateTable('flows')
    .set({ name, category, active, value, version, updated_at, updated_by })
    .where('tenant', '=', row.tenant)
    .where('id', '=', row.id)
    .where('version', '=', row.version)
    .where('managed_by', '=', row.managed_by)
    .executeTakeFirst()
  if (Number(result.numUpdatedRows) !== 1) return false
  await keepVersion(transaction, next)
  await transaction
    .deleteFrom('flow_versions')
    .where('tenant', '=', row.tenant)
    .where('flow', '=', row.id)
    .where('version', '<=', version - VERSIONS_MAX)
    .execute()
  await auditFlow(transaction, clock, next, 'flow.update')
  return true
}

/** Takes away a flow and its versions; its runs stay. */
export async function removeFlow({ metadata, clock }: Deps, row: Row, by: string): Promise<void> {
  const { tenant, id } = row
  await metadata.transaction(async (transaction) => {
    await transaction.deleteFrom('flows').where('tenant', '=', tenant).where('id', '=', id).execute()
    await transaction.deleteFrom('flow_versions').where('tenant', '=', tenant).where('flow', '=', id).execute()
    await auditFlow(transaction, clock, { ...row, updated_by: by }, 'flow.remove')
  })
}

async function keepVersion(db: Kysely<Database>, row: Row): Promise<void> {
  const { tenant, id: flow, version, value, updated_at: saved_at, updated_by: saved_by } = row
  await db.insertInto('flow_versions').values({ tenant, flow, version, value, saved_at, saved_by }).execute()
}

async function auditFlow(db: Kysely<Database>, clock: Clock, row: Row, action: string): Promise<void> {
  const { tenant, id, updated_by: actor, name, version } = row
  await recordAudit(db, { tenant, actor, action, subject: `process:${id}`, detail: { name, version } }, clock.nowMs())
}

function refuseFile(row: Row): void {
  if (row.managed_by !== 'file') return
  throw new AppError('forbidden', `${row.name} is defined in a file: change it there`)
}

function changedMeanwhile(row: Row): AppError {
  return new AppError('metadata_conflict', `Somebody else changed ${row.name} meanwhile: look at it again`)
}

function nameTaken(name: string): (error: unknown) => never {
  return (error) => {
    const isTaken = error instanceof AppError && error.code === 'metadata_conflict' && error.cause !== undefined
    if (!isTaken || error.retryable) throw error
    throw new AppError('metadata_conflict', `There is a flow named ${name} already, or one that was`, { cause: error })
  }
}

/** Stored definitions were read by `readFlow` once. */
const asDefinition = (value: Json): FlowDefinition => value as unknown as FlowDefinition

function toStored(row: Row): StoredFlow {
  return {
    id: row.id,
    name: row.name,
    category: row.category,
    active: row.active,
    definition: asDefinition(row.value),
    managedBy: row.managed_by as StoredFlow['managedBy'],
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  }
}

/** Whether two definitions say the same, whatever the order of their fields. */
export function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, sorted(each)]))
}
