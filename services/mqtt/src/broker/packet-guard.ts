import type { Duplex } from 'node:stream'

/**
 * Watches the lengths of packets as they are read from a socket, so that nobody makes the broker collect more than
 * `packetBytesMax` for one: the library holds a packet until it is whole, however long it says it will be. `onTooLarge`
 * is called once; from then on nothing more is read.
 */
export function guardPackets(socket: Duplex, packetBytesMax: number, onTooLarge: (byteLength: number) => void): void {
  const read = socket.read.bind(socket)
  /** Bytes of the current packet that are still to come. */
  let missing = 0
  /** Bytes of a header that ends in the next chunk. */
  let header: number[] = []
  let refused = false

  const check = (chunk: Buffer): boolean => {
    let at = 0
    while (at < chunk.length) {
      if (missing > 0) {
        const step = Math.min(missing, chunk.length - at)
        missing -= step
        at += step
        continue
      }
      header.push(chunk[at]!)
      at += 1
      if (header.length < 2) continue
      const isLast = header.at(-1)! < 0x80
      if (!isLast && header.length < 5) continue
      missing = header.slice(1).reduce((length, byte, index) => length + (byte & 0x7f) * 128 ** index, 0)
      if (missing + header.length > packetBytesMax) return false
      header = []
    }
    return true
  }

  socket.read = (size?: number) => {
    if (refused) return null
    const chunk: unknown = read(size)
    if (!Buffer.isBuffer(chunk) || check(chunk)) return chunk
    refused = true
    onTooLarge(missing + header.length)
    return null
  }
}
