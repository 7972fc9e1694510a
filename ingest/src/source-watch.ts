import type { Sealer } from '@driftline/platform/access/sealing'
import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { SourcesTable } from '@driftline/platform/metadata/tables'
import { type ExpressionBuilder, type Selectable, sql } from 'kysely'
import type { Source, SourceKind } from './definitions/source.ts'
import { readDefinition, readSecrets } from './source-definition.ts'

export interface SourceWatchConfig<K extends SourceKind> {
  readonly kinds: readonly K[]
  /** Name of this instance: definitions that name another are left out. All are taken without it. */
  readonly instance?: string
  readonly everyMs: number
}

/** A source that cannot be used as it stands. */
export interface InvalidSource {
  readonly tenant: string
  readonly id: string
  readonly kind: SourceKind
  readonly name: string
  readonly version: number
  /** For people. */
  readonly message: string
}

export interface SourceWatchDeps<K extends SourceKind> {
  readonly metadata: Metadata
  readonly sealer: Sealer
  readonly logger: Logger
  readonly clock: Clock
  /**
   * Gets all active sources of the kinds, of every tenant, whenever one of them changed; a source that did not change
   * is the same object as before. When it throws or rejects it is called again a moment later.
   */
  onChange(sources: readonly Source<K>[], invalid: readonly InvalidSource[]): void | Promise<void>
}

/** Changes that the cheap question does not see, such as those of clocks that differ, are seen after so many of them. */
const POLLS_PER_FULL_READ = 30

type Row = Selectable<SourcesTable>
type Read<K extends SourceKind> = { readonly source: Source<K> } | { readonly invalid: InvalidSource }

/**
 * Follows the sources of some kinds. While the database cannot be reached the last list stays as it is. `start` has
 * told the first list when it resolves, unless the database was away.
 */
export function createSourceWatch<K extends SourceKind>(
  config: SourceWatchConfig<K>,
  deps: SourceWatchDeps<K>,
): Component {
  const { kinds, instance, everyMs } = config
  const { metadata, sealer, logger } = deps
  let known = new Map<string, Read<K>>()
  let mark = ''
  let told: string | null = null
  let polls = 0
  let failed = false
  let timer: NodeJS.Timeout | null = null
  let running: Promise<void> = Promise.resolve()
  let stopped = false

  const poll = async (): Promise<void> => {
    const now = await markOf(metadata, kinds)
    polls += 1
    if (now === mark && polls % POLLS_PER_FULL_READ !== 0) return
    const rows = await metadata.db
      .selectFrom('sources')
      .selectAll()
      .where('kind', 'in', kinds)
      .where('active', '=', true)
      .orderBy('tenant')
      .orderBy('id')
      .execute()
    const before = known
    known = new Map(rows.map((row) => [keyOf(row), before.get(keyOf(row)) ?? readRow<K>(row, sealer)]))
    const list = [...known.keys()].join('\n')
    if (list !== told) {
      told = null
      const all = [...known.values()]
      const sources = all.flatMap((each) => ('source' in each && isOurs(each.source, instance) ? [each.source] : []))
      await deps.onChange(
        sources,
        all.flatMap((each) => ('invalid' in each ? [each.invalid] : [])),
      )
      told = list
    }
    mark = now
  }
  const pollAndGoOn = async (): Promise<void> => {
    try {
      await poll()
      if (failed) logger.info({ component: 'source-watch', kinds }, 'following sources again')
      failed = false
    } catch (error) {
      // What was told last stays. The mark is forgotten, for it is not known whether the listener took the list.
      mark = ''
      if (!failed) logger.warn({ component: 'source-watch', kinds, error }, 'sources cannot be followed now')
      failed = true
    }
    if (stopped) return
    timer = setTimeout(() => {
      running = pollAndGoOn()
    }, everyMs)
  }

  return {
    name: 'source-watch',
    async start() {
      stopped = false
      running = pollAndGoOn()
      await running
    },
    async stop() {
      stopped = true
      if (timer !== null) clearTimeout(timer)
      await running
    },
  }
}

/** Changes with every change of a source; answered by an index and the rows of the kinds, without their definitions. */
async function markOf(metadata: Metadata, kinds: readonly string[]): Promise<string> {
  const newest = ({ ref }: ExpressionBuilder<{ sources: SourcesTable }, 'sources'>) =>
    sql<unknown>`max(${ref('updated_at')})`.as('newest')
  const row = await metadata.db
    .selectFrom('sources')
    .select((builder) => [
      builder.fn.countAll().as('many'),
      sql<unknown>`sum(${builder.ref('version')})`.as('versions'),
      newest(builder),
      builder.fn.max('id').as('last'),
    ])
    .where('kind', 'in', kinds)
    .executeTakeFirstOrThrow()
  return [row.many, row.versions, row.newest, row.last].map(String).join(' ')
}

const keyOf = (row: Row): string => `${row.tenant} ${row.id} ${row.version} ${row.updated_at.getTime()}`

function isOurs(source: { readonly definition: object }, instance: string | undefined): boolean {
  const { instance: named } = source.definition as { readonly instance?: string }
  return instance === undefined || named === undefined || named === '' || named === instance
}

function readRow<K extends SourceKind>(row: Row, sealer: Sealer): Read<K> {
  const { tenant, id, name, version, active } = row
  const kind = row.kind as K
  const invalid = (message: string): Read<K> => ({ invalid: { tenant, id, kind, name, version, message } })
  const definition = readDefinition(kind, row.value)
  if (!definition.ok) return invalid(definition.message)
  const secrets = readSecrets(sealer, { tenant, id, kind, sealed: row.secrets })
  if (!secrets.ok) return invalid(secrets.message)
  const source = { tenant, id, kind, name, active, definition: definition.value, secrets: secrets.value, version }
  return { source: source as unknown as Source<K> }
}
