import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../errors.ts'
import type { Logger } from '../logger.ts'

/** Life of the data, milliseconds; whole days are dropped, so that a row may live up to a day longer. */
export interface Retention {
  /** Samples, snapshots and KPIs per second. */
  readonly rawRetentionMs: number
  /** Roll-ups per minute and dead letters. */
  readonly dataRetentionMs: number
  /** Lines of logs. */
  readonly logRetentionMs: number
}

interface Migration {
  readonly number: number
  readonly name: string
  readonly text: string
  readonly checksum: string
}

/** What migrations need of the store. */
export interface MigrationTarget {
  execute(sql: string, parameters?: Record<string, unknown>): Promise<void>
  query<Row>(sql: string, parameters?: Record<string, unknown>): Promise<Row[]>
}

const FILE_NAME = /^(\d{4})_([a-z0-9_]+)\.sql$/
const PLACEHOLDER = /\$\{([a-z_]+)\}/g

/** Tables whose life follows a setting, with the expression that their TTL counts from. */
const retainedTables = {
  samples: { counted: 'toDateTime(ts)', retention: 'rawRetentionMs' },
  snapshots: { counted: 'toDateTime(ts)', retention: 'rawRetentionMs' },
  kpis: { counted: 'toDateTime(ts)', retention: 'rawRetentionMs' },
  samples_1m: { counted: 'minute', retention: 'dataRetentionMs' },
  kpis_1m: { counted: 'minute', retention: 'dataRetentionMs' },
  dead_letters: { counted: 'toDateTime(time)', retention: 'dataRetentionMs' },
  baselines: { counted: 'minute', retention: 'dataRetentionMs' },
  drift: { counted: 'minute', retention: 'dataRetentionMs' },
  anomalies: { counted: 'toDateTime(start_time)', retention: 'dataRetentionMs' },
  alerts: { counted: 'toDateTime(opened_at)', retention: 'dataRetentionMs' },
  logs: { counted: 'toDateTime(ts)', retention: 'logRetentionMs' },
  flagged_records: { counted: 'toDateTime(time)', retention: 'dataRetentionMs' },
} as const satisfies Record<string, { counted: string; retention: keyof Retention }>

/** Reads `NNNN_name.sql` files in the order of their numbers. Errors: `config_invalid`. */
export function readMigrations(dir: string): Migration[] {
  let names: string[]
  try {
    names = readdirSync(dir).filter((name) => name.endsWith('.sql'))
  } catch (cause) {
    throw new AppError('config_invalid', `no migrations of the analytics store in ${dir}`, { cause })
  }
  const migrations = names.sort().map((file) => {
    const match = FILE_NAME.exec(file)
    if (match === null) throw new AppError('config_invalid', `${file} is not named NNNN_name.sql`)
    const text = readFileSync(join(dir, file), 'utf8')
    return {
      number: Number(match[1]),
      name: match[2] ?? '',
      text,
      checksum: createHash('sha256').update(text).digest('hex'),
    }
  })
  migrations.forEach(({ number }, index) => {
    if (number !== index + 1) throw new AppError('config_invalid', `migration ${index + 1} is missing or there twice`)
  })
  if (migrations.length === 0) throw new AppError('config_invalid', `no migrations of the analytics store in ${dir}`)
  return migrations
}

/**
 * Brings the database to the newest version and its retention to the settings. Every statement is written to be
 * repeatable (`IF NOT EXISTS` and the like), so two writers may start at once, and a start that was cut short goes on.
 * Errors: those of the store; `store_rejected` when a migration was changed after it had been applied, or the database
 * is newer than this release.
 */
export async function migrate(
  target: MigrationTarget,
  migrations: readonly Migration[],
  retention: Retention,
  logger: Logger,
): Promise<void> {
  await target.execute(
    `CREATE TABLE IF NOT EXISTS migrations
     (number UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
     ENGINE = ReplacingMergeTree ORDER BY number SETTINGS fsync_after_insert = 1`,
  )
  const applied = await target.query<{ number: number; checksum: string }>(
    'SELECT number, any(checksum) AS checksum FROM migrations GROUP BY number ORDER BY number',
  )
  const newest = applied.at(-1)?.number ?? 0
  if (newest > migrations.length) {
    throw new AppError('store_rejected', `the analytics store is at version ${newest}, newer than this release`)
  }
  for (const migration of migrations) {
    const before = applied.find(({ number }) => number === migration.number)
    if (before === undefined) await apply(target, migration, retention, logger)
    else if (before.checksum !== migration.checksum) {
      throw new AppError('store_rejected', `migration ${migration.name} was changed after it had been applied`)
    }
  }
  await applyRetention(target, retention, logger)
}

async function apply(
  target: MigrationTarget,
  migration: Migration,
  retention: Retention,
  logger: Logger,
): Promise<void> {
  for (const statement of statementsOf(migration.text)) await target.execute(fillIn(statement, retention))
  await target.execute(
    'INSERT INTO migrations (number, name, checksum) SELECT {number: UInt32}, {name: String}, {checksum: String}',
    { number: migration.number, name: migration.name, checksum: migration.checksum },
  )
  logger.info({ migration: migration.number, name: migration.name }, 'analytics store migrated')
}

/** Statements end with a semicolon at the end of a line; text between belongs to the next one, comments included. */
export function statementsOf(text: string): string[] {
  return text
    .split(/;[ \t]*(?:\r?\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement.replace(/--.*$/gm, '').trim() !== '')
}

/** Replaces `${...}` by one of a closed list of numbers: nothing else can enter a migration. */
export function fillIn(statement: string, retention: Retention): string {
  const values: Record<string, number> = {
    raw_retention_seconds: seconds(retention.rawRetentionMs),
    data_retention_seconds: seconds(retention.dataRetentionMs),
    log_retention_seconds: seconds(retention.logRetentionMs),
  }
  return statement.replace(PLACEHOLDER, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new AppError('config_invalid', `migrations know no parameter ${name}`)
    return String(value)
  })
}

/** Changes the TTL of tables whose retention differs from the settings; parts learn of it without being rewritten. */
async function applyRetention(target: MigrationTarget, retention: Retention, logger: Logger): Promise<void> {
  const tables = await target.query<{ name: string; definition: string }>(
    'SELECT name, create_table_query AS definition FROM system.tables WHERE database = currentDatabase()',
  )
  for (const [name, { counted, retention: which }] of Object.entries(retainedTables)) {
    const definition = tables.find((table) => table.name === name)?.definition ?? ''
    const wanted = seconds(retention[which])
    if (new RegExp(`\\bTTL .*toIntervalSecond\\(${wanted}\\)`).test(definition)) continue
    await target.execute(`ALTER TABLE ${name} MODIFY TTL ${counted} + toIntervalSecond(${wanted})`)
    logger.info({ table: name, retentionSeconds: wanted }, 'retention of the analytics store changed')
  }
}

function seconds(milliseconds: number): number {
  return Math.max(1, Math.round(milliseconds / 1000))
}
