import { closeSync, openSync, readSync } from 'node:fs'

/** Why a file of a process gave nothing: the process is gone, or its owner keeps it private. */
export const READ_GONE = -1
export const READ_DENIED = -2

/** Longest text that is read of one file; command lines of Java programs are the long ones. */
const BUFFER_BYTES = 128 * 1024

/**
 * Reads small files of `/proc` into one buffer. Descriptors may be kept: reading again at offset 0 makes the kernel
 * write the file anew, at a third of the cost of open, read and close. Each kept descriptor costs the kernel a
 * buffer of one page, so the caller keeps them within `keptMax`.
 */
export interface ProcFiles {
  /** The last text read is in its first bytes. */
  readonly buffer: Buffer
  /** Whether one more descriptor may be kept. */
  keepable(): boolean
  /** Opens and keeps. Answers the descriptor, or READ_GONE or READ_DENIED. */
  open(path: string): number
  /** Length read, or READ_GONE or READ_DENIED. */
  readKept(descriptor: number): number
  /** Opens, reads, closes. */
  readOnce(path: string): number
  close(descriptor: number): void
  kept(): number
}

export function createProcFiles(keptMax: number): ProcFiles {
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  let kept = 0

  const close = (descriptor: number): void => {
    closeSync(descriptor)
    kept--
  }
  const open = (path: string): number => {
    try {
      const descriptor = openSync(path, 'r')
      kept++
      return descriptor
    } catch (error) {
      return verdictOf(error)
    }
  }
  const readKept = (descriptor: number): number => {
    try {
      return readSync(descriptor, buffer, 0, BUFFER_BYTES, 0)
    } catch (error) {
      return verdictOf(error)
    }
  }
  return {
    buffer,
    keepable: () => kept < keptMax,
    open,
    readKept,
    readOnce: (path) => {
      const descriptor = open(path)
      if (descriptor < 0) return descriptor
      const length = readKept(descriptor)
      close(descriptor)
      return length
    },
    close,
    kept: () => kept,
  }
}

/** Without rights the kernel says EACCES or EPERM; EMFILE must not look like an end. All else: gone. */
function verdictOf(error: unknown): number {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EACCES' || code === 'EPERM') return READ_DENIED
  if (code === 'ENOENT' || code === 'ESRCH' || code === 'ENOTDIR' || code === 'EINVAL') return READ_GONE
  if (code === 'EMFILE' || code === 'ENFILE' || code === 'EIO' || code === 'ENOMEM') return READ_DENIED
  throw error
}
