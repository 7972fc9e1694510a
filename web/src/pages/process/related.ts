import { lastName } from '../../tree/groups.ts'
import type { ProcessTable } from '../../tree/process-table.ts'

/** A group of the same host that started instances of this one, or was started by them. */
export interface RelatedGroup {
  readonly id: string
  readonly name: string
  readonly relation: 'starts it' | 'started by it'
  readonly instances: number
}

/** Neighbours of a group in its host's process tree: parents' groups first, then children's, by name. */
export function relatedGroups(table: ProcessTable, group: string): RelatedGroup[] {
  const parents = new Map<string, number>()
  const children = new Map<string, number>()
  const count = (map: Map<string, number>, id: string) => map.set(id, (map.get(id) ?? 0) + 1)
  for (const node of table.nodes()) {
    if (node.ended) continue
    const parent = table.byPid(node.ppid)
    if (!parent || parent.group === node.group) continue
    if (node.group === group && parent.group) count(parents, parent.group)
    if (parent.group === group && node.group) count(children, node.group)
  }
  const list = (map: Map<string, number>, relation: RelatedGroup['relation']): RelatedGroup[] =>
    [...map]
      .map(([id, instances]) => ({ id, name: lastName(id), relation, instances }))
      .sort((a, b) => a.name.localeCompare(b.name))
  return [...list(parents, 'starts it'), ...list(children, 'started by it')]
}
