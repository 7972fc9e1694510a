/** What the detector looks at; the number is the view's place in every per-view column. */
export const streamingView = {
  distance: 0,
  shortShift: 1,
  longShift: 2,
  rise: 3,
  fall: 4,
  timeOfDay: 5,
  timeOfDayShift: 6,
  hourOfWeek: 7,
} as const

export const viewCount = 8
export const halfHours = 48
export const weekHours = 168
/** Block maxima kept per view: at 40 rows each, the last 7,200 rows. */
export const blocksKept = 180

/** Entries per slot of every column: the one place that tells what is state. */
const layout = {
  origin: [Float64Array, 1],
  lastTimeMs: [Float64Array, 1],
  rows: [Float64Array, 1],
  centre: [Float64Array, 1],
  shortMean: [Float64Array, 1],
  longMean: [Float64Array, 1],
  timeOfDayShift: [Float64Array, 1],
  habituation: [Float64Array, 1],
  silence: [Uint16Array, 1],
  halfHourMean: [Float64Array, halfHours],
  halfHourCount: [Uint32Array, halfHours],
  weekHourMean: [Float64Array, weekHours],
  weekHourCount: [Uint32Array, weekHours],
  blocksHeld: [Uint16Array, 1],
  blockHead: [Uint16Array, 1],
  blockRows: [Uint16Array, 1],
  rowsHeld: [Uint32Array, 1],
  blockLength: [Uint16Array, blocksKept],
  blockMax: [Float64Array, viewCount],
  logMaxima: [Float32Array, viewCount * blocksKept],
  tailLevel: [Float64Array, viewCount],
  tailLogLevel: [Float64Array, viewCount],
  tailIndex: [Float64Array, viewCount],
} as const

type Layout = typeof layout
type ColumnName = keyof Layout
export type StreamingColumns = { [Name in ColumnName]: InstanceType<Layout[Name][0]> }
export type TypedArray = Float64Array | Float32Array | Uint32Array | Uint16Array

const names = Object.keys(layout) as ColumnName[]

/** Bytes of state of one slot. */
export const streamingBytesPerSlot = names.reduce(
  (sum, name) => sum + layout[name][0].BYTES_PER_ELEMENT * layout[name][1],
  0,
)

/** New columns with room for `slots`, with as much of `from` as fits copied into them. */
export function createColumns(slots: number, from?: Readonly<Record<string, TypedArray>>): StreamingColumns {
  const columns: Record<string, TypedArray> = {}
  for (const name of names) {
    const [Column, width] = layout[name]
    const column = new Column(slots * width)
    const source = from?.[name]
    if (source) column.set(source.subarray(0, column.length))
    columns[name] = column
  }
  return columns as unknown as StreamingColumns
}

/** Slots that saved columns hold; throws when they are not columns of this detector or differ in length. */
export function slotsOf(columns: Readonly<Record<string, TypedArray>>): number {
  const slots = columns['origin']?.length ?? 0
  for (const name of names) {
    const [Column, width] = layout[name]
    const column = columns[name]
    if (!(column instanceof Column) || column.length !== slots * width) {
      throw new TypeError(`streaming detector: column ${name} is missing or does not fit`)
    }
  }
  return slots
}

/** Makes a slot as new. */
export function clearSlot(columns: StreamingColumns, slot: number): void {
  for (const name of names) {
    const width = layout[name][1]
    columns[name].fill(0, slot * width, (slot + 1) * width)
  }
}
