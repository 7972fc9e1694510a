import type { ProcessItem, Status } from '../../api/types.ts'
import { driftRank } from '../../drift/score.ts'
import { hostOf, kindNames, kindOf, type ProcessKind, readableId } from '../../process-id.ts'

export const sortKeys = [
  'drift',
  'name',
  'cpu',
  'memory',
  'read',
  'write',
  'throughput',
  'executionTime',
  'success',
  'errors',
  'instances',
] as const
export type SortKey = (typeof sortKeys)[number]
export const groupings = ['none', 'kind', 'host', 'category'] as const
export type Grouping = (typeof groupings)[number]

/** A status, or the groups whose last instance has ended, which no other view lists. */
export type Shown = Status | 'ended'

export interface Filters {
  readonly q: string
  readonly status: Shown | null
  readonly kind: ProcessKind | null
  readonly tag: string | null
  readonly category: string | null
}

/** A line of the list: a process, or the heading of a group of them. */
export type Row =
  | { readonly type: 'process'; readonly id: string }
  | { readonly type: 'group'; readonly id: string; readonly name: string; readonly ids: readonly string[] }

export const values: Record<Exclude<SortKey, 'name' | 'drift'>, (item: ProcessItem) => number | null> = {
  cpu: (item) => item.metrics?.values.cpuCores ?? null,
  // What runs has memory, except threads of the kernel, which have none of their own: 0 is no value.
  memory: (item) => item.metrics?.values.memoryBytes || null,
  read: (item) => item.metrics?.values.readBytesPerSecond ?? null,
  write: (item) => item.metrics?.values.writeBytesPerSecond ?? null,
  throughput: (item) => item.metrics?.throughput ?? null,
  executionTime: (item) => item.metrics?.executionTime ?? null,
  success: (item) => item.metrics?.successRate ?? null,
  errors: (item) => item.metrics?.errorRate ?? null,
  instances: (item) => item.metrics?.values.instances ?? null,
}

const names = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

/** True when every word of `q` stands somewhere in id, category, tags or description. */
export function matches(item: ProcessItem, filters: Filters): boolean {
  if (filters.status && filters.status !== 'ended' && item.status !== filters.status) return false
  if (filters.kind && item.kind !== filters.kind) return false
  if (filters.tag && !item.tags.includes(filters.tag)) return false
  if (filters.category && item.category !== filters.category) return false
  if (!filters.q) return true
  const { path, last } = readableId(item.processId)
  const text = `${path}${last} ${item.category ?? ''} ${item.tags.join(' ')} ${item.description ?? ''}`.toLowerCase()
  return filters.q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}

/**
 * Largest first for numbers, A to Z for names; `descending` false turns numbers round, true turns names round. By drift,
 * what is within its normal is all equal and keeps the order of names.
 */
export function compare(key: SortKey, descending: boolean): (a: ProcessItem, b: ProcessItem) => number {
  const byName = (a: ProcessItem, b: ProcessItem) => names.compare(a.processId, b.processId)
  if (key === 'name') return (a, b) => byName(a, b) * (descending ? -1 : 1)
  if (key === 'drift') return (a, b) => (rankOf(b) - rankOf(a)) * (descending ? 1 : -1) || byName(a, b)
  // The last numbers of what is silent are old: they are no place among those of now.
  const value = (item: ProcessItem) => (item.status === 'silent' ? null : values[key](item))
  return (a, b) => {
    const [x, y] = [value(a), value(b)]
    // What has no value stands last, whichever way round.
    if (x === null || y === null) return x === y ? byName(a, b) : x === null ? 1 : -1
    return x === y ? byName(a, b) : (y - x) * (descending ? 1 : -1)
  }
}

function groupName(item: ProcessItem, grouping: Grouping): string {
  if (grouping === 'kind') return kindNames[kindOf(item.processId)]
  if (grouping === 'host') return item.host ?? hostOf(item.processId) ?? 'No host'
  return item.category ?? 'No category'
}

/** What has ended is no place among what lives: its last minutes were those of an end. */
export const rankOf = (item: ProcessItem): number => (item.endedAt === null ? driftRank(item) : 0)

/** Whether a process has something to say of itself: it is off its normal, silent, or an anomaly of it is open. */
export const isTall = (item: ProcessItem): boolean => rankOf(item) > 0

/** How many of each status, of what lives. */
export function countStatuses(items: Iterable<ProcessItem>): Map<Shown, number> {
  const counts = new Map<Shown, number>()
  for (const { status } of items) counts.set(status, (counts.get(status) ?? 0) + 1)
  return counts
}

/** The lines of the list in order: filtered, sorted, and under headings where grouped. */
export function arrange(
  items: Iterable<ProcessItem>,
  filters: Filters,
  sort: { key: SortKey; descending: boolean },
  grouping: Grouping,
): Row[] {
  const shown = [...items].filter((item) => matches(item, filters)).sort(compare(sort.key, sort.descending))
  if (grouping === 'none') return shown.map((item) => ({ type: 'process', id: item.processId }))
  const groups = new Map<string, string[]>()
  for (const item of shown) {
    const name = groupName(item, grouping)
    const ids = groups.get(name)
    if (ids) ids.push(item.processId)
    else groups.set(name, [item.processId])
  }
  return [...groups]
    .sort(([a], [b]) => names.compare(a, b))
    .flatMap(([name, ids]) => [
      { type: 'group', id: `group ${name}`, name, ids } as const,
      ...ids.map((id) => ({ type: 'process', id }) as const),
    ])
}

/** Every tag and category in use, for the filter menus. */
export function facets(items: Iterable<ProcessItem>): {
  tags: string[]
  categories: string[]
  kinds: Map<ProcessKind, number>
} {
  const tags = new Set<string>()
  const categories = new Set<string>()
  const kinds = new Map<ProcessKind, number>()
  for (const item of items) {
    for (const tag of item.tags) tags.add(tag)
    if (item.category) categories.add(item.category)
    kinds.set(item.kind, (kinds.get(item.kind) ?? 0) + 1)
  }
  return { tags: [...tags].sort(names.compare), categories: [...categories].sort(names.compare), kinds }
}
