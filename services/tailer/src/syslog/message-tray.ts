import type { RecordChunk } from '../record-reader.ts'

/** Messages that wait to be read, in one piece of memory; who sent them stands beside. */
export interface MessageTray {
  /** Copies a message. Answers false, and takes nothing, when there is no room. */
  add(sender: string, bytes: Buffer): boolean
  readonly count: number
  readonly byteLength: number
  /** Hands all messages over as chunks, one or more for each sender, and is empty then. Valid until the next `add`. */
  drain(arrivalMs: number, take: (chunk: RecordChunk) => void): void
}

export interface TrayLimits {
  readonly bytesMax: number
  readonly messagesMax: number
  /** Records of one chunk. */
  readonly chunkMax: number
}

export function createMessageTray({ bytesMax, messagesMax, chunkMax }: TrayLimits): MessageTray {
  let bytes = Buffer.allocUnsafe(Math.min(bytesMax, 65_536))
  const from = new Uint32Array(messagesMax)
  const to = new Uint32Array(messagesMax)
  const senderOf = new Uint32Array(messagesMax)
  const order = new Uint32Array(messagesMax)
  const starts = new Uint32Array(chunkMax)
  const ends = new Uint32Array(chunkMax)
  let senders = new Map<string, number>()
  let count = 0
  let used = 0

  const makeRoom = (more: number): void => {
    if (used + more <= bytes.length) return
    const larger = Buffer.allocUnsafe(Math.min(bytesMax, Math.max(bytes.length * 2, used + more)))
    bytes.copy(larger, 0, 0, used)
    bytes = larger
  }

  return {
    add(sender, message) {
      if (count === messagesMax || used + message.length > bytesMax) return false
      makeRoom(message.length)
      let number = senders.get(sender)
      if (number === undefined) {
        number = senders.size
        senders.set(sender, number)
      }
      from[count] = used
      message.copy(bytes, used)
      used += message.length
      to[count] = used
      senderOf[count] = number
      count += 1
      return true
    },
    get count() {
      return count
    },
    get byteLength() {
      return used
    },
    drain(arrivalMs, take) {
      // Sorted by counting: there may be as many senders as messages.
      const next = new Uint32Array(senders.size + 1)
      for (let i = 0; i < count; i++) next[senderOf[i]! + 1]! += 1
      for (let each = 1; each < next.length; each++) next[each]! += next[each - 1]!
      for (let i = 0; i < count; i++) order[next[senderOf[i]!]!++] = i
      let at = 0
      for (const [subject, number] of senders) {
        while (at < next[number]!) {
          let size = 0
          for (; at < next[number]! && size < chunkMax; at++, size++) {
            starts[size] = from[order[at]!]!
            ends[size] = to[order[at]!]!
          }
          take({ buffer: bytes.subarray(0, used), count: size, starts, ends, subject, arrivalMs })
        }
      }
      senders = new Map()
      count = 0
      used = 0
    },
  }
}
