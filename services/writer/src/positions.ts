import { AppError } from '@driftline/platform/errors'
import type { Metadata } from '@driftline/platform/metadata/metadata'

/** An insert that may or may not have happened: it is repeated exactly, under the same token, until it is known. */
interface Intent {
  /** The range is from the position's `nextOffset` to here, exclusive. */
  readonly to: number
  readonly token: string
  /** Version of the insert settings that it was begun with. */
  readonly settings: number
}

/** What one source has sent: from epoch to the highest sequence. */
interface SourceSequences {
  readonly tenant: string
  readonly source: string
  readonly sequences: Readonly<Record<string, string>>
}

/** How far one partition has come. Plain data: it is stored as it is. */
export interface Position {
  /** Offset of the first record that is not yet in the store. */
  nextOffset: number
  intent: Intent | null
  /** Records below this offset have been judged: those in `repeats` are left out, all others inserted. */
  judgedTo: number
  /** Offsets from `nextOffset` to `judgedTo` that repeat an earlier record of their source. Ascending. */
  repeats: number[]
  /** Highest sequences as of `judgedTo`: what tells a repeat. */
  sources: readonly SourceSequences[]
  /** Names the log that the offsets count in: tokens of another one must never collide with these. */
  generation: string
}

/**
 * Durable positions with fencing: a writer that lost its partition cannot overwrite what the new owner has stored.
 * Errors: those of the metadata store; `metadata_conflict` when the version is not the expected one.
 */
export interface PositionStore {
  load(topic: string, partition: number): Promise<{ position: Position; version: number } | null>
  /** Stores if the version is still `expected` (null: if there is none yet) and answers the new version. */
  save(topic: string, partition: number, position: Position, expected: number | null): Promise<number>
}

const CONFLICT = 'another writer has taken the partition over'

/** Positions in table `writer_positions` of the metadata store. */
export function createPositionStore(metadata: Metadata): PositionStore {
  return {
    async load(topic, partition) {
      const row = await metadata.db
        .selectFrom('writer_positions')
        .selectAll()
        .where('topic', '=', topic)
        .where('partition', '=', partition)
        .executeTakeFirst()
      if (row === undefined) return null
      const rest = JSON.parse(row.sequences) as Omit<Position, 'nextOffset' | 'intent'>
      const intent = row.intent === null ? null : (JSON.parse(row.intent) as Intent)
      return { position: { ...rest, nextOffset: row.next_offset, intent }, version: row.version }
    },

    async save(topic, partition, position, expected) {
      const { nextOffset, intent, ...rest } = position
      const columns = {
        next_offset: nextOffset,
        intent: intent === null ? null : JSON.stringify(intent),
        sequences: JSON.stringify(rest),
      }
      if (expected === null) {
        await metadata.db
          .insertInto('writer_positions')
          .values({ topic, partition, ...columns, version: 1 })
          .execute()
        return 1
      }
      const saved = await metadata.db
        .updateTable('writer_positions')
        .set({ ...columns, version: expected + 1 })
        .where('topic', '=', topic)
        .where('partition', '=', partition)
        .where('version', '=', expected)
        .returning('version')
        .executeTakeFirst()
      if (saved === undefined) throw new AppError('metadata_conflict', CONFLICT, { retryable: true })
      return saved.version
    },
  }
}
