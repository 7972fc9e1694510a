import { closeSync, openSync, readSync } from 'node:fs'

const BUFFER_BYTES = 64 * 1024

/** Reads a system-wide file again and again through one kept descriptor; empty text where it cannot be read. */
export interface HostFile {
  read(): string
  close(): void
}

/** `bytesMax` cuts files of which only the beginning matters, such as `/proc/stat` with its line of interrupts. */
export function createHostFile(path: string, bytesMax = BUFFER_BYTES): HostFile {
  let descriptor = -1
  let buffer: Buffer | null = null
  const close = (): void => {
    if (descriptor >= 0) closeSync(descriptor)
    descriptor = -1
  }
  return {
    read: () => {
      try {
        if (descriptor < 0) descriptor = openSync(path, 'r')
        buffer ??= Buffer.allocUnsafeSlow(Math.min(bytesMax, BUFFER_BYTES))
        return readAll(descriptor, buffer)
      } catch {
        close()
        return ''
      }
    },
    close,
  }
}

/** Some files of `/proc` answer one page at a time. */
function readAll(descriptor: number, buffer: Buffer): string {
  let length = 0
  while (length < buffer.length) {
    const read = readSync(descriptor, buffer, length, buffer.length - length, length)
    if (read === 0) break
    length += read
  }
  return buffer.toString('latin1', 0, length)
}
