import { ProcessState, type ProcessTable } from '@driftline/proto'
import type { ProcessRow, ProcessRowChange } from '../schemas/hosts.ts'

/** The process table of a host by pid, in the shape that clients get. */
export type Rows = Map<number, ProcessRow>

/** What a frame changed, as the live channel sends it. */
export interface TableChanges {
  /** A whole row for an instance that is new, else the pid and the fields that changed. */
  readonly upserts: ProcessRowChange[]
  readonly removed: number[]
  /** Whether instances came, went or changed their group. */
  readonly membership: boolean
  /** Values for pids that nobody introduced: frames are missing. */
  readonly orphans: number
}

const STATES: Record<ProcessState, ProcessRow['state']> = {
  [ProcessState.UNSPECIFIED]: 'unknown',
  [ProcessState.RUNNING]: 'running',
  [ProcessState.SLEEPING]: 'sleeping',
  [ProcessState.DISK_SLEEP]: 'disk-sleep',
  [ProcessState.STOPPED]: 'stopped',
  [ProcessState.ZOMBIE]: 'zombie',
  [ProcessState.IDLE]: 'idle',
}

/**
 * Applies a frame to a table in place. A key frame replaces the table; the answer still holds only what differs, so
 * that clients need not care which frame was one.
 */
export function applyFrame(rows: Rows, table: ProcessTable, keyFrame: boolean): TableChanges {
  const changes = new Map<number, ProcessRowChange>()
  const removed = new Set<number>()
  if (keyFrame) removeAbsent(rows, table, removed)
  removeEnded(rows, table, removed)
  const started = applyStarted(rows, table, changes, removed)
  const orphans = applyValues(rows, table, changes)
  return {
    upserts: [...changes.values()],
    removed: [...removed],
    membership: started || removed.size > 0,
    orphans,
  }
}

function removeAbsent(rows: Rows, table: ProcessTable, removed: Set<number>): void {
  const present = new Set(table.started?.pid ?? [])
  for (const pid of rows.keys()) {
    if (present.has(pid)) continue
    rows.delete(pid)
    removed.add(pid)
  }
}

function removeEnded(rows: Rows, table: ProcessTable, removed: Set<number>): void {
  const { ended } = table
  if (!ended) return
  for (let index = 0; index < ended.pid.length; index++) {
    const pid = ended.pid[index]!
    // A pid that was taken again keeps its new instance when the end of the old one comes late.
    if (rows.get(pid)?.startTime !== toIso(ended.startTimeMs[index])) continue
    rows.delete(pid)
    removed.add(pid)
  }
}

function applyStarted(
  rows: Rows,
  table: ProcessTable,
  changes: Map<number, ProcessRowChange>,
  removed: Set<number>,
): boolean {
  const { started } = table
  if (!started) return false
  let membership = false
  for (let index = 0; index < started.pid.length; index++) {
    const fresh = identityAt(table, index)
    const known = rows.get(fresh.pid)
    if (known?.startTime === fresh.startTime) {
      membership = differIdentity(known, fresh, changes) || membership
      continue
    }
    rows.set(fresh.pid, fresh)
    changes.set(fresh.pid, fresh)
    removed.delete(fresh.pid)
    membership = true
  }
  return membership
}

/** A row of a new instance; its values are unknown until `values` bring them. */
function identityAt(table: ProcessTable, index: number): ProcessRow {
  const started = table.started!
  const text = (at: number | undefined): string => table.strings[at ?? 0] ?? ''
  return {
    pid: started.pid[index]!,
    ppid: started.parentPid[index] ?? 0,
    startTime: toIso(started.startTimeMs[index]),
    name: text(started.name[index]),
    command: text(started.command[index]),
    user: text(started.user[index]),
    state: 'unknown',
    cpu: null,
    rssBytes: null,
    virtualBytes: null,
    readBytesPerSecond: null,
    writeBytesPerSecond: null,
    threads: null,
    openFiles: null,
    group: text(started.group[index]),
    container: text(started.container[index]) || null,
    kernelThread: started.kernelThread[index] ?? false,
  }
}

const IDENTITY_FIELDS = ['ppid', 'name', 'command', 'user', 'group', 'container', 'kernelThread'] as const

/** Takes over what exec or a re-parenting changed; answers whether the group is another one. */
function differIdentity(known: ProcessRow, fresh: ProcessRow, changes: Map<number, ProcessRowChange>): boolean {
  const groupChanged = known.group !== fresh.group
  for (const field of IDENTITY_FIELDS) {
    if (known[field] === fresh[field]) continue
    Object.assign(known, { [field]: fresh[field] })
    Object.assign(changeOf(changes, known.pid), { [field]: fresh[field] })
  }
  return groupChanged
}

function applyValues(rows: Rows, table: ProcessTable, changes: Map<number, ProcessRowChange>): number {
  const { values } = table
  if (!values) return 0
  let orphans = 0
  for (let index = 0; index < values.pid.length; index++) {
    const row = rows.get(values.pid[index]!)
    if (!row) {
      orphans++
      continue
    }
    take(row, 'state', STATES[values.state[index] ?? 0] ?? 'unknown', changes)
    take(row, 'cpu', roundTo(values.cpuCores[index], 10_000), changes)
    take(row, 'rssBytes', roundTo(values.residentBytes[index], 1), changes)
    take(row, 'virtualBytes', roundTo(values.virtualBytes[index], 1), changes)
    take(row, 'readBytesPerSecond', roundTo(values.readBytesPerSecond[index], 1), changes)
    take(row, 'writeBytesPerSecond', roundTo(values.writeBytesPerSecond[index], 1), changes)
    take(row, 'threads', roundTo(values.threads[index], 1), changes)
    take(row, 'openFiles', roundTo(values.openFiles[index], 1), changes)
  }
  return orphans
}

type ValueField =
  | 'state'
  | 'cpu'
  | 'rssBytes'
  | 'virtualBytes'
  | 'readBytesPerSecond'
  | 'writeBytesPerSecond'
  | 'threads'
  | 'openFiles'

function take<F extends ValueField>(
  row: ProcessRow,
  field: F,
  value: ProcessRow[F],
  changes: Map<number, ProcessRowChange>,
): void {
  if (row[field] === value) return
  row[field] = value
  const change = changeOf(changes, row.pid)
  if (change !== row) change[field] = value as ProcessRowChange[F]
}

function changeOf(changes: Map<number, ProcessRowChange>, pid: number): ProcessRowChange {
  let change = changes.get(pid)
  if (!change) {
    change = { pid }
    changes.set(pid, change)
  }
  return change
}

/** NaN and what a shorter array lacks are null; numbers are cut to what a person can use, for shorter frames. */
function roundTo(value: number | bigint | undefined, scale: number): number | null {
  if (typeof value === 'bigint') return Number(value)
  if (value === undefined || !Number.isFinite(value)) return null
  return Math.round(value * scale) / scale
}

function toIso(timeMs: bigint | undefined): string {
  return new Date(Number(timeMs ?? 0n)).toISOString()
}

/** Instances per group of a table. */
export function countGroups(rows: Rows): Map<string, number> {
  const counts = new Map<string, number>()
  for (const row of rows.values()) counts.set(row.group, (counts.get(row.group) ?? 0) + 1)
  return counts
}
