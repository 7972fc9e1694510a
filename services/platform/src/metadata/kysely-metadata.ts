import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Dialect, Kysely, type KyselyPlugin, sql } from 'kysely'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Metadata } from './metadata.ts'
import { migrate, type SqlWords } from './migrations.ts'
import { columnKinds, type Database } from './tables.ts'
import { createValuePlugin } from './value-plugin.ts'

export interface KyselyMetadataConfig {
  readonly name: string
  readonly words: SqlWords
  /** How long the start waits for a database that does not answer yet. */
  readonly startWithinMs: number
}

export interface MetadataDeps {
  readonly logger: Logger
  readonly clock: Clock
}

const RETRY_PAUSE_MS = 500

/** What both implementations share; the dialect brings a connection whose errors are already translated. */
export function createKyselyMetadata(config: KyselyMetadataConfig, dialect: Dialect, deps: MetadataDeps): Metadata {
  let stopped = false
  const inTransaction = new AsyncLocalStorage<{ open: boolean }>()
  const unguarded = new Kysely<Database>({ dialect, plugins: [createValuePlugin(columnKinds)] })
  const refuseStopped = (): void => {
    if (stopped) throw new AppError('stopped', 'The metadata store has been stopped')
  }
  const db = unguarded.withPlugin(
    createGuard(() => {
      refuseStopped()
      if (inTransaction.getStore()?.open) throw new Error('Use the transaction: metadata.db would wait for it forever')
    }),
  )

  return {
    name: config.name,
    db,
    start: () => startWithRetries(config, deps, () => migrate(unguarded, config.words, deps.clock.nowMs())),
    async stop() {
      if (stopped) return
      stopped = true
      await unguarded.destroy()
    },
    async transaction(work) {
      refuseStopped()
      if (inTransaction.getStore()?.open) throw new Error('A transaction cannot be started inside another')
      return unguarded.transaction().execute(async (transaction) => {
        const scope = { open: true }
        try {
          return await inTransaction.run(scope, () => work(transaction))
        } finally {
          scope.open = false
        }
      })
    },
    async ping() {
      try {
        await sql`select 1`.execute(db)
        return true
      } catch {
        return false
      }
    },
  }
}

/** Services and their database are often started together; whoever is first waits, and says for what. */
async function startWithRetries(
  config: KyselyMetadataConfig,
  deps: MetadataDeps,
  attempt: () => Promise<void>,
): Promise<void> {
  const giveUpAtMs = deps.clock.nowMs() + config.startWithinMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      const mayRetry = error instanceof AppError && error.retryable && deps.clock.nowMs() < giveUpAtMs
      if (!mayRetry) throw error
      deps.logger.warn({ component: config.name, reason: error.message }, 'waiting for the metadata database')
    }
    await sleep(RETRY_PAUSE_MS)
  }
}

function createGuard(check: () => void): KyselyPlugin {
  return {
    transformQuery({ node }) {
      check()
      return node
    },
    transformResult: async ({ result }) => result,
  }
}
