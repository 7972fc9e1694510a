import { realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { CheckFailure } from '../../check-type.ts'
import { codeOf } from '../../net/connect-failures.ts'

/**
 * Where a path really leads, every symlink followed; null when nothing is there. Errors: CheckFailure
 * `path_not_allowed` when that is not below an allowed root, also for what does not exist: nobody learns from us what
 * there is elsewhere.
 */
export async function realPathOf(path: string, allowedRoots: readonly string[]): Promise<string | null> {
  if (path.includes('\0')) throw notAllowed(path.replaceAll('\0', ''), allowedRoots)
  const roots = await realRootsOf(allowedRoots)
  const wanted = resolve(path)
  let existing = wanted
  let found = await real(existing)
  while (found === null && dirname(existing) !== existing) {
    existing = dirname(existing)
    found = await real(existing)
  }
  if (found === null || !isBelowAny(found, roots)) throw notAllowed(path, allowedRoots)
  return existing === wanted ? found : null
}

/** A FIFO would never answer, a device always. Errors: CheckFailure `path_not_allowed`. */
export async function refuseUnlessFile(realPath: string): Promise<void> {
  const found = await stat(realPath)
  if (!found.isFile()) throw notRegular(realPath)
}

export function notRegular(path: string): CheckFailure {
  return new CheckFailure('path_not_allowed', `${path.slice(0, 300)} is no regular file`, {
    hint: 'Directories, devices, sockets and pipes are not read; name a file',
    retry: 'never',
  })
}

export function isBelowAny(path: string, realRoots: readonly string[]): boolean {
  return realRoots.some((root) => isBelow(path, root))
}

/** Allowed roots as they really are; those that do not exist allow nothing. */
export async function realRootsOf(allowedRoots: readonly string[]): Promise<readonly string[]> {
  return (await Promise.all(allowedRoots.map(real))).filter((root) => root !== null)
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`)
}

async function real(path: string): Promise<string | null> {
  try {
    return await realpath(path)
  } catch (error) {
    // ENOTDIR and ELOOP: something is in the way that leads nowhere; all others are no secret either.
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENAMETOOLONG'].includes(codeOf(error))) return null
    throw error
  }
}

function notAllowed(path: string, allowedRoots: readonly string[]): CheckFailure {
  const why = allowedRoots.length === 0 ? 'no directory is allowed' : 'it is not below an allowed directory'
  return new CheckFailure('path_not_allowed', `Reading ${path.slice(0, 300)} is not allowed: ${why}`, {
    hint: 'Whoever runs Driftline can allow its directory with DRIFTLINE_CHECKER_ALLOWED_ROOTS',
    retry: 'never',
  })
}
