import type { FlowHealth, FlowItem } from '../api/flow-types.ts'

export interface FlowFilter {
  readonly text: string
  readonly category: string | null
  readonly tag: string | null
  readonly health: FlowHealth | null
}

export interface FlowGroup {
  readonly category: string
  readonly items: readonly FlowItem[]
}

const without = 'Without a category'

const matches = (item: FlowItem, { text, category, tag, health }: FlowFilter): boolean => {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const heap = [item.name, item.id, item.description, item.owner, item.category, ...item.tags].join(' ').toLowerCase()
  return (
    words.every((word) => heap.includes(word)) &&
    (category === null || (item.category || without) === category) &&
    (tag === null || item.tags.includes(tag)) &&
    (health === null || item.health === health)
  )
}

const byName = (a: FlowItem, b: FlowItem): number => a.name.localeCompare(b.name, undefined, { numeric: true })

/** Flows that a filter lets through, under the headings of their categories; what has none comes last. */
export function flowGroups(items: readonly FlowItem[], filter: FlowFilter): FlowGroup[] {
  const groups = new Map<string, FlowItem[]>()
  for (const item of items) {
    if (!matches(item, filter)) continue
    const name = item.category || without
    groups.set(name, [...(groups.get(name) ?? []), item])
  }
  return [...groups]
    .sort(([a], [b]) => Number(a === without) - Number(b === without) || a.localeCompare(b))
    .map(([category, of]) => ({ category, items: of.sort(byName) }))
}

export const categoriesOf = (items: readonly FlowItem[]): string[] =>
  [...new Set(items.map((item) => item.category).filter(Boolean))].sort((a, b) => a.localeCompare(b))
export const tagsOf = (items: readonly FlowItem[]): string[] =>
  [...new Set(items.flatMap((item) => item.tags))].sort((a, b) => a.localeCompare(b))

/** The finding of the list: how many there are, and how many are not well. */
export function listFinding(items: readonly FlowItem[]): { readonly count: string; readonly say: string } {
  const bad = items.filter((item) => item.health === 'critical').length
  const slow = items.filter((item) => item.health === 'warning').length
  const running = items.filter((item) => item.openRun !== null).length
  const failed = items.filter(
    (item) => item.lastRun !== null && ['failed', 'timeout'].includes(item.lastRun.status),
  ).length
  const verb = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`
  const said = [
    failed > 0 ? `the last run of ${verb(failed, 'flow', 'flows')} failed` : '',
    bad > 0 && failed === 0 ? `${verb(bad, 'is', 'are')} critical` : '',
    slow > 0 ? `${verb(slow, 'drifts', 'drift')}` : '',
    running > 0 ? `${verb(running, 'runs', 'run')} now` : '',
  ].filter(Boolean)
  const ran = items.filter((item) => item.lastRun !== null).length
  const calm = ran === 0 ? 'None has run yet.' : 'Every last run succeeded.'
  const say = said.length === 0 ? calm : `${said.join(', ')}.`
  return { count: `${verb(items.length, 'flow', 'flows')}.`, say: say[0]!.toUpperCase() + say.slice(1) }
}
