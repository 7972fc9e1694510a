import { connect, type Socket } from 'node:net'

/** A client of MQTT 3.1.1 that is its own library, so that it can also say what no library would. */
export interface MqttPeer {
  /** Resolves when a message of QoS 1 is acknowledged, at once for QoS 0; rejects when the connection ends before. */
  publish(topic: string, payload: Uint8Array, options?: PublishOptions): Promise<void>
  /** Sends bytes as they are. */
  raw(bytes: Uint8Array): void
  /** Resolves when the broker has ended the connection. */
  readonly closed: Promise<void>
  destroy(): void
}

export interface PublishOptions {
  readonly qos?: 0 | 1
  readonly retain?: boolean
}

export interface ConnectOptions {
  readonly clientId?: string
  readonly username?: string
  readonly password?: string
  /** False: nothing of what the broker sends after its welcome is read. */
  readonly reads?: boolean
  readonly will?: { readonly topic: string; readonly payload: Uint8Array; readonly retain?: boolean }
}

const CONNACK = 2
const PUBACK = 4

/** A text or bytes with the two bytes of length before it that MQTT has everywhere. */
export function prefixed(text: string | Uint8Array): Buffer {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(Math.min(bytes.length, 65_535))
  return Buffer.concat([length, bytes])
}

/** A packet with its header; `first` is the first byte: type and flags. */
export function packet(first: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const header = [first]
  let rest = body.length
  do {
    header.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest >>>= 7
  } while (rest > 0)
  return Buffer.concat([Buffer.from(header), body])
}

export function connectPacket(options: ConnectOptions = {}, protocol: readonly [string, number] = ['MQTT', 4]): Buffer {
  const { clientId = '', username, password, will } = options
  const flags =
    2 |
    (will === undefined ? 0 : will.retain ? 0x24 : 0x04) |
    (username === undefined ? 0 : 0x80) |
    (password === undefined ? 0 : 0x40)
  return packet(
    0x10,
    prefixed(protocol[0]),
    Buffer.from([protocol[1], flags, 0, 60]),
    prefixed(clientId),
    ...(will === undefined ? [] : [prefixed(will.topic), prefixed(will.payload)]),
    ...(username === undefined ? [] : [prefixed(username)]),
    ...(password === undefined ? [] : [prefixed(password)]),
  )
}

export function publishPacket(topic: string | Uint8Array, payload: Uint8Array, first = 0x30, id?: number): Buffer {
  const identifier = id === undefined ? [] : [Buffer.from([id >> 8, id & 0xff])]
  return packet(first, prefixed(topic), ...identifier, payload)
}

export function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.once('error', reject)
  })
}

/** Connects, and rejects when the broker says no. */
export async function openMqtt(port: number, options: ConnectOptions = {}): Promise<MqttPeer> {
  const socket = await openSocket(port)
  const waiting = new Map<number, { resolve(): void; reject(error: Error): void }>()
  let buffered: Buffer = Buffer.alloc(0)
  let nextId = 0
  let welcome: (code: number) => void = () => {}
  const welcomed = new Promise<number>((resolve) => {
    welcome = resolve
  })
  const closed = new Promise<void>((resolve) =>
    socket.once('close', () => {
      welcome(-1)
      for (const each of waiting.values()) each.reject(new Error('the connection was ended'))
      waiting.clear()
      resolve()
    }),
  )
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    buffered = Buffer.concat([buffered, chunk])
    // What a publisher is told is never longer than 127 bytes, and who subscribes here does not read.
    while (buffered.length >= 2 && buffered.length >= 2 + buffered[1]!) {
      const type = buffered[0]! >> 4
      if (type === CONNACK) welcome(buffered[3]!)
      else if (type === PUBACK) {
        const id = buffered.readUInt16BE(2)
        waiting.get(id)?.resolve()
        waiting.delete(id)
      }
      buffered = buffered.subarray(2 + buffered[1]!)
    }
  })
  socket.write(connectPacket(options))
  const code = await welcomed
  if (code !== 0) throw new Error(code === -1 ? 'closed' : `refused ${code}`)
  if (options.reads === false) socket.pause()
  return {
    closed,
    publish(topic, payload, { qos = 0, retain = false } = {}) {
      const first = 0x30 | (qos << 1) | (retain ? 1 : 0)
      if (qos === 0) {
        socket.write(publishPacket(topic, payload, first))
        return Promise.resolve()
      }
      nextId = (nextId % 65_535) + 1
      const id = nextId
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject })
        socket.write(publishPacket(topic, payload, first, id))
      })
    },
    raw: (bytes) => void socket.write(bytes),
    destroy: () => void socket.destroy(),
  }
}
