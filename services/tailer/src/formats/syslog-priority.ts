import { indexIn } from './byte-search.ts'
import { syslogSeverity } from './severity.ts'

/** Offset behind `<PRI>` at `at`, or -1. */
export function priorityEnd(buffer: Uint8Array, at: number, to: number): number {
  if (at >= to || buffer[at] !== 60) return -1
  const close = indexIn(buffer, 62, at + 1, Math.min(to, at + 5))
  return close > at + 1 && priorityOf(buffer, at + 1, close) >= 0 ? close + 1 : -1
}

/** The severity of the priority in these digits. */
export const severityOfPriority = (buffer: Uint8Array, from: number, to: number): number =>
  syslogSeverity[priorityOf(buffer, from, to) & 7]!

function priorityOf(buffer: Uint8Array, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at++) {
    const digit = buffer[at]! - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value <= 191 ? value : -1
}
