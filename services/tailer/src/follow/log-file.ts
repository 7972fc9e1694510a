import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, realpathSync } from 'node:fs'

/** Why a path is not read. Stable words, metric labels too. */
export type FileRefusal =
  | 'not_a_regular_file'
  | 'symlink_outside'
  | 'outside_allowed_roots'
  | 'own_output'
  | 'permission_denied'
  | 'unreadable'

/** Which files may be read at all; real paths. */
export interface Roots {
  /** Null: all but `denied`. */
  readonly allowed: readonly string[] | null
  readonly denied: readonly string[]
}

/** What the file system says of a file. */
export interface FileFacts {
  /** Device and inode. */
  readonly key: string
  readonly size: number
  readonly mtimeMs: number
}

export interface FoundFile extends FileFacts {
  /** As the pattern found it. */
  readonly path: string
  /** Its target, when it is a symlink. */
  readonly realPath: string
  /** The directory of the pattern, which it must not lead out of. */
  readonly base: string
}

const isBelow = (path: string, root: string): boolean =>
  path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`)

/** Answers null for a file that is gone. A FIFO, a device or a socket is told by its kind and never opened. */
export function inspectFile(
  path: string,
  base: string,
  roots: Roots,
): FoundFile | { readonly refusal: FileRefusal } | null {
  try {
    let realPath = path
    let stat = lstatSync(path, { bigint: true })
    if (stat.isSymbolicLink()) {
      realPath = realpathSync(path)
      if (!isBelow(realPath, base)) return { refusal: 'symlink_outside' }
      stat = lstatSync(realPath, { bigint: true })
    }
    if (!stat.isFile()) return { refusal: 'not_a_regular_file' }
    const refusal = refusedPlace(realPath, roots)
    if (refusal !== null) return { refusal }
    return { path, realPath, base, ...factsOf(stat) }
  } catch (error) {
    return refusalOf(error)
  }
}

export function refusedPlace(realPath: string, roots: Roots): FileRefusal | null {
  const allowed = roots.allowed === null || roots.allowed.some((root) => isBelow(realPath, root))
  return allowed && !roots.denied.some((root) => isBelow(realPath, root)) ? null : 'outside_allowed_roots'
}

/**
 * Opens a file for reading; null when it is gone, or another one is in its place since it was inspected. No symlink is
 * followed, and what is no regular file, or another place than the one that was allowed, is closed again.
 */
export function openLogFile(
  { realPath, base, key }: Pick<FoundFile, 'realPath' | 'base' | 'key'>,
  roots: Roots,
): { readonly descriptor: number; readonly facts: FileFacts } | { readonly refusal: FileRefusal } | null {
  let descriptor: number
  try {
    descriptor = openSync(realPath, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    return refusalOf(error)
  }
  const stat = fstatSync(descriptor, { bigint: true })
  const facts = factsOf(stat)
  const refusal = !stat.isFile()
    ? 'not_a_regular_file'
    : isOwnOutput(facts.key)
      ? 'own_output'
      : refusedAt(placeOf(descriptor, realPath), base, roots)
  if (refusal === null && facts.key === key) return { descriptor, facts }
  closeSync(descriptor)
  return refusal === null ? null : { refusal }
}

/** A directory on the way may be a symlink, too. */
function refusedAt(place: string, base: string, roots: Roots): FileRefusal | null {
  return isBelow(place, base) ? refusedPlace(place, roots) : 'symlink_outside'
}

/** What the product writes to its standard output and error must not come back as its input. */
function isOwnOutput(key: string): boolean {
  return [1, 2].some((descriptor) => {
    try {
      const stat = fstatSync(descriptor, { bigint: true })
      return stat.isFile() && factsOf(stat).key === key
    } catch {
      return false
    }
  })
}

/** Linux tells where an open file is, whatever a directory above it was replaced by in between. */
function placeOf(descriptor: number, otherwise: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).replace(/ \(deleted\)$/, '')
  } catch {
    return realpathSync(otherwise)
  }
}

function factsOf(stat: { dev: bigint; ino: bigint; size: bigint; mtimeMs: bigint }): FileFacts {
  return { key: `${stat.dev}:${stat.ino}`, size: Number(stat.size), mtimeMs: Number(stat.mtimeMs) }
}

function refusalOf(error: unknown): { readonly refusal: FileRefusal } | null {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return null
  if (code === 'EACCES' || code === 'EPERM') return { refusal: 'permission_denied' }
  // A symlink that came in between, or leads in a circle; a device without its driver.
  if (code === 'ELOOP' || code === 'ENXIO' || code === 'ENODEV') return { refusal: 'not_a_regular_file' }
  return { refusal: 'unreadable' }
}
