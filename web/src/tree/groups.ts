import { unescapeName } from '../process-id.ts'
import type { ProcessNode } from './process-table.ts'
import type { Sortable } from './sorting.ts'

/** All instances of one group (a service unit, a container, a script), summed. Changed in place, as the nodes are. */
export interface GroupSum extends Sortable {
  readonly key: string
  /** Process id, such as `os:web-1:nginx`. */
  readonly group: string
  name: string
  /** The lowest pid, so that equal groups keep their order. */
  pid: number
  user: string
  state: string
  startMs: number
  cpu: number | null
  rssBytes: number | null
  readBytesPerSecond: number | null
  writeBytesPerSecond: number | null
  threads: number | null
  openFiles: number | null
  count: number
  kernelThreads: number
  drift: number
  version: number
}

/** What a collapsed row says of what it hides. */
export interface SubtreeSum {
  readonly count: number
  readonly cpu: number | null
  readonly rssBytes: number | null
}

const add = (sum: number | null, value: number | null): number | null => (value === null ? sum : (sum ?? 0) + value)

/** The last name of a process id, as people read it: `os:web-1:my~20app` is `my app`. */
export function lastName(processId: string): string {
  return unescapeName(processId.slice(processId.lastIndexOf(':') + 1))
}

function emptySum(key: string, group: string, name: string, version: number): GroupSum {
  return {
    key,
    group,
    name,
    pid: Number.MAX_SAFE_INTEGER,
    user: '',
    state: '',
    startMs: 0,
    cpu: null,
    rssBytes: null,
    readBytesPerSecond: null,
    writeBytesPerSecond: null,
    threads: null,
    openFiles: null,
    count: 0,
    kernelThreads: 0,
    drift: 0,
    version,
  }
}

function addToSum(sum: GroupSum, node: ProcessNode): void {
  sum.pid = Math.min(sum.pid, node.pid)
  sum.user = sum.count === 0 || sum.user === node.user ? node.user : 'several'
  if (sum.count === 0 || node.state === 'running') sum.state = node.state
  sum.startMs = sum.startMs === 0 ? node.startMs : Math.min(sum.startMs, node.startMs)
  sum.cpu = add(sum.cpu, node.cpu)
  // Kernel threads have no memory of their own: their 0 is no measurement.
  if (!node.kernelThread) sum.rssBytes = add(sum.rssBytes, node.rssBytes)
  sum.readBytesPerSecond = add(sum.readBytesPerSecond, node.readBytesPerSecond)
  sum.writeBytesPerSecond = add(sum.writeBytesPerSecond, node.writeBytesPerSecond)
  sum.threads = add(sum.threads, node.threads)
  sum.openFiles = add(sum.openFiles, node.openFiles)
  sum.drift = Math.max(sum.drift, node.drift)
  sum.count += 1
  if (node.kernelThread) sum.kernelThreads += 1
}

export function groupKeyOf(node: ProcessNode): string {
  return `group ${node.group || node.name}`
}

/** Sums the nodes into `sums` (kept objects are reset first, groups without instances removed). */
export function sumGroups(nodes: Iterable<ProcessNode>, sums: Map<string, GroupSum>): Map<string, GroupSum> {
  const stale = new Set(sums.keys())
  for (const node of nodes) {
    const key = groupKeyOf(node)
    let sum = sums.get(key)
    if (!sum || stale.has(key)) {
      const version = (sum?.version ?? 0) + 1
      sum = Object.assign(sum ?? {}, emptySum(key, node.group, node.group ? lastName(node.group) : node.name, version))
      sums.set(key, sum)
      stale.delete(key)
    }
    if (!node.ended) addToSum(sum, node)
  }
  for (const key of stale) sums.delete(key)
  return sums
}

/** Sums everything below `node`, without itself. */
export function sumSubtree(childrenOf: (node: ProcessNode) => readonly ProcessNode[], node: ProcessNode): SubtreeSum {
  let count = 0
  let cpu: number | null = null
  let rssBytes: number | null = null
  const stack = [...childrenOf(node)]
  for (let at = stack.pop(); at; at = stack.pop()) {
    if (!at.ended) {
      count += 1
      cpu = add(cpu, at.cpu)
      rssBytes = add(rssBytes, at.rssBytes)
    }
    for (const child of childrenOf(at)) stack.push(child)
  }
  return { count, cpu, rssBytes }
}
