import { type GroupSum, groupKeyOf, sumGroups } from './groups.ts'
import { buildHierarchy, type Hierarchy } from './hierarchy.ts'
import type { ProcessNode } from './process-table.ts'
import { matches, searchTerms } from './search.ts'
import { compareBy, isTextKey, numberOf, type Sort, type Sortable } from './sorting.ts'

export type TreeMode = 'tree' | 'flat' | 'service'

/** One line of the treegrid. Exactly one of `node` and `group` is set. */
export interface TreeRow {
  readonly key: string
  readonly node: ProcessNode | null
  readonly group: GroupSum | null
  /** 0 for a root. */
  readonly depth: number
  /** One letter per indent: `|` a line passes, `t` it branches here, `l` it ends here, space nothing. */
  readonly guides: string
  readonly expandable: boolean
  readonly expanded: boolean
  /** From 1, among its siblings. */
  readonly position: number
  readonly siblings: number
  /** False for an ancestor that is shown only because something below it matches the search. */
  readonly matched: boolean
  /** The group whose drift line stands here: of a group's row, and of its topmost instance in the tree. */
  readonly driftOf: string | null
}

export interface RowOptions {
  readonly mode: TreeMode
  readonly sort: Sort
  readonly query: string
  readonly foldKernelThreads: boolean
  /** What the user folded or unfolded, by row key; rows not named are as their kind is by default. */
  readonly toggled: ReadonlyMap<string, boolean>
  /** Order of the last full sort: given, known rows keep their places and new ones come after their siblings. */
  readonly keepOrder?: ReadonlyMap<string, number>
}

export interface RowList {
  readonly rows: readonly TreeRow[]
  readonly hierarchy: Hierarchy
  readonly groups: ReadonlyMap<string, GroupSum>
  /** Instances that match the search. */
  readonly matched: number
  readonly total: number
  /** Kernel threads left out of a flat list. */
  readonly hiddenKernelThreads: number
  /** Place of every key in this order, to be given back as `keepOrder`. */
  readonly order: ReadonlyMap<string, number>
}

/** Kernel threads are folded into their root (kthreadd) when asked to; everything else starts unfolded. */
export function isExpanded(node: ProcessNode, options: Pick<RowOptions, 'toggled' | 'foldKernelThreads'>): boolean {
  return options.toggled.get(node.key) ?? !(options.foldKernelThreads && node.kernelThread)
}

type Comparator<T> = (a: T, b: T) => number

function comparator<T extends Sortable & { readonly key: string }>(
  base: Comparator<T>,
  keep?: ReadonlyMap<string, number>,
): Comparator<T> {
  if (!keep) return base
  return (a, b) => {
    const placeA = keep.get(a.key) ?? Number.MAX_SAFE_INTEGER
    const placeB = keep.get(b.key) ?? Number.MAX_SAFE_INTEGER
    return placeA - placeB || base(a, b)
  }
}

/**
 * Within a tree, a branch ranks by the largest value in it when the largest comes first: the busiest
 * process is found at the top even when its parents are idle.
 */
function branchPeaks(hierarchy: Hierarchy, sort: Sort): Map<ProcessNode, number> | null {
  if (!sort.descending || isTextKey(sort.key) || sort.key === 'pid' || sort.key === 'uptime') return null
  const peaks = new Map<ProcessNode, number>()
  const order: ProcessNode[] = []
  const stack = [...hierarchy.roots]
  for (let node = stack.pop(); node; node = stack.pop()) {
    order.push(node)
    for (const child of hierarchy.childrenOf(node)) stack.push(child)
  }
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i]!
    let peak = numberOf(node, sort.key)
    for (const child of hierarchy.childrenOf(node)) peak = Math.max(peak, peaks.get(child) ?? peak)
    peaks.set(node, peak)
  }
  return peaks
}

/** The nodes to show for a search (matches and their ancestors), and the matches; null when nothing is searched for. */
function searchIn(nodes: readonly ProcessNode[], hierarchy: Hierarchy, query: string) {
  const terms = searchTerms(query)
  if (terms.length === 0) return null
  const hits = new Set<ProcessNode>()
  const shown = new Set<ProcessNode>()
  for (const node of nodes) {
    if (!matches(node, terms)) continue
    hits.add(node)
    for (let at: ProcessNode | undefined = node; at && !shown.has(at); at = hierarchy.parentOf(at)) shown.add(at)
  }
  return { hits, shown }
}

type Found = ReturnType<typeof searchIn>

function treeRows(hierarchy: Hierarchy, options: RowOptions, found: Found): TreeRow[] {
  const peaks = branchPeaks(hierarchy, options.sort)
  const own = compareBy(options.sort)
  const byPeak: Comparator<ProcessNode> = peaks ? (a, b) => (peaks.get(b) ?? 0) - (peaks.get(a) ?? 0) || own(a, b) : own
  const compare = comparator<ProcessNode>(byPeak, options.keepOrder)
  const visible = (list: readonly ProcessNode[]): ProcessNode[] =>
    (found ? list.filter((node) => found.shown.has(node)) : [...list]).sort(compare)
  const rows: TreeRow[] = []
  // An explicit stack: a chain of 20,000 parents must not overflow the call stack.
  const stack: { list: ProcessNode[]; index: number; depth: number; prefix: string }[] = [
    { list: visible(hierarchy.roots), index: 0, depth: 0, prefix: '' },
  ]
  for (let level = stack.at(-1); level; level = stack.at(-1)) {
    const node = level.list[level.index]
    if (!node) {
      stack.pop()
      continue
    }
    level.index += 1
    const last = level.index === level.list.length
    const below = visible(hierarchy.childrenOf(node))
    const expanded = below.length > 0 && (found ? true : isExpanded(node, options))
    rows.push({
      key: node.key,
      node,
      group: null,
      depth: level.depth,
      guides: level.depth === 0 ? '' : level.prefix + (last ? 'l' : 't'),
      expandable: below.length > 0,
      expanded,
      position: level.index,
      siblings: level.list.length,
      matched: found ? found.hits.has(node) : true,
      driftOf: hierarchy.parentOf(node)?.group === node.group ? null : node.group || null,
    })
    if (!expanded) continue
    const prefix = level.depth === 0 ? '' : level.prefix + (last ? ' ' : '|')
    stack.push({ list: below, index: 0, depth: level.depth + 1, prefix })
  }
  return rows
}

function leafRow(node: ProcessNode, depth: number, index: number, siblings: number): TreeRow {
  return {
    key: node.key,
    node,
    group: null,
    depth,
    guides: depth === 0 ? '' : index === siblings - 1 ? 'l' : 't',
    expandable: false,
    expanded: false,
    position: index + 1,
    siblings,
    matched: true,
    // In a flat list each stands for itself; under its group's row the line would only be repeated.
    driftOf: depth === 0 ? node.group || null : null,
  }
}

function flatRows(
  nodes: readonly ProcessNode[],
  options: RowOptions,
  found: Found,
): { rows: TreeRow[]; hidden: number } {
  const candidates = found ? [...found.hits] : [...nodes]
  const list = options.foldKernelThreads && !found ? candidates.filter((node) => !node.kernelThread) : candidates
  list.sort(comparator(compareBy(options.sort), options.keepOrder))
  return { rows: list.map((node, i) => leafRow(node, 0, i, list.length)), hidden: candidates.length - list.length }
}

function serviceRows(
  nodes: readonly ProcessNode[],
  groups: Map<string, GroupSum>,
  options: RowOptions,
  found: Found,
): TreeRow[] {
  const members = new Map<string, ProcessNode[]>()
  for (const node of found ? found.hits : nodes) {
    const key = groupKeyOf(node)
    const list = members.get(key)
    if (list) list.push(node)
    else members.set(key, [node])
  }
  const shown = [...groups.values()].filter((group) => members.has(group.key))
  shown.sort(comparator(compareBy(options.sort), options.keepOrder))
  const compare = comparator(compareBy(options.sort), options.keepOrder)
  const rows: TreeRow[] = []
  shown.forEach((group, index) => {
    const list = members.get(group.key) ?? []
    const expanded = options.toggled.get(group.key) ?? found !== null
    rows.push({
      key: group.key,
      node: null,
      group,
      depth: 0,
      guides: '',
      expandable: true,
      expanded,
      position: index + 1,
      siblings: shown.length,
      matched: true,
      driftOf: group.group || null,
    })
    if (!expanded) return
    list.sort(compare)
    list.forEach((node, i) => {
      rows.push(leafRow(node, 1, i, list.length))
    })
  })
  return rows
}

/** Makes the lines of the treegrid, in order. Values stay in the nodes; only the order and the shape are made here. */
export function buildRows(
  source: Iterable<ProcessNode>,
  options: RowOptions,
  groups = new Map<string, GroupSum>(),
): RowList {
  const nodes = [...source]
  const hierarchy = buildHierarchy(nodes)
  const found = searchIn(nodes, hierarchy, options.query)
  sumGroups(nodes, groups)
  let hidden = 0
  let rows: TreeRow[]
  if (options.mode === 'tree') rows = treeRows(hierarchy, options, found)
  else if (options.mode === 'service') rows = serviceRows(nodes, groups, options, found)
  else {
    const flat = flatRows(nodes, options, found)
    rows = flat.rows
    hidden = flat.hidden
  }
  return {
    rows,
    hierarchy,
    groups,
    matched: found ? found.hits.size : nodes.length,
    total: nodes.length,
    hiddenKernelThreads: hidden,
    order: keepPlaces(rows, options.keepOrder),
  }
}

/** Folded rows keep the places they had, so that unfolding does not shuffle them. */
function keepPlaces(rows: readonly TreeRow[], before?: ReadonlyMap<string, number>): Map<string, number> {
  const order = new Map<string, number>(before)
  let next = order.size
  if (!before) for (const row of rows) order.set(row.key, next++)
  else for (const row of rows) if (!order.has(row.key)) order.set(row.key, next++)
  return order
}
