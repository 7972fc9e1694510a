import type { BusRecord } from '../bus.ts'
import { recordBytes } from '../bus-topic.ts'
import { type PartitionLog, recordsOf } from './partition-log.ts'

/** Reads a partition in order. */
export interface Cursor {
  /** Offset of the record that comes next. */
  position(): number
  /** The next records, at most so many and so large (but one at least); empty at the end of the log. */
  next(maxRecords: number, maxBytes: number): BusRecord[]
}

/** Keeps the decoded pack that it stands in, so that a reader of small batches does not decode a pack twice. */
export function createCursor(log: PartitionLog, from: number): Cursor {
  let position = from
  let ahead: BusRecord[] = []

  const fill = (): boolean => {
    if (ahead.length > 0) return true
    if (position >= log.endOffset()) return false
    const pack = log.packAt(Math.max(position, log.startOffset()))
    if (pack === null) return false
    ahead = recordsOf(log, pack)
    if (position > pack.firstOffset) ahead = ahead.slice(position - pack.firstOffset)
    return true
  }

  return {
    position: () => position,
    next(maxRecords, maxBytes) {
      const batch: BusRecord[] = []
      let bytes = 0
      while (batch.length < maxRecords && fill()) {
        let count = 0
        for (const record of ahead) {
          if (batch.length + count >= maxRecords) break
          const size = recordBytes(record)
          if (batch.length + count > 0 && bytes + size > maxBytes) break
          bytes += size
          count += 1
        }
        if (count === 0) break
        const taken = ahead.slice(0, count)
        ahead = ahead.slice(count)
        for (const record of taken) batch.push(record)
        position = taken.at(-1)!.offset + 1
      }
      return batch
    },
  }
}
