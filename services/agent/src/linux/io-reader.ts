import type { InstanceTable } from '../table.ts'
import { type ProcFiles, READ_DENIED } from './proc-files.ts'
import type { SlotMemory } from './slots.ts'
import { parseProcessIo } from './stat-parser.ts'

/** Scans after its last movement for which a counter is still read every time. */
const ACTIVE_SCANS = 10
/** Counters at rest are looked at every so many scans, in turns. */
const REST_SCANS = 10

export interface IoVisit {
  readonly pid: number
  /** Monotonic seconds. */
  readonly now: number
  /** The process used CPU time or changed its memory since the last scan. */
  readonly ran: boolean
  /** Seconds since its start if it began since the last scan, else NaN. */
  readonly age: number
}

/** Storage bytes of each process, as rates. */
export interface IoReader {
  read(table: InstanceTable, memory: SlotMemory, slot: number, visit: IoVisit): void
  /** A zombie does no more. */
  none(table: InstanceTable, memory: SlotMemory, slot: number): void
}

/**
 * A process at rest moves no bytes, so its counters are read when it ran, when they moved lately, or else in turns;
 * a rate is always over the time since its own last reading. Only active counters keep a descriptor.
 */
export function createIoReader(procRoot: string, files: ProcFiles): IoReader {
  const io = { readBytes: 0, writeBytes: 0 }

  const readFile = (memory: SlotMemory, slot: number, pid: number): number => {
    const kept = memory.ioFile[slot]!
    if (kept >= 0) return files.readKept(kept)
    const path = `${procRoot}/${pid}/io`
    if (memory.ioActive[slot]! < ACTIVE_SCANS || !files.keepable()) return files.readOnce(path)
    const opened = files.open(path)
    if (opened < 0) return opened
    memory.ioFile[slot] = opened
    return files.readKept(opened)
  }
  const rest = (memory: SlotMemory, slot: number): void => {
    if (memory.ioFile[slot]! < 0) return
    files.close(memory.ioFile[slot]!)
    memory.ioFile[slot] = -1
  }

  return {
    read: (table, memory, slot, { pid, now, ran, age }) => {
      if (memory.ioDenied[slot] === 1) return
      const before = memory.ioAt[slot]!
      const active = memory.ioActive[slot]!
      if (!ran && active === 0 && before > 0 && (memory.seen[slot]! + slot) % REST_SCANS !== 0) return
      const length = readFile(memory, slot, pid)
      if (length === READ_DENIED) memory.ioDenied[slot] = 1
      if (length <= 0 || !parseProcessIo(files.buffer, length, io)) return
      const columns = table.columns()
      const moved = io.readBytes !== memory.readBytes[slot] || io.writeBytes !== memory.writeBytes[slot]
      const seconds = before > 0 ? Math.max(now - before, 0.001) : age
      if (seconds > 0) {
        columns.readBytesPerSecond[slot] = Math.max(0, io.readBytes - memory.readBytes[slot]!) / seconds
        columns.writeBytesPerSecond[slot] = Math.max(0, io.writeBytes - memory.writeBytes[slot]!) / seconds
      }
      memory.ioActive[slot] = before === 0 ? 1 : moved ? ACTIVE_SCANS : Math.max(0, active - 1)
      if (memory.ioActive[slot] === 0) rest(memory, slot)
      memory.readBytes[slot] = io.readBytes
      memory.writeBytes[slot] = io.writeBytes
      memory.ioAt[slot] = now
    },
    none: (table, memory, slot) => {
      rest(memory, slot)
      const columns = table.columns()
      if (!Number.isNaN(columns.readBytesPerSecond[slot]!)) columns.readBytesPerSecond[slot] = 0
      if (!Number.isNaN(columns.writeBytesPerSecond[slot]!)) columns.writeBytesPerSecond[slot] = 0
    },
  }
}
