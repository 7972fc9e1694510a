import { type Decoded, type PayloadFormat, Refused } from './payload-format.ts'
import { parseNumber } from './plain-number.ts'

const NOT_A_NUMBER = new Refused('payload_not_a_number', 'the payload is not a plain number such as 21.5')
const NOT_FINITE = new Refused('value_not_finite', 'the number is not finite')

/** The longest payload that can be a number with spaces around it. */
const BYTES_MAX = 64

function read(bytes: Buffer): Decoded {
  if (bytes.length > BYTES_MAX) return NOT_A_NUMBER
  // Latin-1 keeps every byte, so that what is no number stays none.
  const value = parseNumber(bytes.toString('latin1'))
  if (value === null) return NOT_A_NUMBER
  return Number.isFinite(value) ? [value] : NOT_FINITE
}

/** A plain number, or true, false, on, off. */
export const numberFormat: PayloadFormat = {
  name: 'number',
  textValues: false,
  looksLike: (bytes) => bytes.length <= BYTES_MAX && parseNumber(bytes.toString('latin1')) !== null,
  reader: () => read,
}
