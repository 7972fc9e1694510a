import { csvFormat } from './csv-format.ts'
import { jsonFormat } from './json-format.ts'
import { numberFormat } from './number-format.ts'
import { type Decoded, PAYLOAD_BYTES_MAX, type PayloadFormat, type PayloadOptions, Refused } from './payload-format.ts'
import { textFormat } from './text-format.ts'

/** Every way to read a payload, in the order in which `auto` tries them. */
export const payloadFormats: readonly PayloadFormat[] = [jsonFormat, numberFormat, csvFormat, textFormat]

/** Reads bytes to rows and says how they were read. */
export interface PayloadReader {
  read(bytes: Buffer): Decoded
  /** The format of the payload that was read last. */
  readonly format: PayloadFormat
}

const EMPTY = new Refused('payload_empty', 'the payload is empty')

/** A reader for a format's name or `auto`; null for a name that there is none of. */
export function createPayloadReader(name: string, options: PayloadOptions): PayloadReader | null {
  const fixed = payloadFormats.find((format) => format.name === name)
  if (!fixed && name !== 'auto') return null
  const readers = new Map(payloadFormats.map((format) => [format, format.reader(options)]))
  let format = fixed ?? textFormat
  return {
    read(bytes) {
      if (bytes.length === 0) return EMPTY
      if (bytes.length > PAYLOAD_BYTES_MAX) {
        return new Refused('payload_too_large', `${bytes.length} bytes exceed ${PAYLOAD_BYTES_MAX}`)
      }
      if (!fixed) format = guessFormat(bytes, options)
      return readers.get(format)!(bytes)
    },
    get format() {
      return format
    },
  }
}

/** What a payload looks like. The last format takes anything. */
export function guessFormat(bytes: Buffer, options: PayloadOptions): PayloadFormat {
  for (const format of payloadFormats) if (format.looksLike(bytes, options)) return format
  return textFormat
}
