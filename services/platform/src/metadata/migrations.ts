import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { AppError } from '../errors.ts'
import { accountsAndPositions } from './migrations/0001-accounts-and-positions.ts'
import { analyzerCheckpoints } from './migrations/0002-analyzer-checkpoints.ts'
import { checkpointOwners } from './migrations/0003-checkpoint-owners.ts'
import { alertsAndVerdicts } from './migrations/0004-alerts.ts'
import { sourcesAndRequests } from './migrations/0005-sources.ts'
import { flowsAndChecks } from './migrations/0006-flows.ts'
import { vaultAndCredentials } from './migrations/0007-vault.ts'
import { reportSchedules } from './migrations/0008-reports.ts'
import type { Database } from './tables.ts'

/** The few words in which the databases differ. */
export interface SqlWords {
  /** Text that sorts by code point, so that pages come in the same order everywhere. */
  readonly text: string
  /** A 64-bit integer; also booleans (0, 1) and times (milliseconds since the Unix epoch). */
  readonly integer: string
  table(name: string, columns: string): string
  /** Keeps every other migration out until the transaction ends; null where the transaction itself does. */
  readonly migrationLock: string | null
}

/** A step that never changes once released. Its name starts with its number. */
export interface Migration {
  readonly name: string
  statements(words: SqlWords): readonly string[]
}

/** To add one: a file in `migrations/`, and its line here, last. */
const migrations: readonly Migration[] = [
  accountsAndPositions,
  analyzerCheckpoints,
  checkpointOwners,
  alertsAndVerdicts,
  sourcesAndRequests,
  flowsAndChecks,
  vaultAndCredentials,
  reportSchedules,
]

interface MigrationTables extends Database {
  migrations: { name: string; applied_at: number }
}

/**
 * Brings the tables to this version, in one transaction: all or nothing, and one at a time when several services
 * start at once. Errors: `config_invalid` when a newer version has been here, which this one would damage.
 */
export async function migrate(db: Kysely<Database>, words: SqlWords, nowMs: number): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const run = (statement: string): Promise<unknown> => sql.raw(statement).execute(transaction)
    if (words.migrationLock !== null) await run(words.migrationLock)
    const columns = `name ${words.text} primary key, applied_at ${words.integer} not null`
    await run(words.table('if not exists migrations', columns))

    const journal = transaction as unknown as Kysely<MigrationTables>
    const applied = new Set((await journal.selectFrom('migrations').select('name').execute()).map((row) => row.name))
    refuseNewer(applied)
    for (const migration of migrations) {
      if (applied.has(migration.name)) continue
      for (const statement of migration.statements(words)) await run(statement)
      await journal.insertInto('migrations').values({ name: migration.name, applied_at: nowMs }).execute()
    }

    const installed = await transaction.selectFrom('install').select('id').executeTakeFirst()
    if (installed !== undefined) return
    await transaction
      .insertInto('install')
      .values({ id: randomUUID(), created_at: new Date(nowMs) })
      .execute()
  })
}

function refuseNewer(applied: ReadonlySet<string>): void {
  const unknown = [...applied].filter((name) => !migrations.some((migration) => migration.name === name))
  if (unknown.length === 0) return
  const names = unknown.join(', ')
  throw new AppError('config_invalid', `The metadata was written by a newer Driftline (${names}): start that version`)
}
