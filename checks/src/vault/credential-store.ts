import { recordAudit } from '@driftline/platform/access/audit-log'
import type { SealedPlace, Sealer } from '@driftline/platform/access/sealing'
import { createOrderedId } from '@driftline/platform/access/secrets'
import { createVault, type Vault } from '@driftline/platform/access/vault'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { CredentialsTable } from '@driftline/platform/metadata/flow-tables'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Database, Json } from '@driftline/platform/metadata/tables'
import type { Kysely, Selectable } from 'kysely'
import {
  type CredentialFields,
  changedFields,
  InvalidCredentialError,
  isCredentialKind,
  secretFields,
  type TypedFields,
  validAbout,
  validFields,
  validHosts,
  validName,
} from './credential-fields.ts'
import { type CredentialKind, shownFields } from './credential-kinds.ts'
import { type CredentialUser, usersOfCredentials } from './credential-uses.ts'

/** A credential as people see it: never with its secrets. */
export interface StoredCredential {
  readonly name: string
  readonly kind: CredentialKind
  readonly hosts: readonly string[]
  readonly about: string
  /** Fields that are no secrets; empty for one that cannot be opened. */
  readonly shown: CredentialFields
  /** Names of the secret fields that are set. */
  readonly secretsSet: readonly string[]
  /** False when the key that it was sealed with is gone: it has to be typed anew. */
  readonly readable: boolean
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
  /** `user:<id>`, `key:<id>` or `system`. */
  readonly updatedBy: string
  /** At most a minute behind. */
  readonly lastUsedAt: Date | null
}

/** For the checker only. `id` and `version` name what was opened: a change makes another version. */
export interface OpenedCredential {
  readonly id: string
  readonly name: string
  readonly kind: CredentialKind
  readonly version: number
  readonly hosts: readonly string[]
  readonly fields: CredentialFields
}

export interface NewCredential {
  readonly name: string
  readonly kind: string
  readonly hosts: readonly string[]
  readonly about?: string
  readonly fields: TypedFields
}

export interface CredentialChange {
  readonly hosts?: readonly string[]
  readonly about?: string
  /** What is left out stays; see `changedFields`. */
  readonly fields?: TypedFields
}

/** A credential that flows or sources name. Its code is `metadata_conflict`. */
export class CredentialInUseError extends AppError {
  readonly users: readonly CredentialUser[]

  constructor(name: string, users: readonly CredentialUser[]) {
    const named = users.slice(0, 10).map((user) => user.name)
    const more = users.length > named.length ? ` and ${users.length - named.length} more` : ''
    super('metadata_conflict', `${name} is used by ${named.join(', ')}${more}: take it out there first`)
    this.users = users
  }
}

/**
 * The vault of a tenant: names and kinds for lists, contents for the checker. Each change stands in the audit log
 * (`credential.create`, `credential.update`, `credential.remove`), written with it and without values.
 * Permissions are for the caller. Errors of all: those of the metadata; `secret_unreadable` without a key.
 */
export interface CredentialStore {
  /** By name. */
  list(tenant: string): Promise<StoredCredential[]>
  /** Errors: `not_found`. */
  get(tenant: string, name: string): Promise<StoredCredential>
  /** Errors: InvalidCredentialError, `metadata_conflict` for a name that is taken, `rate_limited` at 500. */
  create(tenant: string, credential: NewCredential, by: string): Promise<StoredCredential>
  /** Changes what is named; `version` null changes whatever is there. Errors: as `create`, `not_found`. */
  update(
    tenant: string,
    name: string,
    version: number | null,
    change: CredentialChange,
    by: string,
  ): Promise<StoredCredential>
  /** Errors: `not_found`, CredentialInUseError unless `force`. */
  remove(tenant: string, name: string, options: { readonly force: boolean }, by: string): Promise<void>
  /** Flows and sources that name each credential. */
  users(tenant: string): Promise<Map<string, CredentialUser[]>>
  /** Null when there is none of that name. Errors: `secret_unreadable`. */
  openFor(tenant: string, name: string): Promise<OpenedCredential | null>
  /** Notes that it was used; written when the last note is a minute old. */
  used(tenant: string, credential: Pick<OpenedCredential, 'id' | 'name'>): Promise<void>
  /** Makes a new data key and seals everything anew with it; answers how many, and how many cannot be read. */
  rotate(tenant: string): Promise<{ readonly resealed: number; readonly unreadable: number }>
}

const CREDENTIALS_MAX = 500
const USED_EVERY_MS = 60_000
const TRIES = 3

type Deps = { readonly metadata: Metadata; readonly sealer: Sealer; readonly clock: Clock }
type Row = Selectable<CredentialsTable>
/** What is sealed: where it may go is part of it, so that nobody who can write to the table sends it elsewhere. */
interface Content {
  readonly kind: CredentialKind
  readonly hosts: readonly string[]
  readonly fields: CredentialFields
}

const placeOf = ({ tenant, id }: Pick<Row, 'tenant' | 'id'>): SealedPlace => ({ purpose: 'credential', tenant, id })

export function createCredentialStore(deps: Deps): CredentialStore {
  const { metadata, clock } = deps
  const vault = createVault(deps)
  const rows = createRows(metadata)
  const contentOf = async (row: Row): Promise<Content> => JSON.parse(await vault.open(placeOf(row), row.sealed))
  /** The data key may have been replaced between reading the row and reading the key. */
  const openRow = async (row: Row): Promise<{ row: Row; content: Content }> => {
    try {
      return { row, content: await contentOf(row) }
    } catch (error) {
      const again = await rows.find(row.tenant, row.name)
      if (again === undefined || again.sealed === row.sealed) throw error
      return { row: again, content: await contentOf(again) }
    }
  }
  const toStored = async (row: Row): Promise<StoredCredential> => {
    try {
      const opened = await openRow(row)
      return stored(opened.row, opened.content)
    } catch (error) {
      if (error instanceof AppError && error.code === 'secret_unreadable') return stored(row, null)
      throw error
    }
  }
  const audit = (db: Kysely<Database>, row: Row, action: string, detail: Json): Promise<void> => {
    const { tenant, name, updated_by: actor } = row
    return recordAudit(db, { tenant, actor, action, subject: `credential:${name}`, detail }, clock.nowMs())
  }
  return {
    async list(tenant) {
      const found = await metadata.db
        .selectFrom('credentials')
        .selectAll()
        .where('tenant', '=', tenant)
        .orderBy('name')
        .execute()
      const answers: StoredCredential[] = []
      for (const row of found) answers.push(await toStored(row))
      return answers
    },

    get: async (tenant, name) => toStored(await rows.known(tenant, name)),

    async create(tenant, credential, by) {
      const content = contentFor(credential)
      const row = newRow(tenant, credential, content, by, clock.nowMs())
      await sealing(vault, metadata, row, content, async (transaction, sealed) => {
        if ((await rows.count(transaction, tenant)) >= CREDENTIALS_MAX) {
          throw new AppError('rate_limited', `There are ${CREDENTIALS_MAX} credentials already`)
        }
        await transaction
          .insertInto('credentials')
          .values({ ...row, sealed })
          .execute()
        await audit(transaction, row, 'credential.create', { kind: row.kind, hosts: row.hosts })
      }).catch(nameTaken(row.name))
      return stored(row, content)
    },

    async update(tenant, name, version, change, by) {
      const { row, before } = await openForChange(await rows.known(tenant, name), openRow)
      if (version !== null && version !== row.version) throw changedMeanwhile(name)
      const content = changedContent(row, before, change)
      const next: Row = {
        ...row,
        hosts: content.hosts,
        about: change.about === undefined ? row.about : validAbout(change.about),
        version: row.version + 1,
        updated_at: new Date(Math.max(clock.nowMs(), row.updated_at.getTime() + 1)),
        updated_by: by,
      }
      await sealing(vault, metadata, next, content, async (transaction, sealed) => {
        const { about, hosts, updated_at, updated_by } = next
        const result = await transaction
          .updateTable('credentials')
          .set({ about, hosts, updated_at, updated_by, sealed, version: next.version })
          .where('tenant', '=', tenant)
          .where('id', '=', row.id)
          .where('version', '=', row.version)
          .executeTakeFirst()
        if (Number(result.numUpdatedRows) !== 1) throw changedMeanwhile(name)
        const fields = Object.keys(change.fields ?? {}).filter((field) => change.fields?.[field] !== undefined)
        await audit(transaction, next, 'credential.update', { kind: row.kind, hosts, fields })
      })
      return stored(next, content)
    },

    async remove(tenant, name, { force }, by) {
      const row = await rows.known(tenant, name)
      const users = (await usersOfCredentials(metadata, tenant)).get(name) ?? []
      if (users.length > 0 && !force) throw new CredentialInUseError(name, users)
      await metadata.transaction(async (transaction) => {
        await transaction.deleteFrom('credentials').where('tenant', '=', tenant).where('id', '=', row.id).execute()
        const detail = { kind: row.kind, users: users.map(({ id }) => id) }
        await audit(transaction, { ...row, updated_by: by }, 'credential.remove', detail)
      })
    },

    users: (tenant) => usersOfCredentials(metadata, tenant),

    async openFor(tenant, name) {
      const found = await rows.find(tenant, name)
      if (found === undefined) return null
      const { row, content } = await openRow(found)
      return { id: row.id, name: row.name, version: row.version, ...content }
    },

    async used(tenant, { id, name }) {
      const now = clock.nowMs()
      await metadata.db
        .updateTable('credentials')
        .set({ last_used_at: new Date(now) })
        .where('tenant', '=', tenant)
        .where('name', '=', name)
        .where('id', '=', id)
        .where(({ or, eb }) =>
          or([eb('last_used_at', 'is', null), eb('last_used_at', '<=', new Date(now - USED_EVERY_MS))]),
        )
        .execute()
    },

    rotate: (tenant) => rotateDataKey(vault, tenant),
  }
}

function createRows({ db }: Metadata) {
  const find = (tenant: string, name: string): Promise<Row | undefined> =>
    db.selectFrom('credentials').selectAll().where('tenant', '=', tenant).where('name', '=', name).executeTakeFirst()
  return {
    find,
    async known(tenant: string, name: string): Promise<Row> {
      const row = await find(tenant, name)
      if (row === undefined) throw new AppError('not_found', `No credential ${JSON.stringify(name)} is known`)
      return row
    },
    async count(transaction: Kysely<Database>, tenant: string): Promise<number> {
      const { many } = await transaction
        .selectFrom('credentials')
        .select(({ fn }) => fn.countAll<number>().as('many'))
        .where('tenant', '=', tenant)
        .executeTakeFirstOrThrow()
      return Number(many)
    },
  }
}

/** Seals and writes in one transaction, again when the data key is replaced at that moment. */
async function sealing(
  vault: Vault,
  metadata: Metadata,
  row: Row,
  content: Content,
  write: (transaction: Kysely<Database>, sealed: string) => Promise<void>,
): Promise<void> {
  for (let tried = 1; ; tried++) {
    await vault.prepare(row.tenant)
    try {
      await metadata.transaction(async (transaction) => {
        await write(transaction, await vault.seal(transaction, placeOf(row), JSON.stringify(content)))
      })
      return
    } catch (error) {
      const isLate = error instanceof AppError && error.code === 'metadata_conflict' && error.retryable
      if (!isLate || tried >= TRIES) throw error
    }
  }
}

async function rotateDataKey(vault: Vault, tenant: string) {
  return vault.rotate(tenant, async (transaction, keys) => {
    const found = await transaction
      .selectFrom('credentials')
      .select(['tenant', 'id', 'name', 'sealed'])
      .where('tenant', '=', tenant)
      .execute()
    let [resealed, unreadable] = [0, 0]
    for (const row of found) {
      try {
        const sealed = keys.seal(placeOf(row), keys.open(placeOf(row), row.sealed))
        const ofRow = transaction.updateTable('credentials').where('tenant', '=', tenant).where('name', '=', row.name)
        await ofRow.set({ sealed }).execute()
        resealed++
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'secret_unreadable')) throw error
        unreadable++
      }
    }
    return { resealed, unreadable }
  })
}

function contentFor({ kind, hosts, fields }: NewCredential): Content {
  if (!isCredentialKind(kind)) {
    throw new InvalidCredentialError([{ path: 'kind', message: 'is no kind of credential' }])
  }
  return { kind, hosts: validHosts(hosts), fields: validFields(kind, fields) }
}

function newRow(tenant: string, credential: NewCredential, content: Content, by: string, nowMs: number): Row {
  return {
    tenant,
    name: validName(credential.name),
    id: `cred_${createOrderedId(nowMs)}`,
    kind: content.kind,
    hosts: content.hosts,
    about: validAbout(credential.about ?? ''),
    sealed: '',
    version: 1,
    created_at: new Date(nowMs),
    updated_at: new Date(nowMs),
    updated_by: by,
    last_used_at: null,
  }
}

/** One that cannot be opened may still be typed anew, as a whole. */
async function openForChange(
  row: Row,
  openRow: (row: Row) => Promise<{ row: Row; content: Content }>,
): Promise<{ row: Row; before: Content | null }> {
  try {
    const opened = await openRow(row)
    return { row: opened.row, before: opened.content }
  } catch (error) {
    if (error instanceof AppError && error.code === 'secret_unreadable') return { row, before: null }
    throw error
  }
}

function changedContent(row: Row, before: Content | null, change: CredentialChange): Content {
  if (before === null) {
    const { kind, hosts } = row
    return contentFor({ name: row.name, kind, hosts: change.hosts ?? hosts, fields: change.fields ?? {} })
  }
  const hosts = change.hosts === undefined ? before.hosts : validHosts(change.hosts)
  return { kind: before.kind, hosts, fields: changedFields(before.kind, before, { hosts, typed: change.fields ?? {} }) }
}

function changedMeanwhile(name: string): AppError {
  return new AppError('metadata_conflict', `Somebody else changed ${name} meanwhile: look at it again`)
}

function nameTaken(name: string): (error: unknown) => never {
  return (error) => {
    const isTaken = error instanceof AppError && error.code === 'metadata_conflict' && error.cause !== undefined
    if (!isTaken || error.retryable) throw error
    throw new AppError('metadata_conflict', `There is a credential named ${name} already`, { cause: error })
  }
}

function stored(row: Row, content: Content | null): StoredCredential {
  const kind = row.kind as CredentialKind
  const fields = content?.fields ?? {}
  const named = (names: readonly string[]): string[] => names.filter((name) => fields[name])
  return {
    name: row.name,
    kind,
    hosts: content?.hosts ?? row.hosts,
    about: row.about,
    shown: Object.fromEntries(named(shownFields[kind] ?? []).map((name) => [name, fields[name]!])),
    secretsSet: content === null ? [] : named(secretFields(kind)),
    readable: content !== null,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
    lastUsedAt: row.last_used_at,
  }
}
