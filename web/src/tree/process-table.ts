/** A process instance as the server sends it: rates per second, `cpu` in cores (1.0 is one CPU busy), null where unknown. */
export interface ProcessRow {
  readonly pid: number
  readonly ppid: number
  /** ISO 8601; with the pid it names an instance. */
  readonly startTime: string
  readonly name: string
  readonly command: string
  readonly user: string
  readonly state: string
  readonly cpu: number | null
  readonly rssBytes: number | null
  readonly virtualBytes?: number | null
  readonly readBytesPerSecond: number | null
  readonly writeBytesPerSecond: number | null
  readonly threads: number | null
  readonly openFiles: number | null
  /** Process id of the group, such as `os:web-1:nginx`. */
  readonly group: string
  readonly container?: string | null
  readonly kernelThread?: boolean
}

/** Changed fields of one instance; a new instance carries all of them. */
type ProcessUpsert = Partial<ProcessRow> & { readonly pid: number }

export interface ProcessChanges {
  readonly time?: string
  readonly upserts: readonly ProcessUpsert[]
  readonly removed: readonly number[]
}

/**
 * One instance, held for as long as it is on the screen and changed in place, so that a live second
 * costs the cells that changed and nothing else. `version` rises with every change: a row drawn with
 * it is drawn again only when it differs.
 */
export interface ProcessNode {
  readonly key: string
  readonly pid: number
  ppid: number
  readonly startMs: number
  name: string
  command: string
  user: string
  state: string
  cpu: number | null
  rssBytes: number | null
  virtualBytes: number | null
  readBytesPerSecond: number | null
  writeBytesPerSecond: number | null
  threads: number | null
  openFiles: number | null
  group: string
  container: string
  kernelThread: boolean
  version: number
  /** How far its group is from normal, as lists rank it; written before rows are ordered. */
  drift: number
  /** True when it appeared after the first snapshot: it is shown as new for a moment. */
  fresh: boolean
  /** Gone, and still drawn until the next time the order is made. */
  ended: boolean
  /** Lower-case text that a search looks through, made when first searched. */
  haystack: string | null
}

export interface ProcessTable {
  /** Live instances and those that ended since the last `sweep`. */
  nodes(): Iterable<ProcessNode>
  byPid(pid: number): ProcessNode | undefined
  byKey(key: string): ProcessNode | undefined
  /** Instances alive. */
  size(): number
  /** Rises when an instance came, went or changed its parent or names: the order has to be made again. */
  structureVersion(): number
  /** Rises when anything changed. */
  version(): number
  /** Makes the table hold exactly these rows; instances that stay keep their objects. */
  applySnapshot(rows: readonly ProcessRow[]): void
  applyChanges(changes: ProcessChanges): void
  /** Forgets what has ended, and what was new. True when anything was removed. */
  sweep(): boolean
  clear(): void
}

const valueFields = [
  'state',
  'cpu',
  'rssBytes',
  'virtualBytes',
  'readBytesPerSecond',
  'writeBytesPerSecond',
  'threads',
  'openFiles',
] as const

const identityFields = ['ppid', 'name', 'command', 'user', 'group', 'container', 'kernelThread'] as const

export function instanceKey(pid: number, startMs: number): string {
  return `${pid}:${startMs}`
}

const startMsOf = (startTime: string | undefined): number => {
  const parsed = startTime === undefined ? Number.NaN : Date.parse(startTime)
  return Number.isFinite(parsed) ? parsed : 0
}

function createNode(row: ProcessUpsert, fresh: boolean): ProcessNode {
  const startMs = startMsOf(row.startTime)
  return {
    key: instanceKey(row.pid, startMs),
    pid: row.pid,
    ppid: row.ppid ?? 0,
    startMs,
    name: row.name ?? '',
    command: row.command ?? '',
    user: row.user ?? '',
    state: row.state ?? '',
    cpu: row.cpu ?? null,
    rssBytes: row.rssBytes ?? null,
    virtualBytes: row.virtualBytes ?? null,
    readBytesPerSecond: row.readBytesPerSecond ?? null,
    writeBytesPerSecond: row.writeBytesPerSecond ?? null,
    threads: row.threads ?? null,
    openFiles: row.openFiles ?? null,
    group: row.group ?? '',
    container: row.container ?? '',
    kernelThread: row.kernelThread ?? false,
    version: 1,
    drift: 0,
    fresh,
    ended: false,
    haystack: null,
  }
}

/** Writes what differs into the node. Says whether values and whether identity changed. */
function patchNode(node: ProcessNode, row: ProcessUpsert): { values: boolean; identity: boolean } {
  const target = node as unknown as Record<string, unknown>
  const assign = (field: string, value: unknown): boolean => {
    if (value === undefined || target[field] === value) return false
    target[field] = value
    return true
  }
  let values = false
  let identity = false
  for (const field of valueFields) if (assign(field, row[field])) values = true
  for (const field of identityFields) {
    // Texts are never null in a node: a container that is gone is the empty text.
    if (assign(field, row[field] === null ? '' : row[field])) identity = true
  }
  if (identity) node.haystack = null
  if (values || identity) node.version += 1
  return { values, identity }
}

/** The process table of one host as the screen holds it. */
export function createProcessTable(): ProcessTable {
  const live = new Map<number, ProcessNode>()
  const ended = new Set<ProcessNode>()
  let structure = 0
  let version = 0
  let seeded = false

  const end = (node: ProcessNode): void => {
    live.delete(node.pid)
    node.ended = true
    node.state = 'ended'
    node.cpu = null
    node.readBytesPerSecond = null
    node.writeBytesPerSecond = null
    node.version += 1
    ended.add(node)
    structure += 1
  }

  const upsert = (row: ProcessUpsert): void => {
    const known = live.get(row.pid)
    const samePerson = known && (row.startTime === undefined || startMsOf(row.startTime) === known.startMs)
    if (known && samePerson) {
      const changed = patchNode(known, row)
      if (changed.identity) structure += 1
      return
    }
    if (known) end(known)
    // A change to an instance that was never introduced cannot be drawn; the next snapshot brings it.
    if (row.startTime === undefined) return
    live.set(row.pid, createNode(row, seeded))
    structure += 1
  }

  return {
    *nodes() {
      yield* live.values()
      yield* ended
    },
    byPid: (pid) => live.get(pid),
    byKey(key) {
      const pid = Number.parseInt(key, 10)
      const node = live.get(pid)
      if (node?.key === key) return node
      for (const gone of ended) if (gone.key === key) return gone
      return undefined
    },
    size: () => live.size,
    structureVersion: () => structure,
    version: () => version,
    applySnapshot(rows) {
      const seen = new Set<number>()
      for (const row of rows) {
        seen.add(row.pid)
        upsert(row)
      }
      for (const node of [...live.values()]) if (!seen.has(node.pid)) end(node)
      seeded = true
      version += 1
    },
    applyChanges(changes) {
      for (const pid of changes.removed) {
        const node = live.get(pid)
        if (node) end(node)
      }
      for (const row of changes.upserts) upsert(row)
      version += 1
    },
    sweep() {
      const had = ended.size > 0
      ended.clear()
      for (const node of live.values()) {
        if (!node.fresh) continue
        node.fresh = false
        node.version += 1
      }
      if (had) structure += 1
      return had
    },
    clear() {
      live.clear()
      ended.clear()
      seeded = false
      structure += 1
      version += 1
    },
  }
}
