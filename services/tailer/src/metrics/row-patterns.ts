import type { LogPatterns } from '@driftline/ingest/log-patterns/log-patterns'
import { findCell, type RecordColumns } from '../formats/record-columns.ts'

/**
 * Writes the number of each row's template into `into` (at least `columns.rows` long): of an access line by method, path
 * and status, of any other by its message. 0 where there is neither, as in a JSON object without a message.
 */
export function assignPatterns(columns: RecordColumns, patterns: LogPatterns, into: Int32Array): void {
  if (columns.groupedBy === 'status') assignRequests(columns, patterns, into)
  else {
    for (let row = 0; row < columns.rows; row++) into[row] = messagePattern(columns, patterns, row)
  }
}

function messagePattern(columns: RecordColumns, patterns: LogPatterns, row: number): number {
  const from = columns.messageStart[row]!
  const to = columns.messageEnd[row]!
  const isObject = columns.bodyIsJson && columns.reason[row] === 0
  if (isObject && from === columns.start[row] && to === columns.end[row]) return 0
  return patterns.message(columns.buffer, from, to, columns.severity[row]!, columns.timeMs[row]!)
}

function assignRequests(columns: RecordColumns, patterns: LogPatterns, into: Int32Array): void {
  const method = columns.names.idOf('http.request.method')
  const path = columns.names.idOf('url.path')
  for (let row = 0; row < columns.rows; row++) {
    if (columns.reason[row] !== 0) {
      into[row] = messagePattern(columns, patterns, row)
      continue
    }
    const methodCell = findCell(columns, row, method)
    const pathCell = findCell(columns, row, path)
    into[row] =
      methodCell < 0 || pathCell < 0
        ? 0
        : patterns.request(
            columns.buffer,
            columns.cellFrom[methodCell]!,
            columns.cellTo[methodCell]!,
            columns.cellFrom[pathCell]!,
            columns.cellTo[pathCell]!,
            columns.status[row]!,
            columns.severity[row]!,
            columns.timeMs[row]!,
          )
  }
}
