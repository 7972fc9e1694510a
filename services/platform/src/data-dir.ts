import { accessSync, constants, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { AppError } from './errors.ts'
import type { Component } from './lifecycle.ts'

const LOCK_FILE = 'lock'
const OWNER_FILE = 'owner.json'

/** Who owns a data directory; written for people and messages. What counts is the lock. */
interface Owner {
  readonly pid: number
  readonly startedAt: string
}

/**
 * Owns a directory while it runs: makes it, proves that it can be written to, and locks it. The lock is one of the
 * operating system, on a file (through SQLite, as Node.js has no call for it): it ends with the process however that
 * ends, so the next start takes over at once, and no recycled pid can fool it, not even across containers.
 * Errors of `start`: `data_dir_unusable`, `data_dir_locked`, `disk_full`.
 */
export function createDataDir(config: { readonly path: string }): Component & { readonly path: string } {
  const { path } = config
  let lock: Database.Database | null = null
  return {
    name: 'data directory',
    path,
    async start() {
      if (lock !== null) return
      makeUsable(path)
      lock = takeLock(path)
      const owner: Owner = { pid: process.pid, startedAt: new Date(Date.now() - process.uptime() * 1000).toISOString() }
      try {
        writeFileSync(join(path, OWNER_FILE), `${JSON.stringify(owner)}\n`)
      } catch (cause) {
        lock.close()
        lock = null
        throw unusable(path, cause)
      }
    },
    async stop() {
      if (lock === null) return
      rmSync(join(path, OWNER_FILE), { force: true })
      lock.close()
      lock = null
    },
  }
}

function makeUsable(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
    if (!statSync(path).isDirectory()) throw new Error('not a directory')
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw unusable(path, cause)
  }
}

function takeLock(path: string): Database.Database {
  let database: Database.Database | null = null
  try {
    database = new Database(join(path, LOCK_FILE), { timeout: 0 })
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('BEGIN EXCLUSIVE')
    return database
  } catch (cause) {
    database?.close()
    if ((cause as { code?: unknown }).code !== 'SQLITE_BUSY') throw unusable(path, cause)
    const owner = readOwner(path)
    const who = owner === null ? 'another process' : `process ${owner.pid}, started ${owner.startedAt},`
    throw new AppError('data_dir_locked', `${who} is using ${path}; stop it first, or choose another directory`)
  }
}

function readOwner(path: string): Owner | null {
  try {
    return JSON.parse(readFileSync(join(path, OWNER_FILE), 'utf8')) as Owner
  } catch {
    return null
  }
}

/** Names why a directory cannot be written to: `disk_full` (retryable), else `data_dir_unusable`. */
export function unusable(path: string, cause: unknown): AppError {
  const { code, message } = cause as { code?: unknown; message?: string }
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL') {
    return new AppError('disk_full', `no room left in ${path}`, { retryable: true, cause })
  }
  return new AppError('data_dir_unusable', `${path} cannot be used: ${message}`, { cause })
}
