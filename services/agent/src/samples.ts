import type { SeriesBook } from './series.ts'
import type { WireWriter } from './wire.ts'

/** The samples of one scan, all at one time, in columns that are filled again each scan. */
export interface SampleColumns {
  reset(): void
  /** A value that is not finite is left out: no data is no sample. */
  add(series: number, value: number): void
  size(): number
  /** Number of the series at a place; for finding definitions that must be sent first. */
  seriesAt(place: number): number
  /** Writes a PackedSampleBatch as the bytes of a field. */
  write(writer: WireWriter, field: number, timeMs: number): void
}

export function createSampleColumns(book: SeriesBook): SampleColumns {
  let capacity = 1024
  let series = new Uint32Array(capacity)
  let ids = new Uint32Array(capacity * 2)
  let offsets = new Int32Array(capacity)
  let values = new Float64Array(capacity)
  let size = 0

  const grow = (): void => {
    capacity *= 2
    series = copyOf(series, new Uint32Array(capacity))
    ids = copyOf(ids, new Uint32Array(capacity * 2))
    values = copyOf(values, new Float64Array(capacity))
    // Every sample of a scan has the time of the scan: the offsets stay zero.
    offsets = new Int32Array(capacity)
  }
  const bytesOf = (column: Uint32Array | Int32Array | Float64Array, bytes: number): Uint8Array =>
    new Uint8Array(column.buffer, 0, bytes)

  return {
    reset: () => {
      size = 0
    },
    add: (number, value) => {
      if (!Number.isFinite(value)) return
      if (size === capacity) grow()
      series[size] = number
      values[size] = value
      size++
    },
    size: () => size,
    seriesAt: (place) => series[place]!,
    write: (writer, field, timeMs) => {
      const halves = book.halves()
      for (let place = 0; place < size; place++) {
        ids[place * 2] = halves[series[place]! * 2]!
        ids[place * 2 + 1] = halves[series[place]! * 2 + 1]!
      }
      const mark = writer.open(field)
      writer.signed64Field(1, timeMs)
      writer.bytesField(2, bytesOf(ids, size * 8))
      writer.bytesField(3, bytesOf(offsets, size * 4))
      writer.bytesField(4, bytesOf(values, size * 8))
      writer.close(mark)
    },
  }
}

function copyOf<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}
