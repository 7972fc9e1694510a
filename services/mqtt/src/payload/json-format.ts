import { isUtf8 } from 'node:buffer'
import { type Decoded, firstByte, type PayloadFormat, Refused } from './payload-format.ts'

const NOT_UTF8 = new Refused('payload_not_utf8', 'the payload is not valid UTF-8')

/** What the parser says may quote the payload: a detail stays a short line. */
const DETAIL_CHARS_MAX = 200

/** Whoever looks into a value, or writes it as text again, goes down as deep. */
const DEPTH_MAX = 64
const TOO_DEEP = new Refused('nested_too_deep', `the payload is nested in more than ${DEPTH_MAX} levels`)

/** `JSON.parse` walks nested arrays without recursion and makes `__proto__` an ordinary key, so both are harmless here. */
function read(bytes: Buffer): Decoded {
  if (!isUtf8(bytes)) return NOT_UTF8
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    // Each level takes two bytes at least, so that short payloads need no look.
    return bytes.length > 2 * DEPTH_MAX && isDeeper(value, DEPTH_MAX) ? TOO_DEEP : [value]
  } catch (error) {
    return new Refused('payload_not_json', (error as Error).message.slice(0, DETAIL_CHARS_MAX))
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  for (const key in value) if (isDeeper((value as Record<string, unknown>)[key], levels - 1)) return true
  return false
}

/** JSON of any shape. */
export const jsonFormat: PayloadFormat = {
  name: 'json',
  textValues: false,
  looksLike(bytes) {
    const byte = bytes[firstByte(bytes)]
    return byte === 0x7b || byte === 0x5b || byte === 0x22
  },
  reader: () => read,
}
