import type { LineBatch, LineParser } from './log-format.ts'
import { reasonCode } from './log-format.ts'
import { beginBatch, type RecordColumns } from './record-columns.ts'
import { findSeverity } from './severity.ts'

/** Longer records are refused; the reader cuts them before. */
export const LINE_BYTES_MAX = 1 << 20

/** Event times further ahead of the arrival are wrong clocks. */
const AHEAD_MS_MAX = 600_000

const TOO_LONG = reasonCode('line_too_long')
const OUT_OF_RANGE = reasonCode('time_out_of_range')

/**
 * Reads a batch of lines into `columns`, which then refer to `lines.buffer`. Event times must lie within `pastMsMax`
 * before the arrival (without it: anything since the year 2000) and ten minutes after it.
 */
export function parseLines(
  parser: LineParser,
  lines: LineBatch,
  columns: RecordColumns,
  pastMsMax = Number.POSITIVE_INFINITY,
): void {
  beginBatch(columns, lines.buffer, lines.count)
  columns.names = parser.names
  columns.bodyIsJson = parser.bodyIsJson
  columns.groupedBy = parser.groupedBy
  columns.arrivalMs = lines.arrivalMs
  const oldestMs = Math.max(Date.UTC(2000, 0, 1), lines.arrivalMs - pastMsMax)
  const newestMs = lines.arrivalMs + AHEAD_MS_MAX
  const { starts, ends } = lines
  for (let row = 0; row < lines.count; row++) {
    const start = starts[row]!
    const end = ends[row]!
    columns.start[row] = start
    columns.end[row] = end
    columns.messageStart[row] = start
    columns.messageEnd[row] = end
    columns.timeMs[row] = Number.NaN
    columns.severity[row] = 0
    columns.status[row] = 0
    columns.durationS[row] = Number.NaN
    let reason = end - start > LINE_BYTES_MAX ? TOO_LONG : parser.parse(columns, row)
    const time = columns.timeMs[row]!
    if (Number.isNaN(time)) columns.timeMs[row] = lines.arrivalMs
    else if (!(time >= oldestMs && time <= newestMs)) {
      columns.timeMs[row] = lines.arrivalMs
      if (reason === 0) reason = OUT_OF_RANGE
    }
    columns.reason[row] = reason
    if (reason !== 0) takeAsText(columns, row)
    columns.cellStart[row + 1] = columns.cells
  }
}

/** A line that does not fit keeps nothing of what was read of it: it is text with the level that its words tell. */
function takeAsText(columns: RecordColumns, row: number): void {
  const start = columns.start[row]!
  const end = columns.end[row]!
  columns.refused += 1
  columns.cells = columns.cellStart[row]!
  columns.timeMs[row] = columns.arrivalMs
  columns.status[row] = 0
  columns.durationS[row] = Number.NaN
  columns.messageStart[row] = start
  columns.messageEnd[row] = end
  columns.severity[row] = findSeverity(columns.buffer, start, end)
}
