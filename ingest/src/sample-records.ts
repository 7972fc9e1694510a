import { topics } from '@driftline/proto'
import type { OwnRecord } from './ordered-publisher.ts'
import type { SeriesBook } from './series-book.ts'

/** Samples of one source that wait to be published, as columns; element i of each is sample i. */
export interface SampleRows {
  readonly size: number
  readonly handle: Int32Array
  /** Milliseconds since the Unix epoch. */
  readonly timeMs: Float64Array
  readonly value: Float64Array
}

/** A record stays well below what the bus takes: 20 bytes a sample. */
const SAMPLES_PER_RECORD = 50_000
const BYTES_PER_SAMPLE = 20

/**
 * The rows as encoded SampleBatches, one or more for each routing key, in order of first appearance. Rows are sorted by
 * counting and written as they lie in memory: nothing is made per sample.
 */
export function sampleRecords(tenant: string, rows: SampleRows, book: SeriesBook): OwnRecord[] {
  const groups = groupByKey(rows, book.keys())
  const order = new Int32Array(rows.size)
  const next = groups.starts.slice()
  for (let row = 0; row < rows.size; row++) order[next[groups.slots[row]!]!++] = row
  const records: OwnRecord[] = []
  groups.keys.forEach((key, slot) => {
    const end = groups.starts[slot]! + groups.counts[slot]!
    for (let from = groups.starts[slot]!; from < end; from += SAMPLES_PER_RECORD) {
      const part = order.subarray(from, Math.min(end, from + SAMPLES_PER_RECORD))
      records.push({
        topic: topics.samples.name,
        tenant,
        key: book.keyAt(key),
        message: topics.samples.message.typeName,
        value: encodeRows(part, rows, book),
      })
    }
  })
  return records
}

interface Groups {
  /** Index of the routing key of each group. */
  readonly keys: readonly number[]
  readonly counts: readonly number[]
  readonly starts: Int32Array
  /** Group of each row. */
  readonly slots: Int32Array
}

function groupByKey({ size, handle }: SampleRows, keyOf: Int32Array): Groups {
  const slotOf = new Map<number, number>()
  const keys: number[] = []
  const counts: number[] = []
  const slots = new Int32Array(size)
  let lastKey = -1
  let slot = -1
  for (let row = 0; row < size; row++) {
    const key = keyOf[handle[row]!]!
    // Neighbours mostly belong together, which saves the look-up.
    if (key !== lastKey) {
      lastKey = key
      slot = slotOf.get(key) ?? -1
      if (slot === -1) {
        slot = keys.push(key) - 1
        counts.push(0)
        slotOf.set(key, slot)
      }
    }
    slots[row] = slot
    counts[slot]! += 1
  }
  const starts = new Int32Array(keys.length)
  for (let at = 1; at < keys.length; at++) starts[at] = starts[at - 1]! + counts[at - 1]!
  return { keys, counts, starts, slots }
}

/** SampleBatch by hand: field 1 as fixed64, fields 2 to 4 as packed arrays, little-endian as they are in memory. */
function encodeRows(order: Int32Array, { handle, timeMs, value }: SampleRows, book: SeriesBook): Uint8Array {
  const count = order.length
  const baseTimeMs = timeMs[order[0]!]!
  const ids = new Uint32Array(2 * count)
  const offsets = new Int32Array(count)
  const values = new Float64Array(count)
  const lows = book.lows()
  const highs = book.highs()
  for (let at = 0; at < count; at++) {
    const row = order[at]!
    ids[2 * at] = lows[handle[row]!]!
    ids[2 * at + 1] = highs[handle[row]!]!
    offsets[at] = timeMs[row]! - baseTimeMs
    values[at] = value[row]!
  }
  const out = Buffer.allocUnsafe(9 + count * BYTES_PER_SAMPLE + 3 * 6)
  let at = out.writeUInt8(0x09, 0)
  at = out.writeBigInt64LE(BigInt(Math.trunc(baseTimeMs)), at)
  at = writeField(out, at, 0x12, ids)
  at = writeField(out, at, 0x1a, offsets)
  at = writeField(out, at, 0x22, values)
  return out.subarray(0, at)
}

function writeField(out: Buffer, start: number, tag: number, array: Uint32Array | Int32Array | Float64Array): number {
  let at = out.writeUInt8(tag, start)
  let length = array.byteLength
  while (length > 127) {
    at = out.writeUInt8((length & 127) | 128, at)
    length >>>= 7
  }
  at = out.writeUInt8(length, at)
  out.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at)
  return at + array.byteLength
}
