import { isUtf8 } from 'node:buffer'
import { Refused } from '../payload/payload-format.ts'
import { createPayloadReader, guessFormat } from '../payload/payload-formats.ts'
import { parseNumber } from '../payload/plain-number.ts'
import { isSparkplugTopic } from '../sparkplug/sparkplug-topics.ts'

/** What a payload looks like to somebody who has not mapped its topic yet. */
export type PayloadGuess = 'json' | 'number' | 'csv' | 'sparkplug' | 'text' | 'binary'

const DELIMITERS = [',', ';', '\t', '|'] as const
/** Enough to tell; a line that is longer is told by its beginning. */
const LINE_CHARS_MAX = 2048

/** The delimiter of a text that looks like cells of which half or more are numbers, or that names columns; else null. */
export function guessDelimiter(text: string): string | null {
  const lines = text.slice(0, LINE_CHARS_MAX).trim().split(/\r?\n/, 2)
  for (const delimiter of DELIMITERS) {
    const cells = lines.map((line) => line.split(delimiter))
    if (cells[0]!.length < 2 || (cells[1] && cells[1].length !== cells[0]!.length)) continue
    const values = cells.at(-1)!
    const numbers = values.filter((cell) => parseNumber(cell) !== null).length
    if (numbers * 2 >= values.length) return delimiter
  }
  return null
}

/** A guess by topic and bytes. What looks like JSON but is none is text: a mapping for JSON would refuse it. */
export function guessPayload(topic: string, bytes: Buffer): PayloadGuess {
  if (isSparkplugTopic(topic)) return 'sparkplug'
  if (!isUtf8(bytes) || hasControls(bytes)) return 'binary'
  const { name } = guessFormat(bytes, {})
  if (name === 'number') return 'number'
  if (name === 'json') return createPayloadReader('json', {})?.read(bytes) instanceof Refused ? 'text' : 'json'
  return guessDelimiter(bytes.toString('utf8', 0, LINE_CHARS_MAX)) === null ? 'text' : 'csv'
}

/** Whether a text holds characters that no text has, but for white space. */
function hasControls(bytes: Buffer): boolean {
  for (let at = 0; at < Math.min(bytes.length, LINE_CHARS_MAX); at++) {
    const byte = bytes[at]!
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return true
  }
  return false
}
