import type { SortKey } from '../../tree/sorting.ts'

export interface TreeColumn {
  readonly key: SortKey | 'line'
  readonly label: string
  readonly about?: string
  readonly left?: boolean
  /** The narrowest table that shows it: a phone shows the name and one number. */
  readonly from: 'any' | 'tablet' | 'desktop' | 'wide'
  /** Nothing to sort by. */
  readonly still?: boolean
}

/** In the order of the grid; widths are in TreeGrid's style, one for each. */
export const treeColumns: readonly TreeColumn[] = [
  { key: 'name', label: 'Process', left: true, from: 'any' },
  { key: 'pid', label: 'PID', from: 'any' },
  { key: 'user', label: 'User', left: true, from: 'tablet' },
  { key: 'line', label: 'Drift, last hour', left: true, from: 'tablet', still: true },
  { key: 'drift', label: 'σ', about: 'How far the group is from its own normal', from: 'tablet' },
  { key: 'cpu', label: 'CPU', about: '100 % is one core', from: 'any' },
  { key: 'rss', label: 'RSS', about: 'Resident memory', from: 'any' },
  { key: 'read', label: 'Read', about: 'Bytes read from storage per second', from: 'tablet' },
  { key: 'write', label: 'Write', about: 'Bytes written to storage per second', from: 'tablet' },
  { key: 'threads', label: 'Threads', from: 'desktop' },
  { key: 'files', label: 'Files', about: 'Open file descriptors', from: 'wide' },
  { key: 'state', label: 'State', left: true, from: 'desktop' },
  { key: 'uptime', label: 'Uptime', from: 'any' },
]
