import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of its own that a test fills to the last byte. */
export interface SmallDisk {
  readonly path: string
  /** Takes all the room that is left. */
  fill(): void
  /** Gives it back. */
  makeRoom(): void
  unmount(): void
}

/** Needs the right to mount; without it this throws, and with it the test that asked. */
export function mountSmallDisk(mebibytes: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'driftline-small-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path], { stdio: 'pipe' })
  } catch (cause) {
    rmdirSync(path)
    throw new Error('a full disk cannot be tried: only root may mount one', { cause })
  }
  const filler = join(path, 'filler')
  return {
    path,
    fill() {
      const file = openSync(filler, 'a')
      try {
        // Large blocks first, so that it is quick; then what is left.
        for (const size of [1024 * 1024, 4096]) while (writeUnlessFull(file, Buffer.alloc(size, 1)));
      } finally {
        closeSync(file)
      }
    },
    makeRoom: () => rmSync(filler),
    unmount() {
      // What a killed process had open may be held a moment longer: lazily, then.
      execFileSync('umount', ['-l', path])
      rmdirSync(path)
    },
  }
}

function writeUnlessFull(file: number, block: Buffer): boolean {
  try {
    return writeSync(file, block) > 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw error
  }
}
