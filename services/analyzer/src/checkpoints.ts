import { join } from 'node:path'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Component } from '@driftline/platform/lifecycle'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { open, type RootDatabase } from 'lmdb'

/** The state of one partition at one moment, with how far its input had come. */
export interface Checkpoint {
  /** Only ever grows; an older checkpoint never replaces a newer one, whoever writes it. */
  readonly progress: number
  readonly bytes: Uint8Array
}

/** Keeps the last checkpoint of each partition, durably. */
export interface CheckpointStore extends Component {
  load(partition: number): Promise<Checkpoint | null>
  /** Resolves when it is durable; answers false when a newer one was there. */
  save(partition: number, checkpoint: Checkpoint): Promise<boolean>
}

/** In a file of its own below the data directory, for the one process that owns it. Errors: `data_dir_unusable`. */
export function createFileCheckpoints(config: { readonly dataDir: string }): CheckpointStore {
  const path = join(config.dataDir, 'analyzer')
  let database: RootDatabase<{ progress: number; bytes: Uint8Array }, number> | null = null
  const opened = () => {
    if (database === null) throw new AppError('stopped', 'the checkpoints are closed')
    return database
  }
  return {
    name: 'analyzer checkpoints',
    async start() {
      try {
        database = open({ path, encoding: 'msgpack', noMemInit: true })
      } catch (cause) {
        throw new AppError('data_dir_unusable', `cannot keep checkpoints in ${path}`, { cause })
      }
    },
    async stop() {
      await database?.close()
      database = null
    },
    async load(partition) {
      return opened().get(partition) ?? null
    },
    async save(partition, { progress, bytes }) {
      const db = opened()
      const before = db.get(partition)
      if (before !== undefined && before.progress > progress) return false
      await db.put(partition, { progress, bytes })
      await db.flushed
      return true
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
    async load(partition) {
      const row = await metadata.db
        .selectFrom('analyzer_checkpoints')
        .select(['progress', 'state'])
        .where('partition', '=', partition)
        .executeTakeFirst()
      return row === undefined ? null : { progress: row.progress, bytes: Buffer.from(row.state, 'base64') }
    },
    async save(partition, { progress, bytes }) {
      const row = { progress, state: Buffer.from(bytes).toString('base64'), updated_at: new Date(clock.nowMs()) }
      const saved = await metadata.db
        .insertInto('analyzer_checkpoints')
        .values({ partition, ...row })
        .onConflict((conflict) =>
          conflict.column('partition').doUpdateSet(row).where('analyzer_checkpoints.progress', '<=', progress),
        )
        .returning('partition')
        .executeTakeFirst()
      return saved !== undefined
    },
  }
}
