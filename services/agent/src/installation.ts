import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '@driftline/platform/errors'

/** What an installation remembers between starts, in its spool directory. */
export interface Installation {
  /** Stable id of this installation. */
  readonly source: string
  /** Grows with each start. */
  readonly epoch: number
  /** Boot time as first read in this boot: read again later it may differ by a second, and with it all start times. */
  readonly bootTimeMs: number | null
  /** Remembers the boot time for the next start. */
  rememberBoot(bootTimeMs: number): void
  /** Lets another agent use the directory. */
  release(): void
}

interface Remembered {
  readonly source: string
  readonly epoch: number
  readonly bootId: string
  readonly bootTimeMs: number | null
}

/**
 * Takes the directory for this agent. Errors: `data_dir_locked` while another agent lives that has it,
 * `data_dir_unusable` if it cannot be written.
 */
export function takeInstallation(directory: string, nowMs: number): Installation {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    lock(directory)
    const file = join(directory, 'installation.json')
    const before = readRemembered(file)
    const bootId = readText('/proc/sys/kernel/random/boot_id').trim()
    let remembered: Remembered = {
      source: before?.source ?? `agent-${randomUUID()}`,
      // The time makes the epoch grow even where the directory was lost.
      epoch: Math.max((before?.epoch ?? 0) + 1, nowMs),
      bootId,
      bootTimeMs: bootId !== '' && before?.bootId === bootId ? before.bootTimeMs : null,
    }
    writeDurably(file, remembered)
    return {
      source: remembered.source,
      epoch: remembered.epoch,
      bootTimeMs: remembered.bootTimeMs,
      rememberBoot: (bootTimeMs) => {
        if (remembered.bootTimeMs === bootTimeMs) return
        remembered = { ...remembered, bootTimeMs }
        writeDurably(file, remembered)
      },
      release: () => unlinkQuietly(join(directory, 'lock')),
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw new AppError('data_dir_unusable', `cannot use ${directory}: ${(cause as Error).message}`, { cause })
  }
}

function readRemembered(file: string): Remembered | null {
  const text = readText(file)
  if (text === '') return null
  try {
    const value = JSON.parse(text) as Partial<Remembered>
    if (typeof value.source !== 'string' || !Number.isSafeInteger(value.epoch)) return null
    return { bootId: '', bootTimeMs: null, ...(value as Pick<Remembered, 'source' | 'epoch'>) }
  } catch {
    // A damaged file is an installation that begins anew: its batches still have unique epochs.
    return null
  }
}

function writeDurably(file: string, value: Remembered): void {
  const descriptor = openSync(`${file}.new`, 'w', 0o600)
  writeSync(descriptor, JSON.stringify(value))
  fsyncSync(descriptor)
  closeSync(descriptor)
  renameSync(`${file}.new`, file)
}

/** The lock names its owner by pid and start time: after a kill, or in a new container, the same pid is another. */
function lock(directory: string): void {
  const file = join(directory, 'lock')
  const owner = readText(file).trim()
  if (owner !== '' && isAlive(owner)) {
    throw new AppError('data_dir_locked', `${directory} is used by the agent with pid ${owner.split(' ')[0]}`)
  }
  unlinkQuietly(file)
  try {
    const descriptor = openSync(file, 'wx', 0o600)
    writeSync(descriptor, `${process.pid} ${startOf(process.pid)}`)
    closeSync(descriptor)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    throw new AppError('data_dir_locked', `${directory} was just taken by another agent`, { cause })
  }
}

function isAlive(owner: string): boolean {
  const [pid = '', start = ''] = owner.split(' ')
  const current = startOf(Number(pid))
  if (current !== '') return current === start
  if (Number(pid) === process.pid) return false
  try {
    process.kill(Number(pid), 0)
    return process.platform !== 'linux'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' && process.platform !== 'linux'
  }
}

/** Start time in ticks, where `/proc` tells it. */
function startOf(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`)
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It was not there.
  }
}
