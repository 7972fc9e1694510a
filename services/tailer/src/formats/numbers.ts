const POWERS = [
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
  1e21, 1e22,
]

/**
 * The number that JSON writes in these bytes; NaN when they hold anything else, or what no double can hold (`1e999`).
 * Up to 15 digits with a small exponent are computed exactly without a string; others go through `Number`.
 */
export function parseNumber(buffer: Uint8Array, from: number, to: number): number {
  let at = from
  const negative = buffer[at] === 45
  if (negative) at += 1
  const digitsFrom = at
  let mantissa = 0
  let digits = 0
  while (at < to) {
    const digit = buffer[at]! - 48
    if (digit < 0 || digit > 9) break
    mantissa = mantissa * 10 + digit
    if (mantissa > 0) digits += 1
    at += 1
  }
  if (at === digitsFrom || (buffer[digitsFrom] === 48 && at - digitsFrom > 1)) return Number.NaN
  let exponent = 0
  if (at < to && buffer[at] === 46) {
    const fractionFrom = at + 1
    at = fractionFrom
    while (at < to) {
      const digit = buffer[at]! - 48
      if (digit < 0 || digit > 9) break
      mantissa = mantissa * 10 + digit
      if (mantissa > 0) digits += 1
      at += 1
    }
    if (at === fractionFrom) return Number.NaN
    exponent = fractionFrom - at
  }
  if (at < to && (buffer[at]! | 32) === 101) return slowNumber(buffer, from, to, at)
  if (at !== to) return Number.NaN
  if (digits > 15 || exponent < -22) return slowNumber(buffer, from, to, at)
  const value = exponent === 0 ? mantissa : mantissa / POWERS[-exponent]!
  return negative ? -value : value
}

/** Finishes a number with an exponent or many digits; `at` is where the exponent begins, or the end. */
function slowNumber(buffer: Uint8Array, from: number, to: number, at: number): number {
  if (at < to) {
    let digit = at + 1
    if (buffer[digit] === 43 || buffer[digit] === 45) digit += 1
    if (digit === to) return Number.NaN
    for (; digit < to; digit++) if (buffer[digit]! < 48 || buffer[digit]! > 57) return Number.NaN
  }
  // Digits beyond some hundreds change nothing but would make a long string.
  if (to - from > 400) return Number.NaN
  const value = Number(Buffer.from(buffer.buffer, buffer.byteOffset + from, to - from).toString('latin1'))
  return Number.isFinite(value) ? value : Number.NaN
}

/** A whole number of up to 15 digits, or -1. */
export function parseDigits(buffer: Uint8Array, from: number, to: number): number {
  if (from >= to || to - from > 15) return -1
  let value = 0
  for (let at = from; at < to; at++) {
    const digit = buffer[at]! - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}
