import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { AppError } from '../errors.ts'

/** Names one life of a process: pids are used again, a pid with its start time is not. */
export interface ProcessIdentity {
  readonly pid: number
  /** Start time in the system's own notation, with the boot it belongs to. */
  readonly started: string
}

interface ChildRecord {
  readonly child: ProcessIdentity
  readonly owner: ProcessIdentity
}

const END_DEADLINE_MS = 5000
const POLL_MS = 20

/** The identity of a running process; null when there is none with this pid (a zombie counts as gone). */
export function identityOf(pid: number): ProcessIdentity | null {
  if (process.platform !== 'linux') return identityByPs(pid)
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name may hold anything, parentheses included: fields count from the last one. State is field 3, start 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return null
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return { pid, started: `${boot}/${fields[19]}` }
  } catch {
    return null
  }
}

function identityByPs(pid: number): ProcessIdentity | null {
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    return started === '' ? null : { pid, started }
  } catch {
    return null
  }
}

function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.started === identity.started
}

/** Writes down which child serves a directory and for whom, so that a later owner can tell a leftover. */
export function recordChild(file: string, childPid: number): void {
  const child = identityOf(childPid)
  const owner = identityOf(process.pid)
  if (child === null || owner === null) return
  const record: ChildRecord = { child, owner }
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

export function forgetChild(file: string): void {
  rmSync(file, { force: true })
}

function readRecord(file: string): ChildRecord | null {
  if (!existsSync(file)) return null
  try {
    const record = JSON.parse(readFileSync(file, 'utf8')) as ChildRecord
    return Number.isInteger(record.child.pid) && Number.isInteger(record.owner.pid) ? record : null
  } catch {
    return null // A torn record names nobody; the store's own lock still guards the directory.
  }
}

/**
 * Ends the child that a killed owner left behind. Only a process whose pid and start time are both those on record is
 * touched. Errors: `data_dir_locked` when the owner lives or the leftover does not go.
 */
export async function endLeftoverChild(file: string): Promise<'none' | 'ended'> {
  const record = readRecord(file)
  if (record === null || !isAlive(record.child)) return 'none'
  if (isAlive(record.owner)) {
    throw new AppError(
      'data_dir_locked',
      `the analytics store belongs to process ${record.owner.pid}, which is running`,
    )
  }
  process.kill(record.child.pid, 'SIGKILL')
  for (let waitedMs = 0; waitedMs < END_DEADLINE_MS; waitedMs += POLL_MS) {
    if (!isAlive(record.child)) return 'ended'
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new AppError('data_dir_locked', `the leftover store process ${record.child.pid} does not end`)
}
