import { isUtf8 } from 'node:buffer'
import { type Decoded, firstByte, type PayloadFormat, Refused } from './payload-format.ts'

const NOT_UTF8 = new Refused('payload_not_utf8', 'the payload is not valid UTF-8')

/** What the parser says may quote the payload: a detail stays a short line. */
const DETAIL_CHARS_MAX = 200

/** `JSON.parse` walks nested arrays without recursion and makes `__proto__` an ordinary key, so both are harmless here. */
function read(bytes: Buffer): Decoded {
  if (!isUtf8(bytes)) return NOT_UTF8
  try {
    return [JSON.parse(bytes.toString('utf8'))]
  } catch (error) {
    return new Refused('payload_not_json', (error as Error).message.slice(0, DETAIL_CHARS_MAX))
  }
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
