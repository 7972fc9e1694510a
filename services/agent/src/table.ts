/** Who an instance is: what changes at exec at most. Texts are already filtered for privacy. */
export interface Identity {
  readonly name: string
  readonly command: string
  readonly user: string
  /** Process id of the group, such as `os:web-1:nginx`. */
  readonly group: string
  /** Container name; empty outside of containers. */
  readonly container: string
}

/** As `ProcessState` of the wire. */
export const State = { unknown: 0, running: 1, sleeping: 2, diskSleep: 3, stopped: 4, zombie: 5, idle: 6 } as const

/** As `EndKind` of the wire. */
export const End = { unknown: 0, success: 1, failure: 2 } as const

/** The columns of a process table: one element per slot, so that a scan allocates nothing. */
export interface Columns {
  /** 0 in a free slot. */
  readonly pid: Int32Array
  /** Milliseconds since the Unix epoch; names an instance together with the pid. */
  readonly startTimeMs: Float64Array
  readonly parentPid: Int32Array
  /** One of `State`. */
  readonly state: Uint8Array
  /** NaN where unknown; so are the byte rates. */
  readonly cpuCores: Float64Array
  readonly residentBytes: Float64Array
  readonly virtualBytes: Float64Array
  readonly readBytesPerSecond: Float64Array
  readonly writeBytesPerSecond: Float64Array
  readonly threads: Int32Array
  /** -1 where unknown. */
  readonly openFiles: Int32Array
  readonly kernelThread: Uint8Array
  /** 1 while the instance may leave the host; 0 for excluded ones. */
  readonly visible: Uint8Array
  /** 1 when the instance is new in this scan or its identity changed. */
  readonly fresh: Uint8Array
  /** 1 once an earlier scan has told of the instance: only then is its end told. */
  readonly announced: Uint8Array
}

/** Instances that ended since the last scan, as parallel arrays. */
export interface Ended {
  readonly pid: number[]
  readonly startTimeMs: number[]
  /** One of `End`. */
  readonly kind: number[]
}

/** The process table of this host. The reader fills it; frames and group sums read it. */
export interface InstanceTable {
  /** Replaced when the table grows: do not keep it across `add`. */
  columns(): Columns
  /** Slots in use are below this number. */
  size(): number
  /** Living instances. */
  count(): number
  identity(slot: number): Identity
  /** The slot of a living pid, or -1. */
  slotOf(pid: number): number
  readonly ended: Ended
  /** Forgets what was fresh and what had ended. */
  beginScan(): void
  /** Makes an instance, invisible until it has an identity. */
  add(pid: number, startTimeMs: number): number
  /** Sets or changes who an instance is; null hides it. */
  identify(slot: number, identity: Identity | null): void
  end(slot: number, kind: number): void
}

const NOBODY: Identity = { name: '', command: '', user: '', group: '', container: '' }
const INITIAL_SLOTS = 512

export function createInstanceTable(): InstanceTable {
  let columns = makeColumns(INITIAL_SLOTS)
  const identities: Identity[] = []
  const slots = new Map<number, number>()
  const free: number[] = []
  const ended: Ended = { pid: [], startTimeMs: [], kind: [] }
  let size = 0

  const recordEnd = (slot: number, kind: number): void => {
    if (columns.announced[slot] === 0) return
    ended.pid.push(columns.pid[slot]!)
    ended.startTimeMs.push(columns.startTimeMs[slot]!)
    ended.kind.push(kind)
  }

  return {
    columns: () => columns,
    size: () => size,
    count: () => slots.size,
    identity: (slot) => identities[slot] ?? NOBODY,
    slotOf: (pid) => slots.get(pid) ?? -1,
    ended,
    beginScan: () => {
      for (let slot = 0; slot < size; slot++) columns.announced[slot]! |= columns.fresh[slot]!
      columns.fresh.fill(0, 0, size)
      ended.pid.length = 0
      ended.startTimeMs.length = 0
      ended.kind.length = 0
    },
    add: (pid, startTimeMs) => {
      const slot = free.pop() ?? size++
      if (slot >= columns.pid.length) columns = grow(columns)
      clearSlot(columns, slot)
      columns.pid[slot] = pid
      columns.startTimeMs[slot] = startTimeMs
      identities[slot] = NOBODY
      slots.set(pid, slot)
      return slot
    },
    identify: (slot, identity) => {
      if (identity === null) {
        recordEnd(slot, End.unknown)
        columns.visible[slot] = 0
        columns.fresh[slot] = 0
        columns.announced[slot] = 0
        identities[slot] = NOBODY
        return
      }
      identities[slot] = identity
      columns.visible[slot] = 1
      columns.fresh[slot] = 1
    },
    end: (slot, kind) => {
      recordEnd(slot, kind)
      slots.delete(columns.pid[slot]!)
      clearSlot(columns, slot)
      identities[slot] = NOBODY
      free.push(slot)
    },
  }
}

function makeColumns(slots: number): Columns {
  return {
    pid: new Int32Array(slots),
    startTimeMs: new Float64Array(slots),
    parentPid: new Int32Array(slots),
    state: new Uint8Array(slots),
    cpuCores: new Float64Array(slots),
    residentBytes: new Float64Array(slots),
    virtualBytes: new Float64Array(slots),
    readBytesPerSecond: new Float64Array(slots),
    writeBytesPerSecond: new Float64Array(slots),
    threads: new Int32Array(slots),
    openFiles: new Int32Array(slots),
    kernelThread: new Uint8Array(slots),
    visible: new Uint8Array(slots),
    fresh: new Uint8Array(slots),
    announced: new Uint8Array(slots),
  }
}

function grow(columns: Columns): Columns {
  const grown = makeColumns(columns.pid.length * 2)
  for (const name of Object.keys(columns) as (keyof Columns)[]) grown[name].set(columns[name])
  return grown
}

function clearSlot(columns: Columns, slot: number): void {
  for (const name of Object.keys(columns) as (keyof Columns)[]) columns[name][slot] = 0
  columns.cpuCores[slot] = Number.NaN
  columns.readBytesPerSecond[slot] = Number.NaN
  columns.writeBytesPerSecond[slot] = Number.NaN
  columns.openFiles[slot] = -1
}
