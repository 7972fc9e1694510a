/** What the detector looks at; the number is the view's place in every per-view column. */
export const streamingView = {
  /** How far the row is from its forecast. */
  miss: 0,
  /** Rows of late that were mostly above, or mostly below, their forecasts. */
  above: 1,
  below: 2,
  /** Rows of late that were hard to forecast, whatever the direction. */
  unrest: 3,
  /** The mean of late against the running centre: either way, above, below. */
  shift: 4,
  rise: 5,
  fall: 6,
  /** The same on a scale that great values hardly move: what counts and bursts need. */
  dampedShift: 7,
  /** How widely the rows of late are scattered. */
  scatter: 8,
  /** How far the row is from what is usual at its time of day. */
  timeOfDay: 9,
} as const

export const viewCount = 10
export const halfHours = 48
export const weekHours = 168
/** Forecasters that are mixed into one forecast. */
export const forecasterCount = 6
/** Block maxima kept per view: at 40 rows each, the last 7,200 rows. */
export const blocksKept = 180

/** Entries per slot of every column: the one place that tells what is state. */
const layout = {
  origin: [Float64Array, 1],
  lastTimeMs: [Float64Array, 1],
  rows: [Float64Array, 1],
  longMean: [Float64Array, 1],
  slowMean: [Float64Array, 1],
  centre: [Float64Array, 1],
  spread: [Float64Array, 1],
  reach: [Float64Array, 1],
  variance: [Float64Array, 1],
  dampedLong: [Float64Array, 1],
  dampedCentre: [Float64Array, 1],
  halfHourMean: [Float64Array, halfHours],
  halfHourCount: [Uint8Array, halfHours],
  weekHourMean: [Float64Array, weekHours],
  weekHourCount: [Uint8Array, weekHours],
  halfHourShift: [Float64Array, 1],
  weekHourShift: [Float64Array, 1],
  forecastError: [Float64Array, forecasterCount],
  missMean: [Float64Array, 1],
  missSize: [Float64Array, 1],
  habituation: [Float64Array, 1],
  silence: [Uint16Array, 1],
  blocksHeld: [Uint16Array, 1],
  blockHead: [Uint16Array, 1],
  blockRows: [Uint16Array, 1],
  rowsHeld: [Uint32Array, 1],
  blockLength: [Uint16Array, blocksKept],
  blockMax: [Float64Array, viewCount],
  logMaxima: [Float32Array, viewCount * blocksKept],
  tailLevel: [Float64Array, viewCount],
  tailLogLevel: [Float64Array, viewCount],
  tailSum: [Float64Array, viewCount],
} as const

type Layout = typeof layout
type ColumnName = keyof Layout
export type StreamingColumns = { [Name in ColumnName]: InstanceType<Layout[Name][0]> }
export type TypedArray = Float64Array | Float32Array | Uint32Array | Uint16Array | Uint8Array

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
