import { State } from '../table.ts'

/** The fields of `/proc/<pid>/stat` that the agent uses (proc(5)); one object is filled again and again. */
export interface ProcessStat {
  pid: number
  /** Where the name stands in the buffer. */
  nameStart: number
  nameEnd: number
  /** Changes when the name does: 32-bit FNV-1a. */
  nameHash: number
  /** One of `State`. */
  state: number
  parentPid: number
  flags: number
  userTicks: number
  systemTicks: number
  threads: number
  /** Ticks after boot. */
  startTicks: number
  virtualBytes: number
  residentPages: number
  /** 0 without the right to see it, and in kernel threads and zombies. */
  argumentsAddress: number
  /** As wait(2) gives it; 0 without the right to see it. */
  exitCode: number
}

export function createProcessStat(): ProcessStat {
  return {
    pid: 0,
    nameStart: 0,
    nameEnd: 0,
    nameHash: 0,
    state: 0,
    parentPid: 0,
    flags: 0,
    userTicks: 0,
    systemTicks: 0,
    threads: 0,
    startTicks: 0,
    virtualBytes: 0,
    residentPages: 0,
    argumentsAddress: 0,
    exitCode: 0,
  }
}

/** `PF_KTHREAD` of the kernel's include/linux/sched.h. */
const KERNEL_THREAD = 0x0020_0000

export const isKernelThread = (stat: ProcessStat): boolean => (stat.flags & KERNEL_THREAD) !== 0

const SPACE = 0x20
const OPEN = 0x28
const CLOSE = 0x29
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
/** Fields are counted from 1 in proc(5); the state, after the name, is the third. */
const STATE_FIELD = 3
const START_FIELD = 22

/**
 * Reads one line of `stat` from the first `length` bytes. The name may hold anything, parentheses and newlines
 * included, so it ends at the last `)`. False if the text is not such a line: it was cut or is something else.
 */
export function parseProcessStat(buffer: Uint8Array, length: number, stat: ProcessStat): boolean {
  const nameStart = buffer.indexOf(OPEN) + 1
  if (nameStart === 0) return false
  const nameEnd = lastClose(buffer, length)
  if (nameEnd < nameStart || nameEnd + 2 >= length) return false
  stat.pid = 0
  for (let at = 0; at < nameStart - 2; at++) stat.pid = stat.pid * 10 + buffer[at]! - ZERO
  stat.nameStart = nameStart
  stat.nameEnd = nameEnd
  let hash = 0x811c9dc5
  for (let at = nameStart; at < nameEnd; at++) hash = Math.imul(hash ^ buffer[at]!, 0x01000193)
  stat.nameHash = hash
  stat.state = stateOf(buffer[nameEnd + 2]!)
  stat.argumentsAddress = 0
  stat.exitCode = 0
  return parseNumbers(buffer, nameEnd + 4, length, stat) >= START_FIELD + 2
}

function parseNumbers(buffer: Uint8Array, start: number, length: number, stat: ProcessStat): number {
  let field = STATE_FIELD
  let at = start
  while (at < length) {
    let value = 0
    let negative = false
    let byte = buffer[at]!
    if (byte === MINUS) {
      negative = true
      byte = buffer[++at]!
    }
    const digits = at
    while (at < length && byte >= ZERO && byte <= NINE) {
      value = value * 10 + byte - ZERO
      byte = buffer[++at]!
    }
    if (at === digits) break
    setField(stat, ++field, negative ? -value : value)
    if (at < length && byte !== SPACE) break
    at++
  }
  return field
}

function setField(stat: ProcessStat, field: number, value: number): void {
  switch (field) {
    case 4:
      stat.parentPid = value
      break
    case 9:
      stat.flags = value
      break
    case 14:
      stat.userTicks = value
      break
    case 15:
      stat.systemTicks = value
      break
    case 20:
      stat.threads = value
      break
    case START_FIELD:
      stat.startTicks = value
      break
    case 23:
      stat.virtualBytes = value
      break
    case 24:
      stat.residentPages = value
      break
    case 48:
      stat.argumentsAddress = value
      break
    case 52:
      stat.exitCode = value
      break
  }
}

function lastClose(buffer: Uint8Array, length: number): number {
  // Only digits, spaces and minus signs follow the name, so the search from the end is short.
  for (let at = length - 1; at >= 0; at--) if (buffer[at] === CLOSE) return at
  return -1
}

function stateOf(letter: number): number {
  switch (letter) {
    case 0x52: // R
      return State.running
    case 0x53: // S
      return State.sleeping
    case 0x44: // D
      return State.diskSleep
    case 0x54: // T
    case 0x74: // t
      return State.stopped
    case 0x5a: // Z
    case 0x58: // X
      return State.zombie
    case 0x49: // I
      return State.idle
    default:
      return State.unknown
  }
}

/** Undoes the kernel's escaping of newlines and backslashes in a name and replaces bytes that are not UTF-8. */
export function decodeName(buffer: Buffer, start: number, end: number): string {
  const raw = buffer.toString('utf8', start, end)
  return raw.includes('\\') ? raw.replace(/\\([\\n])/g, (_, what: string) => (what === 'n' ? '\n' : '\\')) : raw
}

const READ_BYTES = Buffer.from('\nread_bytes: ')
const WRITE_BYTES = Buffer.from('\nwrite_bytes: ')

/** `read_bytes` and `write_bytes` of `/proc/<pid>/io`, or false. */
export function parseProcessIo(buffer: Buffer, length: number, io: { readBytes: number; writeBytes: number }): boolean {
  const readAt = buffer.indexOf(READ_BYTES)
  const writeAt = buffer.indexOf(WRITE_BYTES)
  if (readAt < 0 || writeAt < 0 || writeAt >= length) return false
  io.readBytes = numberAt(buffer, readAt + READ_BYTES.length, length)
  io.writeBytes = numberAt(buffer, writeAt + WRITE_BYTES.length, length)
  return true
}

/** The decimal number that starts at a place; 0 if there is none. */
export function numberAt(buffer: Uint8Array, start: number, length: number): number {
  let value = 0
  for (let at = start; at < length; at++) {
    const byte = buffer[at]!
    if (byte < ZERO || byte > NINE) break
    value = value * 10 + byte - ZERO
  }
  return value
}
