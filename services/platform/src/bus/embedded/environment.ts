import { type Database, open, type RootDatabase } from 'lmdb'

export interface EnvironmentOptions {
  /** Address space, not memory: the file can grow up to this. */
  readonly mapBytes: number
}

/** One LMDB environment with one database of binary values under 32-bit keys or text keys. */
export type Environment<K extends number | string> = Database<Buffer, K>

/**
 * Opens an environment whose writes resolve when they are flushed: without `overlappingSync` a commit is LMDB's own,
 * two syncs with the meta page last, and was as quick in measurements. A fixed map spares remapping under readers.
 */
export function openEnvironment<K extends number | string>(path: string, options: EnvironmentOptions): Environment<K> {
  const environment = open<Buffer, K>({
    path,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: path.endsWith('segment.mdb') ? 'uint32' : 'ordered-binary',
    overlappingSync: false,
    noMemInit: true,
    maxDbs: 1,
    maxReaders: 8,
    mapSize: options.mapBytes,
  })
  holdBatchCommits(environment)
  return environment
}

/**
 * lmdb-js keeps a promise of its own for each batch of writes and gives it to nobody. When the commit fails, as on a
 * full disk, it would end the process as an unhandled rejection, though the writers were told. It is there from the
 * end of the turn in which `beforecommit` is told, so that it can be held then.
 */
export function holdBatchCommits<V, K extends number | string>(database: RootDatabase<V, K>): void {
  const ignore = (): void => {}
  const hold = (): void => void database.committed.then(ignore, ignore)
  database.on('beforecommit', () => process.nextTick(hold))
}

/**
 * Waits for a write and throws what LMDB said. lmdb-js hides the cause in a second promise, which would end the
 * process as an unhandled rejection if nobody looked at it.
 */
export async function commitOf(writes: readonly Promise<boolean>[]): Promise<void> {
  const results = await Promise.allSettled(writes)
  let failure: unknown
  for (const result of results) {
    if (result.status === 'fulfilled') {
      if (!result.value) failure ??= new Error('LMDB refused a write that was not conditional')
      continue
    }
    const { commitError } = result.reason as { commitError?: Promise<unknown> }
    const cause = commitError === undefined ? result.reason : await commitError.catch((error: unknown) => error)
    failure ??= cause
  }
  if (failure !== undefined) throw failure
}
