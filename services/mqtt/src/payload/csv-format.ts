import { isUtf8 } from 'node:buffer'
import { type CsvOptions, type Decoded, type PayloadFormat, Refused } from './payload-format.ts'

/** One payload is a reading or a handful of them, not a file. */
const ROWS_MAX = 1000
const CELLS_MAX = 256

const refuse = (detail: string): Refused => new Refused('payload_not_csv', detail)
const NOT_UTF8 = new Refused('payload_not_utf8', 'the payload is not valid UTF-8')

/**
 * Splits CSV as RFC 4180 says: quoted cells may hold the delimiter, line ends and doubled quotes. Empty lines are left
 * out; unquoted cells lose the spaces around them.
 */
export function splitCsv(text: string, delimiter: string): string[][] | Refused {
  const rows: string[][] = []
  let row: string[] = []
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0
  while (at < text.length) {
    let cell: string
    let end: number
    if (text[at] === '"') {
      end = endOfQuoted(text, at + 1)
      if (end < 0) return refuse('a quoted cell does not end')
      cell = text.slice(at + 1, end).replaceAll('""', '"')
      end += 1
      if (end < text.length && !endsCell(text, end, delimiter)) return refuse('text follows a quoted cell')
    } else {
      end = at
      while (end < text.length && !endsCell(text, end, delimiter)) end += 1
      cell = text.slice(at, end).trim()
    }
    row.push(cell)
    if (row.length > CELLS_MAX) return refuse(`a line has more than ${CELLS_MAX} cells`)
    const isDelimiter = text[end] === delimiter
    at = end + 1
    if (isDelimiter && at < text.length) continue
    if (isDelimiter) row.push('')
    if (row.length > 1 || row[0] !== '') rows.push(row)
    if (rows.length > ROWS_MAX) return refuse(`more than ${ROWS_MAX} lines`)
    row = []
  }
  return rows
}

const endsCell = (text: string, at: number, delimiter: string): boolean =>
  text[at] === delimiter || text[at] === '\n' || text[at] === '\r'

/** Where the closing quote stands; -1 for none. */
function endOfQuoted(text: string, from: number): number {
  let at = text.indexOf('"', from)
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2)
  return at
}

/** Rows as objects without prototype, by the names of the columns or their numbers from 0. */
function read(bytes: Buffer, options: CsvOptions): Decoded {
  if (!isUtf8(bytes)) return NOT_UTF8
  const rows = splitCsv(bytes.toString('utf8'), options.delimiter ?? ',')
  if (rows instanceof Refused) return rows
  const columns = options.header ? rows.shift() : options.columns
  if (columns && new Set(columns).size < columns.length) return refuse('two columns have the same name')
  if (rows.length === 0) return refuse(options.header ? 'nothing follows the header' : 'the payload has no line')
  const decoded: Record<string, string>[] = []
  for (const cells of rows) {
    // A line that is cut short, or has a column more, would put values under the wrong names.
    if (columns && cells.length !== columns.length) {
      return refuse(`a line has ${cells.length} cells where ${columns.length} columns are named`)
    }
    const row: Record<string, string> = Object.create(null)
    for (const [i, cell] of cells.entries()) row[columns?.[i] ?? String(i)] = cell
    decoded.push(row)
  }
  return decoded
}

/** Lines of cells. */
export const csvFormat: PayloadFormat = {
  name: 'csv',
  textValues: true,
  looksLike: (_bytes, options) => options.csv !== undefined,
  reader(options) {
    const csv = options.csv ?? { header: false }
    return (bytes) => read(bytes, csv)
  },
}
