import assert from 'node:assert/strict'
import { viewOf } from './byte-search.ts'
import { createFieldNames, type FieldNames } from './field-names.ts'

/** What the bytes of a cell are. */
export const cellKind = {
  /** Bytes as they are. */
  text: 1,
  /** Text with escapes by a backslash, as in a JSON string. */
  escaped: 2,
  /** A number as JSON writes one. */
  number: 3,
  true: 4,
  false: 5,
  null: 6,
  /** A JSON array, or an object that lies too deep. */
  json: 7,
} as const

/**
 * The lines of one batch as parallel arrays; element `row` of each belongs to line `row`. Cells hold the fields: those
 * of a row are `cellStart[row]` to `cellStart[row + 1]`, as ranges of `buffer`. Filled by `parseLines`, reused.
 */
export interface RecordColumns {
  readonly rowsMax: number
  rows: number
  buffer: Uint8Array
  /** The same bytes, for reading several at once. */
  view: DataView
  names: FieldNames
  bodyIsJson: boolean
  groupedBy: 'level' | 'status'
  arrivalMs: number
  readonly start: Uint32Array
  readonly end: Uint32Array
  /** Event time in milliseconds since the Unix epoch; the time of arrival where the line says none. */
  readonly timeMs: Float64Array
  /** OpenTelemetry severity number, 1 to 24; 0 where the line does not say. */
  readonly severity: Uint8Array
  /** HTTP status, or 0. */
  readonly status: Uint16Array
  /** Seconds, or NaN. */
  readonly durationS: Float64Array
  readonly messageStart: Uint32Array
  readonly messageEnd: Uint32Array
  /** Place in `lineReasons`; 0 when the line is what its format says. */
  readonly reason: Uint8Array
  /** Lines of this batch that did not fit. */
  refused: number
  /** Fields of this batch that found no room. */
  leftOutFields: number
  readonly cellStart: Uint32Array
  cells: number
  cellName: Uint16Array
  cellKind: Uint8Array
  cellFrom: Uint32Array
  cellTo: Uint32Array
  /** By name number: the last cell of that name in this batch. */
  readonly lastCell: Int32Array
}

/** No line needs more fields; further ones are left out and counted. */
const FIELDS_PER_LINE_MAX = 256
const CELLS_MAX = 1 << 20

export function createRecordColumns(options: { readonly rowsMax: number }): RecordColumns {
  const rows = options.rowsMax
  const cells = Math.min(CELLS_MAX, Math.max(FIELDS_PER_LINE_MAX, rows * 16))
  return {
    rowsMax: rows,
    rows: 0,
    buffer: new Uint8Array(0),
    view: new DataView(new ArrayBuffer(0)),
    names: createFieldNames({ namesMax: 1 }),
    bodyIsJson: false,
    groupedBy: 'level',
    arrivalMs: 0,
    start: new Uint32Array(rows),
    end: new Uint32Array(rows),
    timeMs: new Float64Array(rows),
    severity: new Uint8Array(rows),
    status: new Uint16Array(rows),
    durationS: new Float64Array(rows),
    messageStart: new Uint32Array(rows),
    messageEnd: new Uint32Array(rows),
    reason: new Uint8Array(rows),
    refused: 0,
    leftOutFields: 0,
    cellStart: new Uint32Array(rows + 1),
    cells: 0,
    cellName: new Uint16Array(cells),
    cellKind: new Uint8Array(cells),
    cellFrom: new Uint32Array(cells),
    cellTo: new Uint32Array(cells),
    lastCell: new Int32Array(4_097).fill(-1),
  }
}

/** Adds a field to the row that is being read; a name that the row has already takes the new value. */
export function addCell(
  columns: RecordColumns,
  row: number,
  name: number,
  kind: number,
  from: number,
  to: number,
): void {
  if (name < 0) {
    columns.leftOutFields += 1
    return
  }
  const first = columns.cellStart[row]!
  let cell = columns.lastCell[name]!
  if (cell < first || cell >= columns.cells || columns.cellName[cell] !== name) {
    cell = columns.cells
    if (cell - first >= FIELDS_PER_LINE_MAX || (cell === columns.cellName.length && !growCells(columns))) {
      columns.leftOutFields += 1
      return
    }
    columns.cells = cell + 1
    columns.cellName[cell] = name
    columns.lastCell[name] = cell
  }
  columns.cellKind[cell] = kind
  columns.cellFrom[cell] = from
  columns.cellTo[cell] = to
}

/** Makes room for so many cells, for formats that add with `pushCell`. */
export function reserveCells(columns: RecordColumns, count: number): void {
  while (columns.cells + count > columns.cellName.length && growCells(columns)) {}
}

/** Adds a field whose name the row has not yet; room was reserved, else it is left out. */
export function pushCell(columns: RecordColumns, name: number, kind: number, from: number, to: number): void {
  const cell = columns.cells
  if (name < 0 || cell >= columns.cellName.length) {
    columns.leftOutFields += 1
    return
  }
  columns.cells = cell + 1
  columns.cellName[cell] = name
  columns.cellKind[cell] = kind
  columns.cellFrom[cell] = from
  columns.cellTo[cell] = to
}

function growCells(columns: RecordColumns): boolean {
  const size = Math.min(CELLS_MAX, columns.cellName.length * 2)
  if (size === columns.cellName.length) return false
  const names = new Uint16Array(size)
  names.set(columns.cellName)
  columns.cellName = names
  const kinds = new Uint8Array(size)
  kinds.set(columns.cellKind)
  columns.cellKind = kinds
  const froms = new Uint32Array(size)
  froms.set(columns.cellFrom)
  columns.cellFrom = froms
  const tos = new Uint32Array(size)
  tos.set(columns.cellTo)
  columns.cellTo = tos
  return true
}

/** The cell of a field in a row, or -1. */
export function findCell(columns: RecordColumns, row: number, name: number): number {
  const to = columns.cellStart[row + 1]!
  for (let cell = columns.cellStart[row]!; cell < to; cell++) if (columns.cellName[cell] === name) return cell
  return -1
}

/** Makes the columns empty for a new batch. */
export function beginBatch(columns: RecordColumns, buffer: Uint8Array, count: number): void {
  assert(count <= columns.rowsMax, 'a batch has at most rowsMax lines')
  columns.buffer = buffer
  columns.view = viewOf(buffer)
  columns.rows = count
  columns.cells = 0
  columns.refused = 0
  columns.leftOutFields = 0
  columns.cellStart[0] = 0
}
