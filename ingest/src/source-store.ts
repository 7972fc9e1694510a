import { createHash } from 'node:crypto'
import { recordAudit } from '@driftline/platform/access/audit-log'
import type { Sealer } from '@driftline/platform/access/sealing'
import { createOrderedId } from '@driftline/platform/access/secrets'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Database, Json, SourcesTable } from '@driftline/platform/metadata/tables'
import type { Kysely, Selectable } from 'kysely'
import { type SourceKind, sourceKinds } from './definitions/source.ts'
import type { PreviewAsk } from './request-types.ts'
import { checkSecrets, type DefinitionProblem, readDefinition, readSecrets, secretsPlace } from './source-definition.ts'

/** A source as people see it: never with its secrets. */
export interface StoredSource {
  readonly id: string
  readonly kind: SourceKind
  readonly name: string
  readonly active: boolean
  readonly definition: Json
  readonly hasSecrets: boolean
  /** `file` ones stand in driftline.yaml and cannot be changed here. */
  readonly managedBy: 'user' | 'file'
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
  /** `user:<id>`, `key:<id>` or `system`. */
  readonly updatedBy: string
}

export interface NewSource {
  readonly kind: SourceKind
  /** 1 to 100 characters; unique among those of its kind. */
  readonly name: string
  readonly definition: unknown
  readonly secrets?: unknown
  /** True without it. */
  readonly active?: boolean
}

export interface SourceChange {
  readonly name?: string
  readonly definition?: unknown
  /** Left out: they stay. `null`: they are removed. An object: what it names is replaced, or removed by `null`. */
  readonly secrets?: Readonly<Record<string, unknown>> | null
  readonly active?: boolean
}

/** A definition or secrets that cannot be stored; the message is for people. Its code is `value_invalid`. */
export class InvalidSourceError extends AppError {
  readonly problems: readonly DefinitionProblem[]

  constructor(problems: readonly DefinitionProblem[]) {
    super('value_invalid', problems.map(({ path, message }) => `${path}: ${message}`).join('; '))
    this.problems = problems
  }
}

/**
 * Sources of one tenant at a time. Services hear of changes within a second through their watch. Each change stands in
 * the audit log (`source.create`, `source.update`, `source.remove`), written with it. Permissions are for the caller.
 */
export interface SourceStore {
  list(tenant: string, filter?: { readonly kind?: SourceKind }): Promise<StoredSource[]>
  /** Errors: `not_found`. */
  get(tenant: string, id: string): Promise<StoredSource>
  /** Errors: InvalidSourceError, `metadata_conflict` for a name that is taken, `secret_unreadable`, `rate_limited`. */
  create(tenant: string, source: NewSource, by: string): Promise<StoredSource>
  /** Changes what is named. Errors: as `create`, `not_found`, `forbidden` for one of the file, `metadata_conflict`
   * when `version` is no longer the stored one. */
  update(tenant: string, id: string, version: number, change: SourceChange, by: string): Promise<StoredSource>
  /** Errors: `not_found`, `forbidden` for one of the file. */
  remove(tenant: string, id: string, by: string): Promise<void>
  /**
   * The source of this kind and name, made if it is not there: for those that appear by themselves. The name and the
   * tenant give its id, so several instances make one. What somebody changed of it stays.
   */
  ensure(tenant: string, source: NewSource): Promise<StoredSource>
}

const SOURCES_MAX = 1000
const NAME_LENGTH_MAX = 100

type Deps = { readonly metadata: Metadata; readonly sealer: Sealer; readonly clock: Clock }
type Row = Selectable<SourcesTable>

export function createSourceStore(deps: Deps): SourceStore {
  const { metadata, clock } = deps
  const { db } = metadata
  const rowOf = async (tenant: string, id: string): Promise<Row> => {
    const row = await db
      .selectFrom('sources')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .executeTakeFirst()
    if (row === undefined) throw new AppError('not_found', `No source ${JSON.stringify(id)} is known`)
    return row
  }
  const insert = (row: Row): Promise<void> =>
    metadata
      .transaction(async (transaction) => {
        const { many } = await transaction
          .selectFrom('sources')
          .select(({ fn }) => fn.countAll<number>().as('many'))
          .where('tenant', '=', row.tenant)
          .executeTakeFirstOrThrow()
        if (Number(many) >= SOURCES_MAX) throw new AppError('rate_limited', `There are ${SOURCES_MAX} sources already`)
        await transaction.insertInto('sources').values(row).execute()
        await auditSource(transaction, clock, row, 'source.create', { kind: row.kind, name: row.name })
      })
      .catch(nameTaken(row.kind, row.name))
  return {
    async list(tenant, { kind } = {}) {
      const all = db.selectFrom('sources').selectAll().where('tenant', '=', tenant).orderBy('kind').orderBy('name')
      const rows = await (kind === undefined ? all : all.where('kind', '=', kind)).execute()
      return rows.map(toStored)
    },

    get: async (tenant, id) => toStored(await rowOf(tenant, id)),

    async create(tenant, source, by) {
      const id = `src_${createOrderedId(clock.nowMs())}`
      const row = newRow(deps, { tenant, id, managedBy: 'user', by }, source)
      await insert(row)
      return toStored(row)
    },

    async update(tenant, id, version, change, by) {
      const row = await rowOf(tenant, id)
      refuseFile(row)
      if (row.version !== version) throw changedMeanwhile(row)
      const next = changedRow(deps, row, change, by)
      await metadata
        .transaction(async (transaction) => {
          const { name, active, value, secrets, updated_at, updated_by } = next
          const result = await transaction
            .updateTable('sources')
            .set({ name, active, value, secrets, updated_at, updated_by, version: next.version })
            .where('tenant', '=', tenant)
            .where('id', '=', id)
            .where('version', '=', version)
            .where('managed_by', '=', 'user')
            .executeTakeFirst()
          if (Number(result.numUpdatedRows) !== 1) throw changedMeanwhile(row)
          const changed = Object.keys(change).filter((key) => change[key as keyof SourceChange] !== undefined)
          await auditSource(transaction, clock, next, 'source.update', { kind: row.kind, name, changed })
        })
        .catch(nameTaken(row.kind, next.name))
      return toStored(next)
    },

    async remove(tenant, id, by) {
      const row = await rowOf(tenant, id)
      refuseFile(row)
      await removeSource(deps, row, by)
    },

    async ensure(tenant, source) {
      const id = derivedSourceId(source.kind, source.name)
      const found = await db
        .selectFrom('sources')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('kind', '=', source.kind)
        .where(({ or, eb }) => or([eb('id', '=', id), eb('name', '=', source.name)]))
        .executeTakeFirst()
      if (found !== undefined) return toStored(found)
      try {
        await insert(newRow(deps, { tenant, id, managedBy: 'user', by: 'system' }, source))
      } catch (error) {
        // Another instance made it first.
        if (!(error instanceof AppError && error.code === 'metadata_conflict')) throw error
      }
      return toStored(await rowOf(tenant, id))
    },
  }
}

/** Of a source that is named by the file, or that made itself. */
export function derivedSourceId(kind: SourceKind, name: string): string {
  return `src_${createHash('sha256').update(`${kind}:${name}`).digest('hex').slice(0, 32)}`
}

/** Takes away a source and what is said of it. */
export async function removeSource({ metadata, clock }: Omit<Deps, 'sealer'>, row: Row, by: string): Promise<void> {
  const { tenant, id, kind, name } = row
  await metadata.transaction(async (transaction) => {
    await transaction.deleteFrom('sources').where('tenant', '=', tenant).where('id', '=', id).execute()
    await transaction.deleteFrom('source_status').where('tenant', '=', tenant).where('source', '=', id).execute()
    await auditSource(transaction, clock, { ...row, updated_by: by }, 'source.remove', { kind, name })
  })
}

/** Says who changed what of a source; written with the change itself. */
export async function auditSource(
  db: Kysely<Database>,
  clock: Clock,
  { tenant, id, updated_by: actor }: Row,
  action: string,
  detail: Json,
): Promise<void> {
  await recordAudit(db, { tenant, actor, action, subject: `source:${id}`, detail }, clock.nowMs())
}

/** The row of a new source. Errors: InvalidSourceError, `secret_unreadable`. */
export function newRow(
  { sealer, clock }: Deps,
  place: { readonly tenant: string; readonly id: string; readonly managedBy: 'user' | 'file'; readonly by: string },
  source: NewSource,
): Row {
  const { tenant, id, managedBy, by } = place
  const now = new Date(clock.nowMs())
  const { kind, name } = source
  return {
    tenant,
    id,
    kind,
    name: validName(name),
    active: source.active ?? true,
    value: validDefinition(kind, source.definition),
    secrets: sealSecrets(sealer, tenant, id, validSecrets(kind, source.secrets ?? {})),
    managed_by: managedBy,
    version: 1,
    created_at: now,
    updated_at: now,
    updated_by: by,
  }
}

function changedRow({ sealer, clock }: Deps, row: Row, change: SourceChange, by: string): Row {
  const kind = row.kind as SourceKind
  const value = change.definition === undefined ? row.value : validDefinition(kind, change.definition)
  return {
    ...row,
    name: change.name === undefined ? row.name : validName(change.name),
    active: change.active ?? row.active,
    value,
    secrets: changedSecrets(sealer, row, value, change.secrets),
    version: row.version + 1,
    updated_at: new Date(Math.max(clock.nowMs(), row.updated_at.getTime() + 1)),
    updated_by: by,
  }
}

function changedSecrets(sealer: Sealer, row: Row, definition: unknown, typed: SourceChange['secrets']): string | null {
  const { tenant, id } = row
  const kind = row.kind as SourceKind
  if (typed === null) return null
  const complete = isReplacedWhole(kind, typed)
  if (row.secrets === null || complete) {
    return typed === undefined ? null : sealSecrets(sealer, tenant, id, validSecrets(kind, withoutNulls(typed)))
  }
  refuseOtherAddress(row.value, definition)
  if (typed === undefined) return row.secrets
  const saved = readSecrets(sealer, { tenant, id, kind, sealed: row.secrets })
  if (!saved.ok) throw new InvalidSourceError(saved.problems)
  return sealSecrets(sealer, tenant, id, validSecrets(kind, withoutNulls({ ...saved.value, ...typed })))
}

/** Nothing of what was sealed before is left. */
function isReplacedWhole(kind: SourceKind, typed: SourceChange['secrets']): boolean {
  if (kind !== 'mqtt' || typed === undefined || typed === null) return false
  return Object.hasOwn(typed, 'password') && Object.hasOwn(typed, 'privateKey')
}

/** A password that nobody may read must not be sent to an address that somebody else typed. */
function refuseOtherAddress(saved: unknown, draft: unknown): void {
  const addressOf = (definition: unknown): unknown =>
    (definition as { readonly broker?: { readonly url?: unknown } } | null)?.broker?.url
  if (addressOf(saved) === addressOf(draft)) return
  const message =
    'Type the password and the private key again: the address changed, and they were given for another one'
  throw new InvalidSourceError([{ path: 'secrets', message }])
}

/**
 * The ask with secrets as they would be after saving: those of the saved source that were not typed anew.
 * Errors: InvalidSourceError, `secret_unreadable`.
 */
export async function withSavedSecrets(
  metadata: Metadata,
  sealer: Sealer,
  tenant: string,
  ask: PreviewAsk,
): Promise<PreviewAsk> {
  const typed = (ask.secrets ?? {}) as Readonly<Record<string, unknown>>
  if (ask.source === '') return { ...ask, secrets: withoutNulls(typed) }
  const row = await metadata.db
    .selectFrom('sources')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', ask.source)
    .where('kind', '=', ask.kind)
    .executeTakeFirst()
  if (row === undefined || row.secrets === null || ask.secrets === null || isReplacedWhole(ask.kind, typed)) {
    return { ...ask, secrets: withoutNulls(typed) }
  }
  refuseOtherAddress(row.value, ask.definition)
  const saved = readSecrets(sealer, { tenant, id: row.id, kind: ask.kind, sealed: row.secrets })
  if (!saved.ok) throw new InvalidSourceError(saved.problems)
  return { ...ask, secrets: withoutNulls({ ...saved.value, ...typed }) }
}

function withoutNulls(typed: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(typed).filter(([, value]) => value !== null && value !== ''))
}

export function sealSecrets(sealer: Sealer, tenant: string, id: string, secrets: object): string | null {
  return Object.keys(secrets).length === 0 ? null : sealer.seal(secretsPlace(tenant, id), JSON.stringify(secrets))
}

function validName(name: string): string {
  const trimmed = name.trim()
  if (trimmed.length > 0 && trimmed.length <= NAME_LENGTH_MAX && !/\p{Cc}/u.test(trimmed)) return trimmed
  const message = `must have 1 to ${NAME_LENGTH_MAX} characters, none of them a control character`
  throw new InvalidSourceError([{ path: 'name', message }])
}

function validDefinition(kind: SourceKind, definition: unknown): Json {
  if (!sourceKinds.includes(kind)) {
    throw new InvalidSourceError([{ path: 'kind', message: `must be one of ${sourceKinds.join(', ')}` }])
  }
  const outcome = readDefinition(kind, definition)
  if (!outcome.ok) throw new InvalidSourceError(outcome.problems)
  return outcome.value as unknown as Json
}

function validSecrets(kind: SourceKind, secrets: unknown): object {
  const outcome = checkSecrets(kind, secrets)
  if (!outcome.ok) throw new InvalidSourceError(outcome.problems)
  return outcome.value
}

function refuseFile(row: Row): void {
  if (row.managed_by !== 'file') return
  throw new AppError('forbidden', `${row.name} is defined in driftline.yaml: change it there`)
}

function changedMeanwhile(row: Row): AppError {
  return new AppError('metadata_conflict', `Somebody else changed ${row.name} meanwhile: look at it again`)
}

function nameTaken(kind: string, name: string): (error: unknown) => never {
  return (error) => {
    const isTaken = error instanceof AppError && error.code === 'metadata_conflict' && error.cause !== undefined
    if (!isTaken || error.retryable) throw error
    throw new AppError('metadata_conflict', `There is a source of kind ${kind} named ${name} already`, { cause: error })
  }
}

function toStored(row: Row): StoredSource {
  return {
    id: row.id,
    kind: row.kind as SourceKind,
    name: row.name,
    active: row.active,
    definition: row.value,
    hasSecrets: row.secrets !== null,
    managedBy: row.managed_by === 'file' ? 'file' : 'user',
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  }
}
