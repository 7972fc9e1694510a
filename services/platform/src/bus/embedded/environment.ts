import { type Database, open } from 'lmdb'

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
  return open<Buffer, K>({
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
