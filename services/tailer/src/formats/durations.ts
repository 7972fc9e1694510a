import { parseNumber } from './numbers.ts'
import { unitsPerSecond } from './roles.ts'

/**
 * Seconds of a duration: a number in the unit that `place` (in `unitsPerSecond`) says, or one that names its unit
 * (`12ms`, `1.5s`, `300µs`, `2m`). NaN for anything else, and for what is below zero.
 */
export function parseDuration(buffer: Uint8Array, from: number, to: number, place: number): number {
  let end = to
  while (end > from && !isNumeric(buffer[end - 1]!)) end -= 1
  const value = parseNumber(buffer, from, end)
  const seconds = value / (end === to ? unitsPerSecond[place]! : unitPerSecond(buffer, end, to))
  return seconds >= 0 ? seconds : Number.NaN
}

const isNumeric = (byte: number): boolean => byte >= 48 && byte <= 57

/** How many of the unit that these bytes name make a second, or NaN. */
function unitPerSecond(buffer: Uint8Array, start: number, to: number): number {
  const from = buffer[start] === 32 ? start + 1 : start
  const first = buffer[from]!
  const last = buffer[to - 1]!
  switch (to - from) {
    case 1:
      return first === 115 ? 1 : first === 109 ? 1 / 60 : first === 104 ? 1 / 3_600 : Number.NaN
    case 2:
      if (last !== 115) return Number.NaN
      return first === 109 ? 1e3 : first === 117 ? 1e6 : first === 110 ? 1e9 : Number.NaN
    case 3:
      // µs with either of its two signs, U+00B5 and U+03BC.
      return last === 115 && (first === 0xc2 || first === 0xce) ? 1e6 : Number.NaN
    default:
      return Number.NaN
  }
}
