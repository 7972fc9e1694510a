import { readdirSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { AppError } from '@driftline/platform/errors'
import type { Describe } from '../privacy.ts'
import { End, type InstanceTable, State } from '../table.ts'
import type { IdentityReader } from './identity.ts'
import type { IoReader } from './io-reader.ts'
import { countOpenFiles } from './open-files.ts'
import { type ProcFiles, READ_DENIED } from './proc-files.ts'
import { clearSlotMemory, createSlotMemory, growSlotMemory, type SlotMemory } from './slots.ts'
import { createProcessStat, isKernelThread, parseProcessStat } from './stat-parser.ts'

/** What does not change while the host runs. */
export interface KernelFacts {
  readonly ticksPerSecond: number
  readonly pageBytes: number
  readonly logicalCpus: number
  readonly bootTimeMs: number
}

export interface ProcessScanDeps {
  readonly files: ProcFiles
  readonly identities: IdentityReader
  readonly io: IoReader
  readonly describe: Describe
  readonly kernel: KernelFacts
  /** Seconds since boot, and monotonic. */
  readonly uptime: () => number
}

/** Processes read before other work of this thread gets a turn: about 2 ms. */
const CHUNK = 512
/** Open files are counted this often, and every sixth time the identity is read again: titles change without exec. */
const SLOW_SECONDS = 10
const IDENTITY_ROUNDS = 6

export interface ProcessScan {
  scan(table: InstanceTable): Promise<void>
  /** Processes whose files may not be read; they are not in the table. */
  denied(): number
  close(): void
}

/** Reads all processes of `procRoot` into a table. Kept descriptors are those of `files`. */
export function createProcessScan(procRoot: string, deps: ProcessScanDeps): ProcessScan {
  const { files, identities, io, describe, kernel, uptime } = deps
  const stat = createProcessStat()
  let memory = createSlotMemory(512)
  let scanNumber = 0
  let lastScanAt = 0
  let now = 0
  let denied = 0

  const readStat = (slot: number, pid: number): number => {
    const kept = memory.statFile[slot]!
    return kept >= 0 ? files.readKept(kept) : files.readOnce(`${procRoot}/${pid}/stat`)
  }

  const forget = (table: InstanceTable, slot: number): void => {
    if (memory.statFile[slot]! >= 0) files.close(memory.statFile[slot]!)
    if (memory.ioFile[slot]! >= 0) files.close(memory.ioFile[slot]!)
    const kind = memory.endKind[slot]!
    clearSlotMemory(memory, slot)
    table.end(slot, kind)
  }

  /** Asks who the instance is and remembers by what it was told, so that an unchanged answer changes nothing. */
  const identify = (table: InstanceTable, slot: number, pid: number): void => {
    const raw = identities.read(pid, stat)
    const hash = hashOf(raw.name, raw.executable, raw.user, raw.unit, raw.container, ...raw.args)
    if (hash === memory.identityHash[slot]) return
    memory.identityHash[slot] = hash
    table.identify(slot, describe(raw))
  }

  const readSlowFiles = (table: InstanceTable, slot: number, pid: number): void => {
    const first = memory.slowAt[slot] === 0
    // Slots are spread over the period, so that one scan does not pay for all.
    memory.slowAt[slot] = now + SLOW_SECONDS * (first ? 0.5 + (slot % 64) / 64 : 1)
    const columns = table.columns()
    if (columns.kernelThread[slot] === 0 && stat.state !== State.zombie) {
      columns.openFiles[slot] = countOpenFiles(`${procRoot}/${pid}/fd`)
    }
    memory.slowRounds[slot]! += 1
    if (!first && memory.slowRounds[slot]! % IDENTITY_ROUNDS === 0 && stat.state !== State.zombie) {
      memory.ioDenied[slot] = 0
      // The buffer was used since for the count: the name is read again with it.
      const length = readStat(slot, pid)
      if (length > 0 && parseProcessStat(files.buffer, length, stat)) identify(table, slot, pid)
    }
  }

  const update = (table: InstanceTable, slot: number, pid: number): void => {
    const columns = table.columns()
    const ticks = stat.userTicks + stat.systemTicks
    const before = memory.readAt[slot]!
    const age = ageIfNew(before)
    columns.cpuCores[slot] = coresOf(ticks, slot, before, age)
    const ran = ticks !== memory.cpuTicks[slot] || stat.residentPages * kernel.pageBytes !== columns.residentBytes[slot]
    memory.readAt[slot] = now
    memory.cpuTicks[slot] = ticks
    columns.state[slot] = stat.state
    columns.parentPid[slot] = stat.parentPid
    columns.residentBytes[slot] = stat.residentPages * kernel.pageBytes
    columns.virtualBytes[slot] = stat.virtualBytes
    columns.threads[slot] = stat.threads
    if (stat.state === State.zombie) {
      memory.endKind[slot] = endKindOf(memory, slot, stat.exitCode)
      if (memory.identityHash[slot] === 0) identify(table, slot, pid)
      io.none(table, memory, slot)
    } else {
      if (changedProgram(memory, slot, stat.nameHash, stat.argumentsAddress)) identify(table, slot, pid)
      if (columns.kernelThread[slot] === 0) io.read(table, memory, slot, { pid, now, ran, age })
    }
    if (now >= memory.slowAt[slot]!) readSlowFiles(table, slot, pid)
  }

  /** Seconds since the start of an instance that began since the last scan; NaN for others: nothing is known of them. */
  const ageIfNew = (before: number): number => {
    const age = now - stat.startTicks / kernel.ticksPerSecond
    const began = before === 0 && lastScanAt > 0 && age <= now - lastScanAt + 0.1
    return began ? Math.max(age, 1 / kernel.ticksPerSecond) : Number.NaN
  }

  /** An instance that began since the last scan has used all its time since its start. */
  const coresOf = (ticks: number, slot: number, before: number, age: number): number => {
    const seconds = ticks / kernel.ticksPerSecond
    if (before > 0) {
      const used = seconds - memory.cpuTicks[slot]! / kernel.ticksPerSecond
      return Math.max(0, used) / Math.max(now - before, 0.001)
    }
    return Math.min(seconds / age, kernel.logicalCpus)
  }

  const discover = (table: InstanceTable, pid: number): void => {
    const path = `${procRoot}/${pid}/stat`
    const kept = files.keepable() ? files.open(path) : -1
    const length = kept >= 0 ? files.readKept(kept) : files.readOnce(path)
    if (length <= 0 || !parseProcessStat(files.buffer, length, stat)) {
      if (kept >= 0) files.close(kept)
      if (length === READ_DENIED) denied++
      return
    }
    const slot = table.add(pid, kernel.bootTimeMs + (stat.startTicks * 1000) / kernel.ticksPerSecond)
    if (slot >= memory.seen.length) memory = growSlotMemory(memory, memory.seen.length * 2)
    clearSlotMemory(memory, slot)
    memory.statFile[slot] = kept
    memory.seen[slot] = scanNumber
    memory.startTicks[slot] = stat.startTicks
    table.columns().kernelThread[slot] = isKernelThread(stat) ? 1 : 0
    update(table, slot, pid)
  }

  const visit = (table: InstanceTable, pid: number): void => {
    const slot = table.slotOf(pid)
    if (slot < 0) {
      discover(table, pid)
      return
    }
    const length = readStat(slot, pid)
    const sameInstance =
      length > 0 && parseProcessStat(files.buffer, length, stat) && stat.startTicks === memory.startTicks[slot]
    if (sameInstance) {
      memory.seen[slot] = scanNumber
      update(table, slot, pid)
    } else if (length === READ_DENIED) memory.seen[slot] = scanNumber
    else {
      // A kept descriptor belongs to the old instance: the pid may have been given to another one already.
      forget(table, slot)
      discover(table, pid)
    }
  }

  const endUnseen = (table: InstanceTable): void => {
    const columns = table.columns()
    for (let slot = 0; slot < table.size(); slot++) {
      if (columns.pid[slot] !== 0 && memory.seen[slot] !== scanNumber) forget(table, slot)
    }
  }

  return {
    scan: async (table) => {
      scanNumber++
      denied = 0
      now = uptime()
      const startedAt = now
      let left = CHUNK
      for (const name of listPids(procRoot)) {
        if (left-- === 0) {
          await nextTurn()
          now = uptime()
          left = CHUNK
        }
        visit(table, name)
      }
      endUnseen(table)
      lastScanAt = startedAt
    },
    denied: () => denied,
    close: () => {
      for (const file of [...memory.statFile, ...memory.ioFile]) if (file >= 0) files.close(file)
      memory = createSlotMemory(512)
    },
  }
}

function listPids(procRoot: string): number[] {
  const pids: number[] = []
  let names: string[]
  try {
    names = readdirSync(procRoot)
  } catch (cause) {
    throw new AppError('data_dir_unusable', `cannot list processes in ${procRoot}`, { cause })
  }
  for (const name of names) {
    const first = name.charCodeAt(0)
    if (first >= 0x31 && first <= 0x39) pids.push(Number(name))
  }
  return pids
}

/** The addresses of the arguments change at exec; without the right to see them only a new name tells. */
function changedProgram(memory: SlotMemory, slot: number, nameHash: number, argumentsAddress: number): boolean {
  const changed = nameHash !== memory.nameHash[slot] || argumentsAddress !== memory.argumentsAddress[slot]
  memory.nameHash[slot] = nameHash
  memory.argumentsAddress[slot] = argumentsAddress
  return changed || memory.identityHash[slot] === 0
}

/**
 * Ends that somebody asked for, as wait statuses: SIGHUP, SIGINT, SIGTERM, and SIGPIPE, which is how all but the last
 * of a pipeline may end; and the exit codes of programs that catch the first three and end by them.
 */
const ASKED_FOR: ReadonlySet<number> = new Set([1, 2, 15, 13, 129 << 8, 130 << 8, 143 << 8])

/** Zero is also what those see who may not see: it counts as success only where the agent could see before. */
export function endKindOf(memory: Pick<SlotMemory, 'argumentsAddress'>, slot: number, exitCode: number): number {
  if (ASKED_FOR.has(exitCode)) return End.success
  if (exitCode !== 0) return End.failure
  return memory.argumentsAddress[slot] === 0 ? End.unknown : End.success
}

/** 32-bit FNV-1a over texts and their borders; never 0, which means not yet asked. */
function hashOf(...texts: readonly string[]): number {
  let hash = 0x811c9dc5
  for (const text of texts) {
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
    hash = Math.imul(hash ^ 0x1_0000, 0x01000193)
  }
  return hash | 1
}
