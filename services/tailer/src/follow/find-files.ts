import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs'
import { isMagic, matchPath, matchSegment, type PathGlob, parseGlob } from './glob.ts'
import { type FileRefusal, type FoundFile, inspectFile, type Roots } from './log-file.ts'
import { isCompressedName } from './rotated-names.ts'

/** Bounds of one look for files. */
export interface FindLimits {
  readonly filesMax: number
  /** Names looked at; a pattern over a whole disk ends there. */
  readonly entriesMax: number
}

export interface Refusal {
  readonly path: string
  readonly reason: FileRefusal | 'path_not_absolute' | 'path_has_dots' | 'path_too_long' | 'too_many_files'
}

export interface Found {
  /** Each file once, whatever its names. */
  readonly files: readonly FoundFile[]
  /** Compressed files that a pattern names; they are read only to go on with a file that was not read to its end. */
  readonly compressed: readonly FoundFile[]
  readonly refusals: readonly Refusal[]
}

const REFUSALS_MAX = 100
const DEPTH_MAX = 32
/** Longest time that a look holds up everything else. */
const TURN_MS = 5

interface Look {
  readonly exclude: readonly PathGlob[]
  readonly limits: FindLimits
  readonly roots: Roots
  readonly files: Map<string, FoundFile>
  readonly compressed: Map<string, FoundFile>
  readonly refusals: Map<string, Refusal>
  entries: number
  turnEndsMs: number
}

/** Finds the files of all patterns. Lets others run every few milliseconds. Directories stand for the files in them. */
export async function findFiles(
  { paths, exclude }: { readonly paths: readonly string[]; readonly exclude: readonly string[] },
  roots: Roots,
  limits: FindLimits,
): Promise<Found> {
  const look: Look = {
    exclude: exclude.map(parseGlob).filter((glob) => 'base' in glob),
    limits,
    roots,
    files: new Map(),
    compressed: new Map(),
    refusals: new Map(),
    entries: 0,
    turnEndsMs: performance.now() + TURN_MS,
  }
  for (const pattern of paths) {
    const glob = parseGlob(pattern)
    if ('problem' in glob) refuse(look, pattern, glob.problem)
    else await lookFor(look, glob)
  }
  return {
    files: [...look.files.values()],
    compressed: [...look.compressed.values()],
    refusals: [...look.refusals.values()],
  }
}

async function lookFor(look: Look, glob: PathGlob): Promise<void> {
  const whole = glob.isPattern ? null : directoryAt(glob.pattern)
  const segments = whole === null ? glob.segments : ['*']
  const base = whole ?? directoryAt(glob.base)
  if (base === null) return
  // Paths keep the name that people wrote; what is compared with roots and targets of symlinks is the real one.
  const shown = whole === null ? glob.base : glob.pattern.replace(/\/+$/, '')
  const realBase = realpathSync(base)
  const open: { readonly path: string; readonly at: number; readonly depth: number }[] = [
    { path: shown, at: 0, depth: 0 },
  ]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path, at, depth } = next
    const segment = segments[at]!
    const isLast = at === segments.length - 1
    if (segment === '**') {
      if (!isLast) open.push({ path, at: at + 1, depth })
      for (const entry of entriesOf(look, path)) {
        if (entry.isDirectory() && depth < DEPTH_MAX) open.push({ path: join(path, entry.name), at, depth: depth + 1 })
        else if (isLast && !entry.name.startsWith('.')) take(look, join(path, entry.name), realBase, true)
      }
    } else if (!isMagic(segment)) {
      if (isLast) take(look, join(path, segment), realBase, glob.isPattern || whole !== null)
      else open.push({ path: join(path, segment), at: at + 1, depth: depth + 1 })
    } else {
      for (const entry of entriesOf(look, path)) {
        if (!matchSegment(segment, entry.name)) continue
        if (!isLast) open.push({ path: join(path, entry.name), at: at + 1, depth: depth + 1 })
        else if (!entry.isDirectory()) take(look, join(path, entry.name), realBase, true)
      }
    }
    if (look.entries > look.limits.entriesMax) return refuse(look, glob.pattern, 'too_many_files')
    await giveWay(look)
  }
}

async function giveWay(look: Look): Promise<void> {
  if (performance.now() < look.turnEndsMs) return
  await new Promise(setImmediate)
  look.turnEndsMs = performance.now() + TURN_MS
}

/** `isPart`: the name was found by a pattern, so that a directory of that name is nothing to speak of. */
function take(look: Look, path: string, base: string, isPart: boolean): void {
  if (look.exclude.some((glob) => matchPath(glob, path))) return
  const found = inspectFile(path, base, look.roots)
  if (found === null) return
  if ('refusal' in found) {
    if (!(isPart && found.refusal === 'not_a_regular_file' && directoryAt(path) !== null)) {
      refuse(look, path, found.refusal)
    }
    return
  }
  const target = isCompressedName(path) ? look.compressed : look.files
  if (target.has(found.key)) return
  if (target.size >= look.limits.filesMax) refuse(look, path, 'too_many_files')
  else target.set(found.key, found)
}

function refuse(look: Look, path: string, reason: Refusal['reason']): void {
  if (look.refusals.size < REFUSALS_MAX) look.refusals.set(path, { path, reason })
}

function entriesOf(look: Look, path: string): Dirent[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true })
    look.entries += entries.length
    return entries
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EACCES' || code === 'EPERM') refuse(look, path, 'permission_denied')
    return []
  }
}

function directoryAt(path: string): string | null {
  try {
    return statSync(path).isDirectory() ? path : null
  } catch {
    return null
  }
}

const join = (directory: string, name: string): string => (directory === '/' ? `/${name}` : `${directory}/${name}`)
