import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { unusable } from '../data-dir.ts'
import { AppError } from '../errors.ts'
import { KEY_BYTES } from './sealed-text.ts'

/** A key that is being replaced and the new one; more stand there only when a rotation was broken off again and again. */
const KEYS_MAX = 10

/**
 * Keys of the installation in a file of the data directory: the first line is the key that seals, further lines are
 * keys that only open, until all that they sealed is sealed anew. One process owns the file.
 * Errors: `secret_unreadable`, `data_dir_unusable`, `disk_full`.
 */
export interface KeyFile {
  /** At least one key; the first is made when there is no file. */
  read(): readonly Buffer[]
  /** Puts a new key in front. A crash leaves the file as it was before or as it is after. */
  add(): void
  /** Leaves the first key only. */
  dropOthers(): void
}

export function createKeyFile(file: string): KeyFile {
  const existing = (): readonly Buffer[] => {
    const keys = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => Buffer.from(line.trim(), 'base64'))
    if (keys.every((key) => key.length === KEY_BYTES) && keys.length <= KEYS_MAX) return keys
    throw new AppError('secret_unreadable', `${file} does not hold 32 bytes in base64: put the key of before back`)
  }
  const read = (): readonly Buffer[] => {
    try {
      return existing()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw error instanceof AppError ? error : unusable(dirname(file), error)
      }
    }
    // The first of several makers wins.
    place(file, [randomBytes(KEY_BYTES)], linkSync)
    return existing()
  }
  return {
    read,
    add: () => place(file, [randomBytes(KEY_BYTES), ...read()], renameSync),
    dropOthers: () => place(file, read().slice(0, 1), renameSync),
  }
}

/** Written whole under another name first, and flushed: no crash leaves half of a key. */
function place(file: string, keys: readonly Buffer[], put: (draft: string, file: string) => void): void {
  const directory = dirname(file)
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    removeDrafts(file)
    const handle = openSync(draft, 'wx', 0o600)
    try {
      writeSync(handle, keys.map((key) => `${key.toString('base64')}\n`).join(''))
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    put(draft, file)
    const opened = openSync(directory, 'r')
    try {
      fsyncSync(opened)
    } finally {
      closeSync(opened)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(directory, error)
  } finally {
    rmSync(draft, { force: true })
  }
}

/** What crashes left behind; those of other processes that are still at it are theirs. */
function removeDrafts(file: string): void {
  for (const name of readdirSync(dirname(file))) {
    const pid = name.startsWith(`${basename(file)}.`) ? /\.(\d+)\.[0-9a-f]{8}$/.exec(name)?.[1] : undefined
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(dirname(file), name), { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
