import { constants } from 'node:fs'
import { lstat, open, opendir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckFailure } from '../../check-type.ts'
import { codeOf, timeUp } from '../../net/connect-failures.ts'
import { isBelowAny, notRegular, realPathOf, realRootsOf } from './local-path.ts'
import { type FoundFile, type FoundFiles, matchesName, NAMES_MAX, splitLast, tooManyNames } from './store.ts'

const PIECE_BYTES = 65_536

/** Files of the machine that runs the checks, below the allowed roots only. */
export async function findLocal(
  path: string,
  allowedRoots: readonly string[],
  signal: AbortSignal,
): Promise<FoundFiles> {
  const roots = await realRootsOf(allowedRoots)
  const { directory, name } = splitLast(path)
  const paths = name.includes('*') ? await matches(directory, name, allowedRoots, signal) : [path]
  let newest: FoundFile | null = null
  let count = 0
  for (const each of paths) {
    signal.throwIfAborted()
    const real = await realPathOf(each, allowedRoots)
    const found = real === null ? null : await inspect(each, real, roots, signal)
    if (found === null) continue
    count++
    if (newest === null || found.modifiedMs > newest.modifiedMs) newest = found
  }
  return { count, file: newest, close: async () => {} }
}

/** Regular files and links only: what else has a matching name is not what a pattern is about. */
async function matches(
  directory: string,
  pattern: string,
  allowedRoots: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const real = await realPathOf(directory, allowedRoots)
  if (real === null) return []
  const found: string[] = []
  let seen = 0
  try {
    for await (const entry of await opendir(real)) {
      signal.throwIfAborted()
      if (++seen > NAMES_MAX) throw tooManyNames(directory)
      if (entry.isFile() && matchesName(pattern, entry.name)) found.push(join(real, entry.name))
    }
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return []
    throw unreadable(error, directory)
  }
  return found
}

async function inspect(
  path: string,
  real: string,
  roots: readonly string[],
  signal: AbortSignal,
): Promise<FoundFile | null> {
  try {
    const facts = await lstat(real)
    if (!facts.isFile()) throw notRegular(path)
    const read = (start: number, count: number) => readPieces(path, real, { roots, start, count, signal })
    return { name: splitLast(path).name, size: facts.size, modifiedMs: facts.mtimeMs, read }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw unreadable(error, path)
  }
}

async function* readPieces(
  path: string,
  real: string,
  { roots, start, count, signal }: { roots: readonly string[]; start: number; count: number; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const startedMs = performance.now()
  // No link is followed and no pipe waited for, should somebody have put one there since.
  const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error) => {
    throw unreadable(error, path)
  })
  try {
    if (!(await file.stat()).isFile()) throw notRegular(path)
    await refuseMoved(file.fd, path, roots)
    for (let done = 0; done < count; ) {
      if (signal.aborted) throw timeUp(`Reading ${path}`, startedMs, signal.reason)
      const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, count - done))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, start + done)
      if (bytesRead === 0) return
      done += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

/** A directory on the way may have become a link to elsewhere since it was looked at; Linux says where we are. */
async function refuseMoved(descriptor: number, path: string, roots: readonly string[]): Promise<void> {
  const opened = await readlink(`/proc/self/fd/${descriptor}`).catch(() => null)
  if (opened === null || isBelowAny(opened.replace(/ \(deleted\)$/, ''), roots)) return
  throw new CheckFailure('path_not_allowed', `Reading ${path} is not allowed: it was moved away`, { retry: 'never' })
}

function unreadable(error: unknown, path: string): unknown {
  if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') {
    return new CheckFailure('path_not_allowed', `${path} may not be read by the user that runs the checks`, {
      hint: 'Let that user read it, for example through its group',
      cause: error,
    })
  }
  if (codeOf(error) === 'ELOOP' || codeOf(error) === 'ENXIO') return notRegular(path)
  return error
}
