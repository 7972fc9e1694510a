import { isUtf8 } from 'node:buffer'
import { type PayloadFormat, Refused } from './payload-format.ts'

const NOT_UTF8 = new Refused('payload_not_utf8', 'the payload is not valid UTF-8')

/** Any text: it has no values, but each message is an event of its process. */
export const textFormat: PayloadFormat = {
  name: 'text',
  textValues: false,
  looksLike: () => true,
  reader: () => (bytes) => (isUtf8(bytes) ? [bytes.toString('utf8')] : NOT_UTF8),
}
