/** What comes of a stream of bytes. Every call is made in order, while `push` runs. */
export interface FrameSink {
  /** A whole packet, header included, as a range of `bytes`. Bytes are only valid during the call. */
  frame(bytes: Buffer, from: number, to: number): void
  /** A packet that is larger than allowed: its first bytes. The rest is passed over as it comes. */
  oversized(head: Buffer, byteLength: number): void
  /** What came is no MQTT; nothing more is read. */
  malformed(reason: string): void
}

export interface Framer {
  push(chunk: Buffer): void
}

/** Of an oversized packet: enough for the longest topic and for what a dead letter shows. */
const HEAD_BYTES = 65_535 + 16_384 + 64

/**
 * Cuts a stream into MQTT packets. Packets that lie whole in a chunk are not copied; of one that is larger than
 * `packetBytesMax` only the head is kept, so that no peer can make us hold more than that.
 */
export function createFramer(packetBytesMax: number, sink: FrameSink): Framer {
  let kept: Buffer = Buffer.alloc(0)
  let keptLength = 0
  /** Bytes of an oversized packet that are still to be passed over. */
  let passOver = 0
  let broken = false

  const keep = (chunk: Buffer, from: number, to: number): void => {
    const needed = keptLength + to - from
    if (kept.length < needed) {
      const grown = Buffer.allocUnsafe(Math.max(needed, Math.min(kept.length * 2, packetBytesMax)))
      kept.copy(grown, 0, 0, keptLength)
      kept = grown
    }
    chunk.copy(kept, keptLength, from, to)
    keptLength = needed
  }

  /** Reads packets from a buffer; answers where the first one that is not whole begins. */
  const readFrom = (bytes: Buffer, end: number): number => {
    let at = 0
    while (at < end && !broken) {
      const total = packetLength(bytes, at, end)
      if (total === MALFORMED) {
        broken = true
        sink.malformed('length of a packet in more than four bytes')
        return end
      }
      if (total === INCOMPLETE) return at
      const there = end - at
      if (total > packetBytesMax) {
        if (there < Math.min(total, HEAD_BYTES)) return at
        sink.oversized(bytes.subarray(at, at + Math.min(total, HEAD_BYTES)), total)
        passOver = Math.max(0, total - there)
        at = Math.min(end, at + total)
        continue
      }
      if (there < total) return at
      sink.frame(bytes, at, at + total)
      at += total
    }
    return at
  }

  return {
    push(chunk) {
      if (broken) return
      const from = Math.min(passOver, chunk.length)
      passOver -= from
      if (from === chunk.length) return
      const rest = from === 0 ? chunk : chunk.subarray(from)
      if (keptLength === 0) {
        const at = readFrom(rest, rest.length)
        if (at < rest.length && !broken) keep(rest, at, rest.length)
        return
      }
      keep(rest, 0, rest.length)
      const at = readFrom(kept, keptLength)
      // What is left is shorter than a packet: it moves to the front, or the buffer is given back.
      if (at >= keptLength) {
        kept = Buffer.alloc(0)
        keptLength = 0
      } else if (at > 0) {
        kept = Buffer.from(kept.subarray(at, keptLength))
        keptLength = kept.length
      }
    },
  }
}

const INCOMPLETE = -1
const MALFORMED = -2

/** Length of the packet that begins at `at`, header included (MQTT 5.0, 2.1.4). */
function packetLength(bytes: Buffer, at: number, end: number): number {
  let value = 0
  for (let index = 0; index < 4; index++) {
    const position = at + 1 + index
    if (position >= end) return INCOMPLETE
    const byte = bytes[position]!
    value += (byte & 0x7f) * 128 ** index
    if (byte < 0x80) return value + 2 + index
  }
  return MALFORMED
}
