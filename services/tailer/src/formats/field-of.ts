import { parseNumber } from './numbers.ts'
import { cellKind, findCell, type RecordColumns } from './record-columns.ts'

/**
 * The value of a field of a row, read when it is asked for: a number, a text (of an array its JSON), true or false as
 * they are, null as `undefined`, as is a field that the row has not. Text that looks like a number stays text unless
 * its format says that it is one.
 */
export function fieldOf(columns: RecordColumns, row: number, name: string): number | string | boolean | undefined {
  const id = columns.names.idOf(name)
  if (id < 0) return undefined
  const cell = findCell(columns, row, id)
  return cell < 0 ? undefined : cellValue(columns, cell)
}

/** The value of a cell, as `fieldOf` answers it. */
export function cellValue(columns: RecordColumns, cell: number): number | string | boolean | undefined {
  switch (columns.cellKind[cell]) {
    case cellKind.number: {
      const value = parseNumber(columns.buffer, columns.cellFrom[cell]!, columns.cellTo[cell]!)
      // What no double can hold (1e999) is told as it is written.
      return Number.isNaN(value) ? textOf(columns, cell) : value
    }
    case cellKind.true:
      return true
    case cellKind.false:
      return false
    case cellKind.null:
      return undefined
    default:
      return textOf(columns, cell)
  }
}

/** The number in a cell, also of a text that is nothing but one; NaN for none. No object is made. */
export function numberOf(columns: RecordColumns, cell: number): number {
  const kind = columns.cellKind[cell]!
  if (kind !== cellKind.number && kind !== cellKind.text) return Number.NaN
  return parseNumber(columns.buffer, columns.cellFrom[cell]!, columns.cellTo[cell]!)
}

/** The bytes of a cell as text, escapes resolved; what is no text (bytes, lone surrogates) is U+FFFD. */
export function textOf(columns: RecordColumns, cell: number): string {
  const bytes = columns.buffer.subarray(columns.cellFrom[cell]!, columns.cellTo[cell]!)
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
  return columns.cellKind[cell] === cellKind.escaped ? unescapeText(text).toWellFormed() : text
}

const ESCAPES: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

function unescapeText(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|[\s\S])/g, (_, sequence: string) =>
    sequence.length === 5
      ? String.fromCharCode(Number.parseInt(sequence.slice(1), 16))
      : (ESCAPES[sequence] ?? sequence),
  )
}
