export type SortKey =
  | 'name'
  | 'pid'
  | 'user'
  | 'drift'
  | 'cpu'
  | 'rss'
  | 'read'
  | 'write'
  | 'threads'
  | 'files'
  | 'state'
  | 'uptime'

export interface Sort {
  readonly key: SortKey
  readonly descending: boolean
}

export const sortKeys: readonly SortKey[] = [
  'name',
  'pid',
  'user',
  'drift',
  'cpu',
  'rss',
  'read',
  'write',
  'threads',
  'files',
  'state',
  'uptime',
]

const textKeys: ReadonlySet<SortKey> = new Set(['name', 'user', 'state'])

/** The direction that a first press on a column's header asks for: most first for numbers, A first for words. */
export function firstDirection(key: SortKey): boolean {
  return !textKeys.has(key) && key !== 'pid'
}

/** What the rows of a tree, groups included, are compared by. */
export interface Sortable {
  readonly name: string
  readonly pid: number
  readonly user: string
  readonly state: string
  readonly startMs: number
  readonly cpu: number | null
  readonly rssBytes: number | null
  readonly readBytesPerSecond: number | null
  readonly writeBytesPerSecond: number | null
  readonly threads: number | null
  readonly openFiles: number | null
  /** Rank of its group by drift; 0 while all is normal. */
  readonly drift: number
}

/** Unknown is less than everything; so it is last when the most comes first. */
export function numberOf(row: Sortable, key: SortKey): number {
  switch (key) {
    case 'pid':
      return row.pid
    case 'drift':
      return row.drift
    case 'cpu':
      return row.cpu ?? -1
    case 'rss':
      return row.rssBytes ?? -1
    case 'read':
      return row.readBytesPerSecond ?? -1
    case 'write':
      return row.writeBytesPerSecond ?? -1
    case 'threads':
      return row.threads ?? -1
    case 'files':
      return row.openFiles ?? -1
    case 'uptime':
      return row.startMs > 0 ? -row.startMs : Number.NEGATIVE_INFINITY
    default:
      return 0
  }
}

// One collator for all comparisons: String.localeCompare makes one for each call, which at 20,000 rows is the whole time.
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/**
 * Compares by the sort's column, then by pid, so that equal rows never change places. On most hosts most rows are
 * equal (idle), so the second comparison is the one that has to be cheap.
 */
export function compareBy(sort: Sort): (a: Sortable, b: Sortable) => number {
  const sign = sort.descending ? -1 : 1
  const textOf = (row: Sortable): string =>
    sort.key === 'user' ? row.user : sort.key === 'state' ? row.state : row.name
  const primary = textKeys.has(sort.key)
    ? (a: Sortable, b: Sortable) => collator.compare(textOf(a), textOf(b))
    : (a: Sortable, b: Sortable) => numberOf(a, sort.key) - numberOf(b, sort.key)
  return (a, b) => sign * primary(a, b) || a.pid - b.pid || a.startMs - b.startMs
}

export function isTextKey(key: SortKey): boolean {
  return textKeys.has(key)
}
