import type { Duplex } from 'node:stream'
import { type IConnectPacket, parser } from 'mqtt-packet'

/** The first packet of a connection. */
export type FirstPacket =
  | { readonly ok: true; readonly connect: IConnectPacket }
  | { readonly ok: false; readonly reason: 'not_mqtt' | 'packet_too_large' | 'connect_late' | 'closed' }

/**
 * Reads the CONNECT of a fresh connection and puts its bytes back, so that whoever serves the connection reads it
 * again. Nobody else may read from the socket meanwhile.
 */
export function readConnect(socket: Duplex, packetBytesMax: number, timeoutMs: number): Promise<FirstPacket> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0)
    const finish = (first: FirstPacket): void => {
      clearTimeout(timer)
      socket.off('readable', onReadable)
      socket.off('close', onClose)
      socket.off('end', onClose)
      if (first.ok) socket.unshift(bytes)
      resolve(first)
    }
    const onClose = (): void => finish({ ok: false, reason: 'closed' })
    const onReadable = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      }
      const length = connectLength(bytes)
      if (length === 'not_mqtt') finish({ ok: false, reason: 'not_mqtt' })
      else if (length !== 'incomplete' && length > packetBytesMax) finish({ ok: false, reason: 'packet_too_large' })
      else if (length !== 'incomplete' && bytes.length >= length) finish(parseConnect(bytes.subarray(0, length)))
    }
    const timer = setTimeout(() => finish({ ok: false, reason: 'connect_late' }), timeoutMs)
    socket.on('readable', onReadable)
    socket.on('close', onClose)
    socket.on('end', onClose)
  })
}

const CONNECT_HEADER = 0x10

/** Bytes of the CONNECT that `bytes` begins with, header included (MQTT 3.1.1, 2.2). */
function connectLength(bytes: Buffer): number | 'incomplete' | 'not_mqtt' {
  if (bytes.length === 0) return 'incomplete'
  if (bytes[0] !== CONNECT_HEADER) return 'not_mqtt'
  let value = 0
  for (let index = 0; index < 4; index++) {
    const byte = bytes[1 + index]
    if (byte === undefined) return 'incomplete'
    value += (byte & 0x7f) * 128 ** index
    if (byte < 0x80) return value + 2 + index
  }
  return 'not_mqtt'
}

function parseConnect(bytes: Buffer): FirstPacket {
  let first: FirstPacket = { ok: false, reason: 'not_mqtt' }
  const reader = parser()
  reader.on('packet', (packet) => {
    if (packet.cmd === 'connect') first = { ok: true, connect: packet }
  })
  // An error says only what the answer says already.
  reader.on('error', () => {})
  reader.parse(bytes)
  return first
}
