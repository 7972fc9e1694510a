import { createAttributeWriter } from '../attributes.ts'
import { fieldOf } from '../field-of.ts'
import type { FormatSettings, LineBatch, LineParser } from '../log-format.ts'
import { lineReasons } from '../log-format.ts'
import { parseLines } from '../parse-lines.ts'
import { createRecordColumns, type RecordColumns } from '../record-columns.ts'
import { createParser } from '../registry.ts'

/** When the lines of tests arrive: 2024-05-01T12:00:00Z. */
export const ARRIVAL_MS = Date.UTC(2024, 4, 1, 12)

/** Records as the reader hands them over, with bytes of others around and between them. */
export function linesOf(lines: readonly (string | Uint8Array)[], arrivalMs = ARRIVAL_MS): LineBatch {
  const parts: Uint8Array[] = [Buffer.from('tail of one before"}\n')]
  const starts = new Uint32Array(lines.length)
  const ends = new Uint32Array(lines.length)
  let at = parts[0]!.length
  lines.forEach((line, index) => {
    const bytes = typeof line === 'string' ? Buffer.from(line) : line
    parts.push(bytes, Buffer.from('\n'))
    starts[index] = at
    ends[index] = at + bytes.length
    at += bytes.length + 1
  })
  parts.push(Buffer.from('"begin of the next{'))
  return { buffer: Buffer.concat(parts), count: lines.length, starts, ends, arrivalMs }
}

export function parserOf(settings: FormatSettings): LineParser {
  const made = createParser(settings)
  if ('problem' in made) throw new Error(`${made.problem}: ${made.detail}`)
  return made.parser
}

export function readColumns(
  settings: FormatSettings,
  lines: readonly (string | Uint8Array)[],
  arrivalMs = ARRIVAL_MS,
): RecordColumns {
  const columns = createRecordColumns({ rowsMax: Math.max(1, lines.length) })
  parseLines(parserOf(settings), linesOf(lines, arrivalMs), columns)
  return columns
}

/** A row in words, for comparing. */
export interface ReadRow {
  readonly reason: string
  /** ISO 8601, or `arrival`. */
  readonly time: string
  readonly severity: number
  readonly status: number
  readonly durationS: number | null
  readonly message: string
  /** What `AttributeWriter` wrote, parsed; null when it wrote nothing. */
  readonly attributes: unknown
  /** Every field of the row, as `fieldOf` answers it. */
  readonly fields: Record<string, number | string | boolean | undefined>
}

export function rowOf(columns: RecordColumns, row: number): ReadRow {
  const writer = createAttributeWriter()
  const length = writer.write(columns, row)
  const fields: [string, number | string | boolean | undefined][] = []
  for (let cell = columns.cellStart[row]!; cell < columns.cellStart[row + 1]!; cell++) {
    const name = columns.names.nameOf(columns.cellName[cell]!)
    fields.push([name, fieldOf(columns, row, name)])
  }
  const time = columns.timeMs[row]!
  return {
    reason: lineReasons[columns.reason[row]!]!,
    time: time === columns.arrivalMs ? 'arrival' : new Date(time).toISOString(),
    severity: columns.severity[row]!,
    status: columns.status[row]!,
    durationS: Number.isNaN(columns.durationS[row]!) ? null : columns.durationS[row]!,
    message: Buffer.from(columns.buffer.subarray(columns.messageStart[row], columns.messageEnd[row])).toString('utf8'),
    attributes: length === 0 ? null : JSON.parse(writer.bytes.subarray(0, length).toString('utf8')),
    fields: Object.fromEntries(fields),
  }
}

export const readLine = (settings: FormatSettings, line: string | Uint8Array, arrivalMs = ARRIVAL_MS): ReadRow =>
  rowOf(readColumns(settings, [line], arrivalMs), 0)
