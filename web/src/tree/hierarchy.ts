import type { ProcessNode } from './process-table.ts'

/** Parents and children of a process table. Every node is reachable from `roots` exactly once. */
export interface Hierarchy {
  readonly roots: readonly ProcessNode[]
  childrenOf(node: ProcessNode): readonly ProcessNode[]
  parentOf(node: ProcessNode): ProcessNode | undefined
}

const none: readonly ProcessNode[] = []

/**
 * Links children to parents by pid. A node whose parent is missing, is itself, or started after it (the
 * parent's pid was given to another process since) becomes a root; so does the lowest pid of a cycle,
 * which a table read while processes come and go can contain.
 */
export function buildHierarchy(nodes: Iterable<ProcessNode>): Hierarchy {
  const byPid = new Map<number, ProcessNode>()
  const all: ProcessNode[] = []
  for (const node of nodes) {
    all.push(node)
    const other = byPid.get(node.pid)
    if (!other || other.ended) byPid.set(node.pid, node)
  }
  const children = new Map<ProcessNode, ProcessNode[]>()
  const parents = new Map<ProcessNode, ProcessNode>()
  const roots: ProcessNode[] = []
  for (const node of all) {
    const parent = byPid.get(node.ppid)
    if (!parent || parent === node || parent.startMs > node.startMs) {
      roots.push(node)
      continue
    }
    parents.set(node, parent)
    const siblings = children.get(parent)
    if (siblings) siblings.push(node)
    else children.set(parent, [node])
  }
  breakCycles(all, roots, children, parents)
  return {
    roots,
    childrenOf: (node) => children.get(node) ?? none,
    parentOf: (node) => parents.get(node),
  }
}

function breakCycles(
  all: readonly ProcessNode[],
  roots: ProcessNode[],
  children: Map<ProcessNode, ProcessNode[]>,
  parents: Map<ProcessNode, ProcessNode>,
): void {
  const reached = new Set<ProcessNode>()
  const reach = (from: ProcessNode): void => {
    const stack = [from]
    for (let node = stack.pop(); node; node = stack.pop()) {
      if (reached.has(node)) continue
      reached.add(node)
      for (const child of children.get(node) ?? none) stack.push(child)
    }
  }
  for (const root of roots) reach(root)
  if (reached.size === all.length) return
  for (const node of [...all].sort((a, b) => a.pid - b.pid)) {
    if (reached.has(node)) continue
    const top = lowestOfCycle(node, parents)
    const parent = parents.get(top)
    if (parent) {
      const siblings = children.get(parent) ?? []
      siblings.splice(siblings.indexOf(top), 1)
      parents.delete(top)
    }
    roots.push(top)
    reach(top)
  }
}

/** Walks up until a node repeats; the repeated stretch is the cycle. */
function lowestOfCycle(from: ProcessNode, parents: Map<ProcessNode, ProcessNode>): ProcessNode {
  const seen = new Set<ProcessNode>()
  let at = from
  while (!seen.has(at)) {
    seen.add(at)
    at = parents.get(at) ?? at
  }
  let lowest = at
  for (let node = parents.get(at); node && node !== at; node = parents.get(node))
    if (node.pid < lowest.pid) lowest = node
  return lowest
}

/** From the root down to the parent of `node`. */
export function ancestorsOf(hierarchy: Hierarchy, node: ProcessNode): ProcessNode[] {
  const chain: ProcessNode[] = []
  for (let parent = hierarchy.parentOf(node); parent; parent = hierarchy.parentOf(parent)) chain.unshift(parent)
  return chain
}
