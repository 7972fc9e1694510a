import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const BYTES = 16

/**
 * How far the server has acknowledged, in 16 bytes that are overwritten in place. It is not flushed: after a power
 * cut an older position means that some batches are sent again, which the server drops by their sequence.
 */
export interface AckPosition {
  read(): { epoch: number; sequence: number }
  write(epoch: number, sequence: number): void
  close(): void
}

export function createAckPosition(directory: string): AckPosition {
  // Not with a flag that appends: the position stands at the beginning.
  let descriptor = openOrCreate(join(directory, 'acknowledged'))
  const buffer = Buffer.alloc(BYTES)
  return {
    read: () => {
      if (readSync(descriptor, buffer, 0, BYTES, 0) < BYTES) return { epoch: 0, sequence: 0 }
      return { epoch: Number(buffer.readBigUInt64LE(0)), sequence: Number(buffer.readBigUInt64LE(8)) }
    },
    write: (epoch, sequence) => {
      buffer.writeBigUInt64LE(BigInt(epoch), 0)
      buffer.writeBigUInt64LE(BigInt(sequence), 8)
      writeSync(descriptor, buffer, 0, BYTES, 0)
    },
    close: () => {
      if (descriptor >= 0) closeSync(descriptor)
      descriptor = -1
    },
  }
}

function openOrCreate(path: string): number {
  try {
    return openSync(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return openSync(path, 'wx+', 0o600)
  }
}
