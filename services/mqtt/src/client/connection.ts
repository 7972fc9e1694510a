import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { generate, type IConnackPacket, type IConnectPacket, type Packet, parser } from 'mqtt-packet'
import type { LastWill, OutgoingMessage } from '../message.ts'
import { createAnswers } from './answers.ts'
import {
  type BrokerAddress,
  type BrokerProblem,
  problemOfConnack,
  problemOfDisconnect,
  problemOfError,
} from './broker-problem.ts'
import { createFramer } from './framer.ts'
import { PUBLISH, type PublishPacket, readPublish, typeOfPacket } from './publish-packet.ts'

export interface ConnectionOptions {
  readonly address: BrokerAddress
  /** 4 is MQTT 3.1.1. */
  readonly protocol: 4 | 5
  readonly clientId: string
  /** Whether the broker forgets the session before, and this one at its end. */
  readonly clean: boolean
  readonly sessionExpirySeconds: number
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** PEM; the authorities of the system without it. */
  readonly authority?: string | undefined
  readonly certificate?: string | undefined
  readonly privateKey?: string | undefined
  readonly serverName?: string | undefined
  readonly will?: LastWill | undefined
  readonly limits: ConnectionLimits
}

export interface ConnectionLimits {
  /** From the first packet to the broker's answer. */
  readonly connectTimeoutMs: number
  readonly keepAliveSeconds: number
  /** How long a broker may take to answer a ping. */
  readonly pingTimeoutMs: number
  /** Messages that MQTT 5 brokers may send before an acknowledgement. */
  readonly receiveMaximum: number
  /** Larger packets are passed over and reported, not held. */
  readonly packetBytesMax: number
}

export const connectionLimits: ConnectionLimits = {
  connectTimeoutMs: 10_000,
  keepAliveSeconds: 15,
  pingTimeoutMs: 10_000,
  receiveMaximum: 10_000,
  packetBytesMax: 1_048_576,
}

export interface Subscription {
  readonly filter: string
  readonly qos: 0 | 1
}

export interface ConnectionEvents {
  /** The broker has let us in. */
  opened(sessionPresent: boolean): void
  /** A message; its payload is only valid during the call, and cut off when `byteLength`, then of the packet, is larger. */
  message(packet: PublishPacket, topic: string, payload: Buffer, byteLength: number): void
  /** The last call. Null after `end`. */
  closed(problem: BrokerProblem | null): void
}

/** One connection to a broker, from the first byte to the last. */
export interface Connection {
  /** Answers the granted QoS of each, 128 or more for a refusal; null when the connection ended before. */
  subscribe(subscriptions: readonly Subscription[], retained: 'always' | 'when new'): Promise<readonly number[] | null>
  unsubscribe(filters: readonly string[]): Promise<void>
  /** PUBACK (QoS 1) or PUBREC (QoS 2). Acknowledgements of one turn leave together. */
  acknowledge(packetId: number, qos: number): void
  publish(message: OutgoingMessage): void
  pause(): void
  resume(): void
  /** Takes leave, so that the broker publishes no will. With `forget` an MQTT 5 broker drops the session. */
  end(options?: { readonly forget?: boolean }): Promise<void>
  readonly bytesReceived: number
}

const CONNACK = 2
const PUBREL = 6
const PINGRESP = 13
/** CONNACK, SUBACK, UNSUBACK, DISCONNECT: rare, and full of properties. */
const READ_BY_LIBRARY = [CONNACK, 9, 11, 14]
/** First bytes of what we answer (MQTT 5.0, 3.4, 3.5, 3.7). */
const PUBACK_BYTE = 0x40
const PUBREC_BYTE = 0x50
const PUBCOMP_BYTE = 0x70

const malformed = (detail: string): BrokerProblem => ({
  reason: 'not_mqtt',
  message: `What comes from there is no MQTT (${detail}): check the port.`,
})

const CLOSED: BrokerProblem = { reason: 'connection_closed', message: 'The broker closed the connection.' }
/** The end of a connection that was never let in, as an error. */
const ended = Object.assign(new Error('ended'), { code: 'ECONNRESET' })

/** Connects at once. Errors: thrown when a certificate or key is none. */
export function openConnection(options: ConnectionOptions, events: ConnectionEvents): Connection {
  const { limits, protocol } = options
  const socket = openSocket(options)
  const answers = createAnswers(socket)
  const aliases = new Map<number, string>()
  const waiting = new Map<number, (granted: readonly number[] | null) => void>()
  let phase: 'connecting' | 'open' | 'ending' | 'closed' = 'connecting'
  let lastPacketId = 0
  let bytesReceived = 0
  let keepAliveMs = limits.keepAliveSeconds * 1000
  let liveness: NodeJS.Timeout | undefined
  let pingedAtMs = 0
  let receivedAtMs = 0
  let sentAtMs = 0

  const close = (problem: BrokerProblem | null): void => {
    if (phase === 'closed') return
    phase = 'closed'
    clearTimeout(connectTimer)
    clearInterval(liveness)
    socket.destroy()
    for (const resolve of waiting.values()) resolve(null)
    waiting.clear()
    events.closed(problem)
  }
  const fail = (problem: BrokerProblem): void => close(phase === 'ending' ? null : problem)
  const connectTimer = setTimeout(() => {
    const { host, port } = options.address
    fail({ reason: 'no_answer', message: `${host}:${port} does not answer in ${limits.connectTimeoutMs / 1000} s.` })
  }, limits.connectTimeoutMs)

  const send = (bytes: Uint8Array): void => {
    if (phase === 'closed') return
    sentAtMs = performance.now()
    socket.write(bytes)
  }
  const sendPacket = (packet: Packet): void => send(generate(packet, { protocolVersion: protocol }))
  const takePacketId = (): number => {
    lastPacketId = (lastPacketId % 65_535) + 1
    return lastPacketId
  }

  const watchLiveness = (): void => {
    if (keepAliveMs === 0) return
    liveness = setInterval(() => {
      const nowMs = performance.now()
      const pingIsOpen = pingedAtMs > receivedAtMs
      // Nothing can arrive while we do not read, and that is our doing.
      if (pingIsOpen && !socket.isPaused() && nowMs - pingedAtMs > limits.pingTimeoutMs) {
        fail({ reason: 'no_answer', message: 'The broker has stopped answering.' })
        return
      }
      const idle = nowMs - Math.min(sentAtMs, receivedAtMs) >= keepAliveMs * 0.5
      if (idle && (!pingIsOpen || nowMs - sentAtMs >= keepAliveMs * 0.5)) {
        if (!pingIsOpen) pingedAtMs = nowMs
        sendPacket({ cmd: 'pingreq' })
      }
    }, keepAliveMs / 8)
  }

  const onConnack = (packet: IConnackPacket): void => {
    const code = (protocol === 5 ? packet.reasonCode : packet.returnCode) ?? 0
    if (code !== 0) {
      fail(problemOfConnack(code, protocol, packet.properties?.reasonString))
      return
    }
    clearTimeout(connectTimer)
    phase = 'open'
    const asked = packet.properties?.serverKeepAlive
    if (asked !== undefined) keepAliveMs = asked * 1000
    watchLiveness()
    events.opened(packet.sessionPresent)
  }

  const onPublish = (bytes: Buffer, from: number, to: number, wholeLength: number | null): void => {
    const packet = readPublish(bytes, from, to, protocol)
    if (packet !== null && packet.topic !== '' && packet.topicAlias > 0) aliases.set(packet.topicAlias, packet.topic)
    const topic = packet === null ? undefined : packet.topic || aliases.get(packet.topicAlias)
    if (packet === null || topic === undefined) fail(malformed('a PUBLISH that cannot be read'))
    else {
      const payload = bytes.subarray(packet.payloadFrom, to)
      events.message(packet, topic, payload, wholeLength ?? payload.length)
    }
  }

  const control = parser({ protocolVersion: protocol })
  control.on('error', (error) => fail(malformed(error.message)))
  control.on('packet', (packet: Packet) => {
    if (packet.cmd === 'connack') onConnack(packet)
    else if (packet.cmd === 'disconnect') {
      fail(problemOfDisconnect(packet.reasonCode ?? 0, packet.properties?.reasonString))
    } else if (packet.cmd === 'suback' || packet.cmd === 'unsuback') {
      const granted = packet.cmd === 'suback' ? packet.granted.map(Number) : []
      waiting.get(packet.messageId ?? 0)?.(granted)
      waiting.delete(packet.messageId ?? 0)
    }
  })
  const onControl = (bytes: Buffer, from: number, to: number): void => {
    const type = typeOfPacket(bytes, from)
    if (phase === 'connecting' && type !== CONNACK) fail(malformed('no CONNACK comes first'))
    else if (type === PUBREL && to - from >= 4) answers.add(PUBCOMP_BYTE, bytes.readUInt16BE(from + 2))
    else if (READ_BY_LIBRARY.includes(type)) control.parse(Buffer.from(bytes.subarray(from, to)))
    else if (type === 0 || (type !== PINGRESP && type > 13)) fail(malformed('a packet of no known type'))
  }
  const framer = createFramer(limits.packetBytesMax, {
    frame(bytes, from, to) {
      if (phase === 'closed' || phase === 'ending') return
      if (typeOfPacket(bytes, from) === PUBLISH && phase === 'open') onPublish(bytes, from, to, null)
      else onControl(bytes, from, to)
    },
    oversized(head, byteLength) {
      if (phase === 'open' && typeOfPacket(head, 0) === PUBLISH) onPublish(head, 0, head.length, byteLength)
      else fail(malformed('a packet is too large'))
    },
    malformed: (reason) => fail(malformed(reason)),
  })

  socket.on(options.address.tls ? 'secureConnect' : 'connect', () => {
    socket.setNoDelay(true)
    sendPacket(connectPacket(options))
  })
  socket.on('data', (chunk: Buffer) => {
    receivedAtMs = performance.now()
    const isFirst = bytesReceived === 0
    bytesReceived += chunk.length
    // Other protocols seem to announce long packets: nobody waits for their end.
    if (isFirst && typeOfPacket(chunk, 0) !== CONNACK) fail(malformed('no CONNACK comes first'))
    else framer.push(chunk)
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    fail(phase === 'open' && error.code === 'ECONNRESET' ? CLOSED : problemOfError(error, options.address))
  })
  socket.on('close', () => fail(phase === 'open' ? CLOSED : problemOfError(ended, options.address)))

  const ask = (packet: (messageId: number) => Packet): Promise<readonly number[] | null> => {
    if (phase !== 'open') return Promise.resolve(null)
    const messageId = takePacketId()
    sendPacket(packet(messageId))
    return new Promise((resolve) => waiting.set(messageId, resolve))
  }

  return {
    subscribe: (subscriptions, retained) =>
      ask((messageId) => ({
        cmd: 'subscribe',
        messageId,
        subscriptions: subscriptions.map(({ filter, qos }) => ({
          topic: filter,
          qos,
          ...(protocol === 5 && { nl: false, rap: false, rh: retained === 'always' ? 0 : 1 }),
        })),
      })),
    async unsubscribe(filters) {
      await ask((messageId) => ({ cmd: 'unsubscribe', messageId, unsubscriptions: [...filters] }))
    },
    acknowledge(packetId, qos) {
      if (phase === 'closed') return
      sentAtMs = performance.now()
      answers.add(qos === 2 ? PUBREC_BYTE : PUBACK_BYTE, packetId)
    },
    publish({ topic, payload, qos, retain }) {
      const id = qos > 0 ? { messageId: takePacketId() } : {}
      sendPacket({ cmd: 'publish', topic, payload: Buffer.from(payload), qos, retain, dup: false, ...id })
    },
    pause: () => void socket.pause(),
    resume() {
      // An answer that has come meanwhile is not read yet.
      pingedAtMs = 0
      socket.resume()
    },
    async end({ forget = false } = {}) {
      if (phase === 'closed') return
      answers.flush()
      const wasOpen = phase === 'open'
      phase = 'ending'
      const properties = protocol === 5 && forget ? { properties: { sessionExpiryInterval: 0 } } : {}
      if (wasOpen) sendPacket({ cmd: 'disconnect', ...(protocol === 5 && { reasonCode: 0 }), ...properties })
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000)
        socket.end(() => {
          clearTimeout(timer)
          resolve()
        })
        socket.once('close', () => resolve())
        socket.resume()
      })
      close(null)
    },
    get bytesReceived() {
      return bytesReceived
    },
  }
}

function openSocket(options: ConnectionOptions): Socket {
  const { host, port, tls } = options.address
  if (!tls) return connectTcp({ host, port })
  const name = options.serverName ?? host
  return connectTls({
    host,
    port,
    // Only names may be asked for, not addresses (RFC 6066, 3); what is checked is the same.
    ...(isIP(name) === 0 && { servername: name }),
    ...(options.authority !== undefined && { ca: options.authority }),
    ...(options.certificate !== undefined && { cert: options.certificate }),
    ...(options.privateKey !== undefined && { key: options.privateKey }),
  })
}

function connectPacket(options: ConnectionOptions): IConnectPacket {
  const { protocol, clean, will, limits } = options
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: protocol,
    clientId: options.clientId,
    clean,
    keepalive: limits.keepAliveSeconds,
    ...(options.username !== undefined && { username: options.username }),
    ...(options.password !== undefined && { password: Buffer.from(options.password) }),
    ...(will && {
      will: { topic: will.topic, payload: Buffer.from(will.payload), qos: will.qos, retain: will.retain },
    }),
    ...(protocol === 5 && {
      properties: {
        sessionExpiryInterval: clean ? 0 : options.sessionExpirySeconds,
        receiveMaximum: limits.receiveMaximum,
        topicAliasMaximum: 100,
      },
    }),
  }
}
