import { join } from 'node:path'
import { commitOf, holdBatchCommits } from '@driftline/platform/bus/embedded/environment'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Component } from '@driftline/platform/lifecycle'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { open, type RootDatabase } from 'lmdb'

/** What an owner of a partition has: the last checkpoint, and the right to store the next. */
export interface Holding {
  /** The last checkpoint, whoever stored it; null for none. */
  readonly bytes: Uint8Array | null
  /** Resolves when it is durable; answers false, having stored nothing, when the partition has another owner. */
  save(bytes: Uint8Array): Promise<boolean>
}

/** Keeps the last checkpoint of each partition, durably. */
export interface CheckpointStore extends Component {
  /** Makes the caller the owner of the partition: from then on nobody who had it before stores anything. */
  take(partition: number): Promise<Holding>
}

/** In a file of its own below the data directory, for the one process that owns it. Errors: `data_dir_unusable`. */
export function createFileCheckpoints(config: { readonly dataDir: string }): CheckpointStore {
  const path = join(config.dataDir, 'analyzer')
  /** Those who own a partition, all of them in this process. */
  const owners = new Map<number, object>()
  let database: RootDatabase<{ bytes: Uint8Array }, number> | null = null
  const opened = () => {
    if (database === null) throw new AppError('stopped', 'the checkpoints are closed')
    return database
  }
  return {
    name: 'analyzer checkpoints',
    async start() {
      try {
        // Without overlapping syncs a write resolves when it is flushed, and one that failed does not hold up the end.
        database = open({ path, encoding: 'msgpack', noMemInit: true, overlappingSync: false })
        holdBatchCommits(database)
      } catch (cause) {
        throw new AppError('data_dir_unusable', `cannot keep checkpoints in ${path}`, { cause })
      }
    },
    async stop() {
      await database?.close()
      database = null
    },
    async take(partition) {
      const owner = {}
      owners.set(partition, owner)
      return {
        bytes: opened().get(partition)?.bytes ?? null,
        async save(bytes) {
          if (owners.get(partition) !== owner) return false
          await commitOf([opened().put(partition, { bytes })])
          return true
        },
      }
    },
  }
}

/** In the metadata store, for instances that take partitions over from each other. Errors: those of Metadata. */
export function createMetadataCheckpoints(deps: {
  readonly metadata: Metadata
  readonly clock: Clock
}): CheckpointStore {
  const { metadata, clock } = deps
  return {
    name: 'analyzer checkpoints',
    async start() {},
    async stop() {},
    async take(partition) {
      const { version, state } = await metadata.db
        .insertInto('analyzer_checkpoints')
        .values({ partition, version: 1, state: '', updated_at: new Date(clock.nowMs()) })
        .onConflict((conflict) =>
          conflict.column('partition').doUpdateSet(({ ref, eb }) => ({
            version: eb(ref('analyzer_checkpoints.version'), '+', 1),
          })),
        )
        .returning(['version', 'state'])
        .executeTakeFirstOrThrow()
      return {
        bytes: state === '' ? null : Buffer.from(state, 'base64'),
        async save(bytes) {
          const saved = await metadata.db
            .updateTable('analyzer_checkpoints')
            .set({ state: Buffer.from(bytes).toString('base64'), updated_at: new Date(clock.nowMs()) })
            .where('partition', '=', partition)
            .where('version', '=', version)
            .returning('partition')
            .executeTakeFirst()
          return saved !== undefined
        },
      }
    },
  }
}
