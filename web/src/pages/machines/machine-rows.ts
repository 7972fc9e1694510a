import type { ProcessItem, Status } from '../../api/types.ts'
import { plainSeries, type SeriesItem } from '../../charts/use-plain-series.ts'
import { idParts } from '../../process-id.ts'
import { compare, matches, type SortKey } from '../overview/rows.ts'

export const machineSortKeys = [
  'drift',
  'name',
  'executionTime',
  'success',
  'errors',
  'throughput',
] as const satisfies readonly SortKey[]
export type MachineSortKey = (typeof machineSortKeys)[number]

/** A site: the first name of its machines' ids, with the worst of them. */
export interface Site {
  readonly name: string
  readonly machines: readonly ProcessItem[]
  readonly worst: Status
  /** How many are not well. */
  readonly off: number
}

/** Worse ones first. */
const order: readonly Status[] = ['critical', 'warning', 'silent', 'learning', 'ok']
const names = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

/** `device:plant-a:press-3` stands at `plant-a`; a machine of one name at none. */
export function siteOf(id: string): string {
  const parts = idParts(id)
  return parts.length > 2 ? (parts[1] ?? '') : ''
}

export const worstOf = (items: readonly ProcessItem[]): Status =>
  order.find((status) => items.some((item) => item.status === status)) ?? 'ok'

/** Machines that have every word of `query`, by site; sites by name, so that each has its place. */
export function sitesOf(
  items: readonly ProcessItem[],
  query: string,
  sort: { readonly key: MachineSortKey; readonly descending: boolean },
): Site[] {
  const filters = { q: query.trim(), status: null, kind: 'device', tag: null, category: null } as const
  const groups = new Map<string, ProcessItem[]>()
  for (const item of items
    .filter((one) => one.kind === 'device' && matches(one, filters))
    .sort(compare(sort.key, sort.descending))) {
    const site = siteOf(item.processId)
    const group = groups.get(site)
    if (group) group.push(item)
    else groups.set(site, [item])
  }
  return [...groups]
    .sort(([a], [b]) => names.compare(a, b))
    .map(([name, machines]) => ({
      name,
      machines,
      worst: worstOf(machines),
      off: machines.filter((one) => one.status === 'critical' || one.status === 'warning' || one.status === 'silent')
        .length,
    }))
}

/** The few values that a row has room for: the one that is off first, then by name. */
export function mainValues(series: readonly SeriesItem[], off: string | null, most: number): SeriesItem[] {
  return plainSeries(series)
    .filter((one) => one.lastValue !== null)
    .sort((a, b) => Number(b.metric === off) - Number(a.metric === off) || names.compare(a.metric, b.metric))
    .slice(0, most)
}
