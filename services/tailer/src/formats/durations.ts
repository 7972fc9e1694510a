import { parseNumber } from './numbers.ts'
import { durationScales } from './roles.ts'

/**
 * Seconds of a duration: a number in the unit that `place` (in `durationScales`) says, or one that names its unit
 * (`12ms`, `1.5s`, `300µs`, `2m`). NaN for anything else, and for what is below zero.
 */
export function parseDuration(buffer: Uint8Array, from: number, to: number, place: number): number {
  let end = to
  while (end > from && !isNumeric(buffer[end - 1]!)) end -= 1
  const value = parseNumber(buffer, from, end)
  const scale = end === to ? durationScales[place]! : unitScale(buffer, end, to)
  const seconds = value * scale
  return seconds >= 0 ? seconds : Number.NaN
}

const isNumeric = (byte: number): boolean => byte >= 48 && byte <= 57

/** Seconds in the unit that these bytes name, or NaN. */
function unitScale(buffer: Uint8Array, start: number, to: number): number {
  const from = buffer[start] === 32 ? start + 1 : start
  const first = buffer[from]!
  const last = buffer[to - 1]!
  switch (to - from) {
    case 1:
      return first === 115 ? 1 : first === 109 ? 60 : first === 104 ? 3_600 : Number.NaN
    case 2:
      if (last !== 115) return Number.NaN
      return first === 109 ? 1e-3 : first === 117 ? 1e-6 : first === 110 ? 1e-9 : Number.NaN
    case 3:
      // µs with either of its two signs, U+00B5 and U+03BC.
      return last === 115 && (first === 0xc2 || first === 0xce) ? 1e-6 : Number.NaN
    default:
      return Number.NaN
  }
}
