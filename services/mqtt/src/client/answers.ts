import type { Writable } from 'node:stream'

/** Acknowledgements on their way: those of one turn of the event loop leave as one write. */
export interface Answers {
  /** `type` is the first byte of a packet of four: PUBACK 0x40, PUBREC 0x50, PUBCOMP 0x70 (MQTT 5.0, 3.4 to 3.7). */
  add(type: number, packetId: number): void
  flush(): void
}

const PACKET_BYTES = 4
const PACKETS_MAX = 4096

export function createAnswers(socket: Writable): Answers {
  let buffer = Buffer.allocUnsafe(PACKETS_MAX * PACKET_BYTES)
  let length = 0
  let scheduled = false

  const flush = (): void => {
    scheduled = false
    if (length === 0) return
    const bytes = buffer.subarray(0, length)
    // The socket may keep what it is given.
    buffer = length * 2 > buffer.length ? Buffer.allocUnsafe(PACKETS_MAX * PACKET_BYTES) : buffer.subarray(length)
    length = 0
    if (!socket.destroyed) socket.write(bytes)
  }
  return {
    add(type, packetId) {
      if (length + PACKET_BYTES > buffer.length) {
        flush()
        if (buffer.length < PACKET_BYTES) buffer = Buffer.allocUnsafe(PACKETS_MAX * PACKET_BYTES)
      }
      buffer[length] = type
      buffer[length + 1] = 2
      buffer.writeUInt16BE(packetId, length + 2)
      length += PACKET_BYTES
      if (scheduled) return
      scheduled = true
      queueMicrotask(flush)
    },
    flush,
  }
}
