import { sql } from 'kysely'
import { AppError } from '../errors.ts'
import type { Metadata } from '../metadata/metadata.ts'
import type { SealedPlace, Sealer } from './sealing.ts'

/** Every column that the installation's key seals. To add one: a line here. */
const sealedColumns = [
  { name: 'sources', table: 'sources', column: 'secrets', purpose: 'source-secrets' },
  { name: 'requests', table: 'source_requests', column: 'sealed', purpose: 'source-request' },
  { name: 'dataKeys', table: 'vault_keys', column: 'sealed', purpose: 'data-key' },
] as const satisfies readonly {
  name: string
  table: string
  column: string
  purpose: SealedPlace['purpose']
}[]

type SealedColumn = (typeof sealedColumns)[number]
type Counts = Record<SealedColumn['name'], number>

export interface KeyRotation {
  /** Where the installation keeps its key itself: a new one was `made`, or one of before `resumed`. */
  readonly key: 'made' | 'resumed' | 'configured'
  /** Sealed anew, over all tenants: the key is the installation's. */
  readonly resealed: Readonly<Counts>
  /** Cannot be opened with any key that is here; they were left as they are. */
  readonly unreadable: number
  /** Keys in the settings that only open; nothing needs them any more. */
  readonly previousKeys: number
}

const PAGE = 500
const PASSES_MAX = 10

/**
 * Seals everything anew with the installation's newest key, row by row, each only if nobody changed it meanwhile. It
 * may be broken off at any point: keys of before go on opening until nothing is sealed with them, and the next
 * rotation goes on. Errors: those of the sealer and of the metadata; `metadata_conflict` when writers do not pause.
 */
export async function rotateSealingKey(deps: {
  readonly metadata: Metadata
  readonly sealer: Sealer
}): Promise<KeyRotation> {
  const { keys } = deps.sealer
  const key = keys.renew()
  const resealed: Counts = { sources: 0, requests: 0, dataKeys: 0 }
  let unreadable = await resealAll(deps, resealed)
  keys.retire()
  // Something that was sealed before the new key was there may have been written a moment ago; it opens still.
  unreadable = await resealAll(deps, resealed)
  return { key, resealed, unreadable, previousKeys: keys.previous() }
}

/** Passes until one finds nothing more to do; answers how many cannot be read. */
async function resealAll(deps: { metadata: Metadata; sealer: Sealer }, resealed: Counts): Promise<number> {
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    let unreadable = 0
    let lost = 0
    for (const column of sealedColumns) {
      const outcome = await resealColumn(deps, column)
      resealed[column.name] += outcome.resealed
      unreadable += outcome.unreadable
      lost += outcome.lost
    }
    if (lost === 0) return unreadable
  }
  const message = 'Secrets were being changed all the time; the keys of before are kept: rotate again'
  throw new AppError('metadata_conflict', message, { retryable: true })
}

interface SealedRow {
  readonly tenant: string
  readonly id: string
  readonly sealed: string
}

async function resealColumn(
  { metadata, sealer }: { metadata: Metadata; sealer: Sealer },
  { table, column, purpose }: SealedColumn,
): Promise<{ resealed: number; unreadable: number; lost: number }> {
  const outcome = { resealed: 0, unreadable: 0, lost: 0 }
  const text = sql.ref(column)
  let after = { tenant: '', id: '' }
  for (;;) {
    const { rows } = await sql<SealedRow>`select tenant, id, ${text} as sealed from ${sql.table(table)}
      where ${text} is not null and ${text} <> '' and ${text} not like ${`${sealer.keys.beginning()}%`}
        and (tenant > ${after.tenant} or (tenant = ${after.tenant} and id > ${after.id}))
      order by tenant, id limit ${PAGE}`.execute(metadata.db)
    for (const row of rows) {
      const next = reopened(sealer, { purpose, tenant: row.tenant, id: row.id }, row.sealed)
      if (next === null) {
        outcome.unreadable++
        continue
      }
      const { numAffectedRows } = await sql`update ${sql.table(table)} set ${text} = ${next}
        where tenant = ${row.tenant} and id = ${row.id} and ${text} = ${row.sealed}`.execute(metadata.db)
      if (numAffectedRows === 1n) outcome.resealed++
      else outcome.lost++
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return outcome
    after = last
  }
}

function reopened(sealer: Sealer, place: SealedPlace, sealed: string): string | null {
  try {
    return sealer.seal(place, sealer.open(place, sealed))
  } catch (error) {
    if (error instanceof AppError && error.code === 'secret_unreadable') return null
    throw error
  }
}
