import type { DetectorState } from '../detection/detector.ts'

/** Minutes of the open quarter of an hour, quarters of the open 3 hours, 3 hours of the open day. */
export const minutesKept = 15
export const quartersKept = 12
export const threeHoursKept = 8
export const episodesKept = 6
export const suspenseKept = 7
export const dayHours = 24
export const weekHours = 168

const DAY_MS = 86_400_000
const DAYS_MAX = 30

/** Days that the window spans, each of which is kept as one median; at most 30. */
export const daysOf = (windowMs: number): number => Math.max(1, Math.min(DAYS_MAX, Math.round(windowMs / DAY_MS)))

/** What is kept per track: the type and how many elements. The one place that tells what is state. */
const layoutOf = (days: number) =>
  ({
    // Values are kept as differences from the first one, so that single precision is enough beside a large offset.
    origin: [Float64Array, 1],
    // Of the residuals: values without origin and season.
    middle: [Float64Array, 1],
    spread: [Float64Array, 1],
    // Least spread, by the excursions that come again and again; and whether the last minute was in one.
    reach: [Float32Array, 1],
    outside: [Uint8Array, 1],
    // Mean square of the deviations that were learnt.
    variance: [Float64Array, 1],
    // Minutes since the epoch.
    lastMinute: [Uint32Array, 1],
    shiftedMinute: [Uint32Array, 1],
    // Minutes that were learnt.
    minutes: [Uint32Array, 1],
    // Of the KPI, else the smallest step between two minutes that differ; 0 while there was none.
    resolution: [Float32Array, 1],
    isCount: [Uint8Array, 1],
    // Number of the KPI plus 1, and whether it is one of a group of programs.
    kpi: [Uint8Array, 1],
    ofPrograms: [Uint8Array, 1],
    held: [Uint8Array, 4],
    dayHead: [Uint8Array, 1],
    minuteValue: [Float32Array, minutesKept],
    quarterValue: [Float32Array, quartersKept],
    threeHourValue: [Float32Array, threeHoursKept],
    dayValue: [Float32Array, days],
    minuteDistance: [Float32Array, minutesKept],
    quarterDistance: [Float32Array, quartersKept],
    threeHourDistance: [Float32Array, threeHoursKept],
    dayDistance: [Float32Array, days],
    // Minutes behind each median.
    quarterWeight: [Uint8Array, quartersKept],
    threeHourWeight: [Uint8Array, threeHoursKept],
    dayWeight: [Uint16Array, days],
    // Minutes far from the centre wait here: on which side, for how long, the latest of them.
    suspenseSide: [Int8Array, 1],
    suspenseHeld: [Uint8Array, 1],
    suspenseHead: [Uint8Array, 1],
    suspenseMinutes: [Float32Array, 1],
    suspenseValue: [Float32Array, suspenseKept],
    // How far the last excursions went, and when.
    episodeHead: [Uint8Array, 1],
    episodePeak: [Float32Array, episodesKept],
    episodeMinute: [Uint32Array, episodesKept],
    // Hour of the day: means over days; and how well they and the mean of the last day foretold each new hour.
    dayProfile: [Float32Array, dayHours],
    // A bit per hour of the day.
    hoursKnown: [Uint32Array, 1],
    hourIndex: [Uint32Array, 1],
    hourSum: [Float32Array, 1],
    hourMinutes: [Uint8Array, 1],
    hoursSeen: [Uint16Array, 1],
    flat: [Float32Array, 1],
    flatError: [Float32Array, 1],
    profileError: [Float32Array, 1],
    // Place in the pool of weeks plus 1; 0 without a season.
    week: [Uint32Array, 1],
  }) as const

type Layout = ReturnType<typeof layoutOf>
type ColumnName = keyof Layout
export type BaselineColumns = { [Name in ColumnName]: InstanceType<Layout[Name][0]> }

const columnNames = Object.keys(layoutOf(1)) as ColumnName[]

/** Bytes per track, without the week of those that show a season. */
export function baselineBytesPerTrack(windowMs: number): number {
  const layout = layoutOf(daysOf(windowMs))
  return columnNames.reduce((sum, name) => sum + layout[name][0].BYTES_PER_ELEMENT * layout[name][1], 0)
}

/** Columns with room for `tracks`, with as much of `from` as there is copied into them. */
export function createBaselineColumns(tracks: number, days: number, from?: BaselineColumns): BaselineColumns {
  const layout = layoutOf(days)
  const columns: Record<string, Float64Array | Float32Array | Uint32Array | Uint16Array | Uint8Array | Int8Array> = {}
  for (const name of columnNames) {
    const [Column, width] = layout[name]
    const column = new Column(tracks * width)
    if (from) column.set(from[name])
    columns[name] = column
  }
  return columns as unknown as BaselineColumns
}

/** The columns of a state that was stored, when they are columns of this layout; else null. */
export function storedColumns(stored: DetectorState, days: number): { columns: BaselineColumns; size: number } | null {
  const layout = layoutOf(days)
  const size = stored['origin'] instanceof Float64Array ? stored['origin'].length : -1
  for (const name of columnNames) {
    const [Column, width] = layout[name]
    const column = stored[name]
    if (!(column instanceof Column) || column.length !== size * width) return null
  }
  return { columns: stored as unknown as BaselineColumns, size }
}

/** Copies of the first `size` tracks, so that what is stored has no spare room behind it. */
export function copyColumns(columns: BaselineColumns, size: number, days: number): DetectorState {
  const layout = layoutOf(days)
  return Object.fromEntries(columnNames.map((name) => [name, columns[name].slice(0, size * layout[name][1])]))
}

export function clearTrack(columns: BaselineColumns, track: number, days: number): void {
  const layout = layoutOf(days)
  for (const name of columnNames) {
    const width = layout[name][1]
    columns[name].fill(0, track * width, (track + 1) * width)
  }
}
