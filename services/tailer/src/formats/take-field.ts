import { parseDuration } from './durations.ts'
import { parseDigits, parseNumber } from './numbers.ts'
import { addCell, cellKind, type RecordColumns } from './record-columns.ts'
import { role } from './roles.ts'
import { severityOfLevelNumber, severityOfWord } from './severity.ts'
import type { AnyTime } from './times/any-time.ts'

/**
 * Puts a field of a row into the columns, and what it means by its name: time, severity, message, HTTP status,
 * duration. Answers false when it should be a time and is none.
 */
export function takeField(
  columns: RecordColumns,
  row: number,
  name: number,
  kind: number,
  from: number,
  to: number,
  time: AnyTime,
): boolean {
  addCell(columns, row, name, kind, from, to)
  if (name < 0) return true
  const meaning = columns.names.roles[name]!
  if (meaning === role.none || kind > cellKind.number) return true
  const buffer = columns.buffer
  if (meaning >= role.duration) {
    columns.durationS[row] = parseDuration(buffer, from, to, meaning - role.duration)
    return true
  }
  switch (meaning) {
    case role.time:
      columns.timeMs[row] = time.parse(buffer, from, to, columns.arrivalMs)
      return !Number.isNaN(columns.timeMs[row]!)
    case role.level:
      takeLevel(columns, row, from, to)
      return true
    case role.severityNumber: {
      const number = parseDigits(buffer, from, to)
      if (number >= 1 && number <= 24) columns.severity[row] = number
      return true
    }
    case role.message:
      columns.messageStart[row] = from
      columns.messageEnd[row] = to
      return true
    default: {
      const status = parseDigits(buffer, from, to)
      if (status >= 100 && status <= 599) columns.status[row] = status
      return true
    }
  }
}

function takeLevel(columns: RecordColumns, row: number, from: number, to: number): void {
  const buffer = columns.buffer
  const digit = buffer[from]! - 48
  const found =
    digit >= 0 && digit <= 9 ? severityOfLevelNumber(parseNumber(buffer, from, to)) : severityOfWord(buffer, from, to)
  if (found > 0) columns.severity[row] = found
}
