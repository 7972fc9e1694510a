/** Takes messages out of a byte stream (RFC 6587). Which framing a connection has, its first byte tells. */
export interface SyslogFramer {
  /**
   * Takes bytes in; complete messages go to the sink. Answers false when the framing is broken: nothing that follows
   * can be told apart, so the connection has to end.
   */
  take(bytes: Buffer): boolean
  /** The stream ended: what has no newline yet is complete; half a counted message is none. */
  end(): void
}

export interface FramerSink {
  /** A message; the bytes are good until the call returns. */
  message(bytes: Buffer): void
  /** A message was longer than it may be; its beginning was handed on. */
  cut(): void
}

const NEWLINE = 10
const RETURN = 13
const SPACE = 32
const COUNT_DIGITS_MAX = 8
const NOTHING = Buffer.alloc(0)

/** Section 3.4.1: `123 <34>1 ...`, or 3.4.2: messages that end with a newline (or NUL, as some senders have it). */
export function createSyslogFramer(messageBytesMax: number, sink: FramerSink): SyslogFramer {
  let mode: 'unknown' | 'counted' | 'lines' = 'unknown'
  let held = NOTHING
  /** Bytes of a counted message that are still to come and are left out; or, with lines, whether to skip to a newline. */
  let skip = 0

  const deliver = (bytes: Buffer): void => {
    let end = bytes.length
    while (end > 0 && (bytes[end - 1] === NEWLINE || bytes[end - 1] === RETURN || bytes[end - 1] === 0)) end -= 1
    if (end > messageBytesMax) {
      sink.cut()
      end = messageBytesMax
    }
    if (end > 0) sink.message(bytes.subarray(0, end))
  }

  /** Answers how many bytes were used, or -1. */
  const takeCounted = (bytes: Buffer): number => {
    let from = 0
    while (from < bytes.length) {
      const space = bytes.subarray(from, from + COUNT_DIGITS_MAX + 1).indexOf(SPACE)
      const digits = bytes.subarray(from, space === -1 ? from + COUNT_DIGITS_MAX + 1 : from + space)
      if (!isCount(digits, space !== -1)) return -1
      if (space === -1) break
      const length = Number(digits.toString('latin1'))
      const begin = from + space + 1
      if (length > messageBytesMax && bytes.length - begin >= messageBytesMax) {
        sink.cut()
        sink.message(bytes.subarray(begin, begin + messageBytesMax))
        skip = Math.max(0, begin + length - bytes.length)
        from = Math.min(bytes.length, begin + length)
      } else if (begin + length > bytes.length) break
      else {
        deliver(bytes.subarray(begin, begin + length))
        from = begin + length
      }
    }
    return from
  }

  const takeLines = (bytes: Buffer): number => {
    let from = 0
    while (from < bytes.length) {
      const end = endOfLine(bytes, from)
      if (skip > 0) {
        if (end === -1) return bytes.length
        skip = 0
      } else if (end !== -1) deliver(bytes.subarray(from, end))
      else if (bytes.length - from > messageBytesMax + 1) {
        deliver(bytes.subarray(from))
        skip = 1
        return bytes.length
      } else break
      from = end + 1
    }
    return from
  }

  return {
    take(fresh) {
      let bytes = fresh
      if (mode === 'counted' && skip > 0) {
        const skipped = Math.min(skip, bytes.length)
        skip -= skipped
        bytes = bytes.subarray(skipped)
      }
      if (held.length > 0) bytes = Buffer.concat([held, bytes])
      if (bytes.length === 0) return true
      if (mode === 'unknown') mode = isDigit(bytes[0]!) ? 'counted' : 'lines'
      const used = mode === 'counted' ? takeCounted(bytes) : takeLines(bytes)
      // Copied: the rest must not keep the whole of what was received alive.
      held = used === -1 || used === bytes.length ? NOTHING : Buffer.from(bytes.subarray(used))
      return used !== -1
    },
    end() {
      if (mode === 'lines' && skip === 0 && held.length > 0) deliver(held)
      held = NOTHING
    },
  }
}

const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57

/** A count begins with another digit than 0 and has at most eight. */
function isCount(digits: Buffer, isComplete: boolean): boolean {
  if (digits.length === 0 || digits.length > COUNT_DIGITS_MAX) return digits.length === 0 && !isComplete
  if (digits[0] === 48) return false
  return digits.every(isDigit)
}

function endOfLine(bytes: Buffer, from: number): number {
  const newline = bytes.indexOf(NEWLINE, from)
  const nul = bytes.subarray(from, newline === -1 ? bytes.length : newline).indexOf(0)
  return nul === -1 ? newline : from + nul
}
