import type { Hierarchy } from './hierarchy.ts'
import type { ProcessNode } from './process-table.ts'
import type { TreeRow } from './rows.ts'

/** Every instance between a root and one that drifts, both included: so that it can be followed when folded. */
export function driftingPath(
  drifting: Iterable<ProcessNode>,
  hierarchy: Pick<Hierarchy, 'parentOf'>,
): Set<ProcessNode> {
  const path = new Set<ProcessNode>()
  for (const one of drifting) {
    for (let at: ProcessNode | undefined = one; at && !path.has(at); at = hierarchy.parentOf(at)) path.add(at)
  }
  return path
}

/**
 * Which guides of each row lead to something that drifts, one letter per indent: `|` the whole line, `l` down to here
 * and across, `t` both, space none. Rows are those of the tree, in order.
 */
export function driftGuides(rows: readonly TreeRow[], path: ReadonlySet<ProcessNode>): string[] {
  const found = new Array<string>(rows.length).fill('')
  if (path.size === 0) return found
  /** By depth: whether a row on the path follows, among the children of the same parent. */
  const below: boolean[] = []
  for (let at = rows.length - 1; at >= 0; at--) {
    const row = rows[at]!
    const on = row.node !== null && path.has(row.node)
    let guides = ''
    for (let depth = 1; depth <= row.depth; depth++) {
      const ends = on && depth === row.depth
      guides += ends ? (below[depth] ? 't' : 'l') : below[depth] ? '|' : ' '
    }
    found[at] = guides
    below.length = Math.min(below.length, row.depth + 1)
    below[row.depth] = below[row.depth] === true || on
  }
  return found
}
