import { AppError } from '../errors.ts'

/**
 * Settings of every insert, by version. They make one body one block in the table and in each view, and so make a
 * repeated token mean the same rows. A version is never changed: the writer records which one an insert was begun with
 * and repeats it with that one.
 */
const first = {
  wait_end_of_query: '1',
  async_insert: '0',
  insert_deduplicate: '1',
  deduplicate_blocks_in_dependent_materialized_views: '1',
  parallel_view_processing: '0',
  max_insert_threads: '1',
  max_threads: '1',
  max_block_size: '67108864',
  max_insert_block_size: '67108864',
  min_insert_block_size_rows: '67108864',
  min_insert_block_size_bytes: '1073741824',
  min_insert_block_size_rows_for_materialized_views: '67108864',
  min_insert_block_size_bytes_for_materialized_views: '1073741824',
  max_partitions_per_insert_block: '12',
} as const

const versions: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  1: first,
  2: {
    ...first,
    // The words of log lines cost more than all else of an insert: merges index them, soon after.
    materialize_skip_indexes_on_insert: '0',
    // An old log that is read from its beginning has lines of many days; one record spans at most 50.
    max_partitions_per_insert_block: '100',
  },
}

export const currentInsertSettings = 2

/** Errors: `store_rejected` for a version that this release does not know. */
export function insertSettings(version: number): Readonly<Record<string, string>> {
  const settings = versions[version]
  if (settings === undefined) throw new AppError('store_rejected', `insert settings ${version} are not known`)
  return settings
}
