import { statfsSync } from 'node:fs'
import { AppError } from '../../errors.ts'

/** Says whether the file system may take more. */
export interface DiskRoom {
  /** Errors: `disk_full` (retryable) when `bytes` more would leave less than the reserve. */
  claim(bytes: number): void
}

const RECHECK_MS = 250
const RECHECK_SHARE = 0.25

/**
 * Refuses writes while there is still a reserve: LMDB creates sparse files, and touching those on a full disk is a
 * SIGBUS, not an error. The reserve also lets groups commit, so that old records can be deleted. Free space is asked
 * for again after a quarter of the spare room was claimed, or after 250 ms.
 */
export function createDiskRoom(path: string, reserveBytes: number, nowMs: () => number = () => Date.now()): DiskRoom {
  let spareBytes = 0
  let claimableBytes = 0
  let checkedAtMs = Number.NEGATIVE_INFINITY
  return {
    claim(bytes) {
      if (bytes > claimableBytes || nowMs() - checkedAtMs > RECHECK_MS) {
        const { bavail, bsize } = statfsSync(path)
        spareBytes = bavail * bsize - reserveBytes
        checkedAtMs = nowMs()
        claimableBytes = spareBytes * RECHECK_SHARE
      }
      if (bytes > spareBytes) {
        const message = `the disk of ${path} is full: ${Math.max(0, spareBytes)} bytes left above the reserve`
        throw new AppError('disk_full', message, { retryable: true })
      }
      spareBytes -= bytes
      claimableBytes -= bytes
    },
  }
}

const NO_SPACE = new Set<unknown>(['ENOSPC', 'EDQUOT', 28, 122])

/** Whether a failure means that the disk is full. LMDB reports a write that was cut short as EIO. */
export function isDiskFull(error: unknown, path: string): boolean {
  const { code } = error as { code?: unknown }
  if (NO_SPACE.has(code)) return true
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize < 64 * 1024
}
