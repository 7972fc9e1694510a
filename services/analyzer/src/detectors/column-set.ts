interface TypedArray {
  readonly length: number
  readonly BYTES_PER_ELEMENT: number
  set(from: ArrayLike<number>): void
  fill(value: number, from: number, to: number): unknown
}
type TypedArrayType = { new (length: number): TypedArray; readonly BYTES_PER_ELEMENT: number }

/** The columns of a detector's state: the type of each, and how many elements it has per track. */
export type Layout = Readonly<Record<string, readonly [TypedArrayType, number]>>
export type ColumnsOf<L extends Layout> = { [Name in keyof L]: InstanceType<L[Name][0]> }

/** Makes, checks and clears the columns of a layout. */
export interface ColumnSet<L extends Layout> {
  readonly bytesPerTrack: number
  /** Columns with room for `tracks`, with as much of `from` as there is copied into them. */
  create(tracks: number, from?: Readonly<Record<string, unknown>>): ColumnsOf<L>
  /** Tracks that stored columns hold; -1 when they are not columns of this layout. */
  sizeOf(stored: Readonly<Record<string, unknown>>): number
  clear(columns: ColumnsOf<L>, track: number): void
}

export function createColumnSet<const L extends Layout>(layout: L): ColumnSet<L> {
  const parts = Object.entries(layout).map(([name, [Column, width]]) => ({ name, Column, width }))
  const isColumn = (value: unknown, Column: TypedArrayType): value is TypedArray => value instanceof Column
  return {
    bytesPerTrack: parts.reduce((sum, { Column, width }) => sum + Column.BYTES_PER_ELEMENT * width, 0),
    create(tracks, from) {
      const columns: Record<string, unknown> = {}
      for (const { name, Column, width } of parts) {
        const column = new Column(tracks * width)
        const source = from?.[name]
        if (source instanceof Column) column.set(source as unknown as ArrayLike<number>)
        columns[name] = column
      }
      return columns as ColumnsOf<L>
    },
    sizeOf(stored) {
      let tracks = -1
      for (const { name, Column, width } of parts) {
        const column = stored[name]
        if (!isColumn(column, Column)) return -1
        if (tracks === -1) tracks = column.length / width
        if (column.length !== tracks * width) return -1
      }
      return Number.isInteger(tracks) ? tracks : -1
    },
    clear(columns, track) {
      for (const { name, width } of parts) {
        const column: TypedArray = columns[name as keyof L]
        column.fill(0, track * width, (track + 1) * width)
      }
    },
  }
}
