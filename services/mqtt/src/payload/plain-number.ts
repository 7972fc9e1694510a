/** Longer texts are no number that anyone means, and need not be searched for one. */
const NUMBER_CHARS_MAX = 64

const words = new Map<string, number>([
  ['true', 1],
  ['on', 1],
  ['false', 0],
  ['off', 0],
  // Refused as not finite, which says more than that they are no numbers.
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
  ['+inf', Number.POSITIVE_INFINITY],
  ['+infinity', Number.POSITIVE_INFINITY],
])

/**
 * Reads a decimal number with optional sign, fraction and exponent, or one of true, false, on, off as 1 and 0; spaces
 * around it are ignored. Answers null for anything else (`7,5`, `0x10`, `12 mm`), and NaN or an infinity where the text
 * says so or the number is too large: the caller refuses those by their own reason.
 */
export function parseNumber(text: string): number | null {
  if (text.length > NUMBER_CHARS_MAX) return null
  const trimmed = text.trim()
  if (isDecimal(trimmed)) return Number(trimmed)
  return words.get(trimmed.toLowerCase()) ?? null
}

/** Walks once over the characters: `Number` alone takes hexadecimal, empty texts and other notations too. */
function isDecimal(text: string): boolean {
  let at = 0
  const first = text.charCodeAt(0)
  if (first === 0x2b || first === 0x2d) at = 1
  const whole = digits(text, at)
  let end = whole
  let figures = whole - at
  if (text.charCodeAt(end) === 0x2e) {
    const fraction = digits(text, end + 1)
    figures += fraction - end - 1
    end = fraction
  }
  if (figures === 0) return false
  if (end === text.length) return true
  if ((text.charCodeAt(end) | 0x20) !== 0x65) return false
  const sign = text.charCodeAt(end + 1)
  const exponent = sign === 0x2b || sign === 0x2d ? end + 2 : end + 1
  return digits(text, exponent) === text.length && exponent < text.length
}

/** Where the digits that begin at a place end. */
function digits(text: string, from: number): number {
  let at = from
  for (let code = text.charCodeAt(at); code >= 0x30 && code <= 0x39; code = text.charCodeAt(at)) at += 1
  return at
}
