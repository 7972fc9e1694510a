/** A PUBLISH as it lies in the bytes of a connection. */
export interface PublishPacket {
  readonly qos: number
  readonly retain: boolean
  readonly duplicate: boolean
  /** 0 at QoS 0. */
  readonly packetId: number
  /** Empty when the alias stands for it. */
  readonly topic: string
  /** 0 without one. */
  readonly topicAlias: number
  /** Where the payload begins. */
  readonly payloadFrom: number
}

export const PUBLISH = 3

/** Type of a packet: the upper half of its first byte (MQTT 5.0, 2.1.2). */
export const typeOfPacket = (bytes: Buffer, from: number): number => bytes[from]! >> 4

/**
 * Reads the head of a PUBLISH that begins at `from` and may be cut off at `to` after its head; null when it is not one.
 * The hot path of every message: nothing but the topic is decoded.
 */
export function readPublish(bytes: Buffer, from: number, to: number, protocol: 4 | 5): PublishPacket | null {
  const flags = bytes[from]!
  const qos = (flags >> 1) & 3
  if (qos === 3) return null
  let at = from + 1
  while (bytes[at]! >= 0x80) at += 1
  at += 1
  if (at + 2 > to) return null
  const topicLength = bytes.readUInt16BE(at)
  at += 2
  if (at + topicLength > to) return null
  const topic = bytes.toString('utf8', at, at + topicLength)
  at += topicLength
  let packetId = 0
  if (qos > 0) {
    if (at + 2 > to) return null
    packetId = bytes.readUInt16BE(at)
    at += 2
    if (packetId === 0) return null
  }
  let topicAlias = 0
  if (protocol === 5) {
    const properties = readProperties(bytes, at, to)
    if (properties === null) return null
    topicAlias = properties.topicAlias
    at = properties.end
  }
  if (topic === '' && topicAlias === 0) return null
  return {
    qos,
    retain: (flags & 1) !== 0,
    duplicate: (flags & 8) !== 0,
    packetId,
    topic,
    topicAlias,
    payloadFrom: at,
  }
}

const TOPIC_ALIAS = 0x23

/** Lengths of the properties that a PUBLISH may have (MQTT 5.0, 3.3.2.3); -1 text or bytes, -2 variable number, -3 pair. */
const propertyLengths: Readonly<Record<number, number>> = {
  1: 1,
  2: 4,
  3: -1,
  8: -1,
  9: -1,
  11: -2,
  [TOPIC_ALIAS]: 2,
  38: -3,
}

function readProperties(bytes: Buffer, from: number, to: number): { topicAlias: number; end: number } | null {
  const length = readVariable(bytes, from, to)
  if (length === null) return null
  const end = length.next + length.value
  if (end > to) return null
  let topicAlias = 0
  for (let at = length.next; at < end; ) {
    const name = bytes[at]!
    const next = afterProperty(bytes, at + 1, end, propertyLengths[name])
    if (next === null) return null
    if (name === TOPIC_ALIAS) {
      topicAlias = bytes.readUInt16BE(at + 1)
      if (topicAlias === 0) return null
    }
    at = next
  }
  return { topicAlias, end }
}

function afterProperty(bytes: Buffer, at: number, end: number, length: number | undefined): number | null {
  if (length === undefined) return null
  if (length === -2) return readVariable(bytes, at, end)?.next ?? null
  if (length >= 0) return at + length <= end ? at + length : null
  let next = at
  for (let texts = length === -3 ? 2 : 1; texts > 0; texts--) {
    if (next + 2 > end) return null
    next += 2 + bytes.readUInt16BE(next)
  }
  return next <= end ? next : null
}

/** A number of one to four bytes (MQTT 5.0, 1.5.5). */
function readVariable(bytes: Buffer, from: number, to: number): { value: number; next: number } | null {
  let value = 0
  for (let index = 0; index < 4; index++) {
    if (from + index >= to) return null
    const byte = bytes[from + index]!
    value += (byte & 0x7f) * 128 ** index
    if (byte < 0x80) return { value, next: from + index + 1 }
  }
  return null
}
