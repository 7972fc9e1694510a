/**
 * Patterns of files: an absolute path whose segments may hold `*`, `?` and `[a-z]`; the segment `**` stands for any
 * number of directories. A segment is matched in at most text times pattern steps, so no pattern can stall a scan.
 */
export interface PathGlob {
  readonly pattern: string
  /** The directory before the first segment that is a pattern; for a plain path, the directory it lies in. */
  readonly base: string
  /** Segments below `base`. */
  readonly segments: readonly string[]
  /** Whether any segment is a pattern. */
  readonly isPattern: boolean
}

export type GlobProblem = 'path_not_absolute' | 'path_has_dots' | 'path_too_long'

const SEGMENTS_MAX = 64
const LENGTH_MAX = 4096
const MAGIC = /[*?[]/

export function parseGlob(pattern: string): PathGlob | { readonly problem: GlobProblem } {
  if (!pattern.startsWith('/')) return { problem: 'path_not_absolute' }
  const all = pattern.split('/').filter((segment) => segment !== '' && segment !== '.')
  if (all.includes('..')) return { problem: 'path_has_dots' }
  if (all.length === 0 || all.length > SEGMENTS_MAX || pattern.length > LENGTH_MAX || pattern.includes('\0')) {
    return { problem: 'path_too_long' }
  }
  const firstMagic = all.findIndex((segment) => MAGIC.test(segment))
  const plain = firstMagic === -1 ? all.length - 1 : firstMagic
  return {
    pattern,
    base: `/${all.slice(0, plain).join('/')}`,
    segments: all.slice(plain),
    isPattern: firstMagic !== -1,
  }
}

/** Whether a path is one of those that a pattern stands for, or lies below one of them. */
export function matchPath(glob: PathGlob, path: string): boolean {
  const names = path.split('/').filter((name) => name !== '')
  const pattern = [...glob.base.split('/').filter((name) => name !== ''), ...glob.segments]
  // Reachable places in the pattern after each name: at most names times segments steps.
  let places = new Set([0])
  for (const name of names) {
    const next = new Set<number>()
    for (const place of places) {
      if (place === pattern.length) return true
      if (pattern[place] === '**') {
        next.add(place)
        if (place + 1 === pattern.length) return true
        if (matchSegment(pattern[place + 1]!, name)) next.add(place + 2)
      } else if (matchSegment(pattern[place]!, name)) next.add(place + 1)
    }
    places = next
  }
  return places.has(pattern.length)
}

export const isMagic = (segment: string): boolean => MAGIC.test(segment)

/** Whether a name fits one segment. A leading dot is matched by a leading dot only. */
export function matchSegment(pattern: string, name: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false
  let p = 0
  let n = 0
  let star = -1
  let starName = 0
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p++
      starName = n
      continue
    }
    const next = p < pattern.length ? matchOne(pattern, p, name[n]!) : -1
    if (next !== -1) {
      p = next
      n += 1
    } else if (star >= 0) {
      // Only the last star is tried again: an earlier one cannot do better.
      p = star + 1
      n = ++starName
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

/** Where the pattern goes on after it took one character, or -1. A `[` that is never closed is itself. */
function matchOne(pattern: string, at: number, character: string): number {
  const wanted = pattern[at]!
  if (wanted === '?') return at + 1
  const close = wanted === '[' ? pattern.indexOf(']', at + 2) : -1
  if (close === -1) return wanted === character ? at + 1 : -1
  const negated = pattern[at + 1] === '!' || pattern[at + 1] === '^'
  return inClass(pattern.slice(at + (negated ? 2 : 1), close), character) !== negated ? close + 1 : -1
}

function inClass(characters: string, character: string): boolean {
  for (let i = 0; i < characters.length; i++) {
    if (characters[i + 1] === '-' && i + 2 < characters.length) {
      if (characters[i]! <= character && character <= characters[i + 2]!) return true
      i += 2
    } else if (characters[i] === character) return true
  }
  return false
}
