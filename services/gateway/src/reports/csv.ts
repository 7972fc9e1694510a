/** A value of a table: numbers stay numbers, what is not known is empty. */
export type CsvValue = string | number | null

/**
 * A table as RFC 4180 has it, CRLF after every line, in UTF-8 with a byte order mark: without one spreadsheets read
 * names in other letters wrong. Texts that a spreadsheet would run as a formula get an apostrophe in front, which
 * keeps them texts; numbers are written as JSON writes them and are never touched.
 */
export function writeCsv(columns: readonly string[], rows: Iterable<readonly CsvValue[]>): Buffer<ArrayBuffer> {
  const lines = [columns.join(',')]
  for (const row of rows) lines.push(row.map(cell).join(','))
  return Buffer.from(`\ufeff${lines.join('\r\n')}\r\n`, 'utf8')
}

/** Characters that begin a formula, also after a spreadsheet has dropped white space before them. */
const FORMULA = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/

function cell(value: CsvValue): string {
  if (value === null) return ''
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : ''
  const safe = FORMULA.test(value) ? `'${value}` : value
  return /[",\r\n\t']/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe
}
