import type { Sealer } from '@driftline/platform/access/sealing'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { SourcesTable } from '@driftline/platform/metadata/tables'
import { readSettings, type SettingsSource, setting } from '@driftline/platform/settings'
import type { Selectable } from 'kysely'
import { z } from 'zod'
import { type SourceKind, sourceKinds } from './definitions/source.ts'
import { checkSecrets, readDefinition, readSecrets } from './source-definition.ts'
import { auditSource, derivedSourceId, newRow, removeSource } from './source-store.ts'

/** The tenant whose sources the configuration of an installation defines. */
const TENANT = 'default'

const fileSource = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes and underscores')
    .optional(),
  kind: z.enum(sourceKinds),
  name: z.string().trim().min(1).max(100),
  active: z.boolean().default(true),
  definition: z.record(z.string(), z.unknown()).default({}),
  secrets: z.record(z.string(), z.unknown()).default({}),
})

export const fileSourceSettings = {
  sources: setting(
    'sources',
    z.array(fileSource).max(1000),
    [],
    'Where data comes from besides what people add in the product: a list of `{kind, name, definition, secrets}`; shown there, but changed here only',
  ),
}

/** A source that the configuration file defines, with its defaults filled in. */
export interface FileSource {
  readonly id: string
  readonly kind: SourceKind
  readonly name: string
  readonly active: boolean
  readonly definition: object
  readonly secrets: object
}

/** Errors: `config_invalid`, with all problems and where they are; no secret is repeated. */
export function readFileSources(source: SettingsSource): readonly FileSource[] {
  const { sources } = readSettings(source, fileSourceSettings)
  const problems: string[] = []
  const seen = new Set<string>()
  const read = sources.flatMap((each, index): FileSource[] => {
    const { kind, name, active } = each
    const definition = readDefinition(kind, each.definition)
    const secrets = checkSecrets(kind, each.secrets)
    for (const outcome of [definition, secrets]) {
      if (outcome.ok) continue
      problems.push(...outcome.problems.map(({ path, message }) => `sources.${index}.${path}: ${message}`))
    }
    const id = each.id ?? derivedSourceId(kind, name)
    for (const key of [`id ${id}`, `${kind} ${name}`]) {
      if (seen.has(key)) problems.push(`sources.${index}: another source before it is called the same (${key})`)
      seen.add(key)
    }
    return definition.ok && secrets.ok
      ? [{ id, kind, name, active, definition: definition.value, secrets: secrets.value }]
      : []
  })
  if (problems.length > 0) throw new AppError('config_invalid', problems.join('\n'))
  return read
}

type Deps = { readonly metadata: Metadata; readonly sealer: Sealer; readonly clock: Clock; readonly logger: Logger }
type Row = Selectable<SourcesTable>

/**
 * Brings the stored sources in line with the file when it starts: adds, changes, and removes what the file named once
 * and no longer does. One whose name somebody gave away in the product is left out, and the log says so.
 */
export function createFileSources(config: { readonly sources: readonly FileSource[] }, deps: Deps): Component {
  const { metadata, logger } = deps
  const { sources } = config
  return {
    name: 'file-sources',
    async start() {
      const rows = await metadata.db.selectFrom('sources').selectAll().where('tenant', '=', TENANT).execute()
      const wanted = new Set(sources.map(({ id }) => id))
      for (const row of rows) {
        if (row.managed_by === 'file' && !wanted.has(row.id)) await removeSource(deps, row, 'system')
      }
      for (const source of sources) {
        try {
          await keep(deps, source)
        } catch (error) {
          if (!(error instanceof AppError && error.code === 'metadata_conflict')) throw error
          const { kind, name } = source
          logger.error({ component: 'file-sources', kind, name }, 'left out: the product has a source of this name')
        }
      }
    },
    stop: async () => {},
  }
}

/** Several instances with the same file come to the same. Errors: `metadata_conflict` for a name or id that is taken. */
async function keep(deps: Deps, source: FileSource): Promise<void> {
  const { metadata, clock, sealer } = deps
  const row = newRow(deps, { tenant: TENANT, id: source.id, managedBy: 'file', by: 'system' }, source)
  const { kind, name, active, value, secrets } = row
  await metadata.transaction(async (transaction) => {
    const added = await transaction
      .insertInto('sources')
      .values(row)
      .onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing())
      .returning('id')
      .execute()
    if (added.length > 0) return auditSource(transaction, clock, row, 'source.create', { kind, name })
    const stored = await transaction
      .selectFrom('sources')
      .selectAll()
      .where('tenant', '=', TENANT)
      .where('id', '=', source.id)
      .executeTakeFirstOrThrow()
    if (stored.managed_by !== 'file') throw new AppError('metadata_conflict', `The id ${source.id} is taken`)
    if (isSame(sealer, stored, row, source)) return
    await transaction
      .updateTable('sources')
      .set({ kind, name, active, value, secrets, updated_by: 'system', updated_at: new Date(clock.nowMs()) })
      .set(({ eb }) => ({ version: eb('version', '+', 1) }))
      .where('tenant', '=', TENANT)
      .where('id', '=', source.id)
      .execute()
    await auditSource(transaction, clock, row, 'source.update', { kind, name })
  })
}

/** Sealing the same secrets again gives another text, so they are compared opened. */
function isSame(sealer: Sealer, stored: Row, row: Row, source: FileSource): boolean {
  const plain = ({ kind, name, active, value }: Row): string => JSON.stringify([kind, name, active, sorted(value)])
  if (plain(stored) !== plain(row)) return false
  const { tenant, id } = stored
  const secrets = readSecrets(sealer, { tenant, id, kind: source.kind, sealed: stored.secrets })
  return secrets.ok && JSON.stringify(sorted(secrets.value)) === JSON.stringify(sorted(source.secrets))
}

/** With the keys of every object in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, sorted(each)]))
}
