import { AppError } from '../errors.ts'
import type { OutgoingRecord } from './bus.ts'

/** What a bus must know of a topic; `topics` of @driftline/proto has it. */
export interface BusTopic {
  readonly name: string
  readonly partitions: number
  /** Records older than this may be deleted. */
  readonly retentionMs: number
  /** Bytes over all partitions that may be kept. */
  readonly retentionBytes: number
}

export type BusTopics = Readonly<Record<string, BusTopic>>

/** The largest record that every implementation takes: key, headers and value together, in bytes. */
export const maxRecordBytes = 4 * 1024 * 1024

/** Room that a record takes on the wire and on disk beside its own bytes, roughly; for bounds only. */
const RECORD_OVERHEAD_BYTES = 32

/** Bytes of a record as bounds count them. */
export function recordBytes(record: Pick<OutgoingRecord, 'key' | 'headers' | 'value'>): number {
  let bytes = RECORD_OVERHEAD_BYTES + record.value.length + Buffer.byteLength(record.key)
  for (const [name, value] of Object.entries(record.headers)) bytes += name.length + Buffer.byteLength(value)
  return bytes
}

/** Errors: `record_too_large`. */
export function checkRecordSize(record: OutgoingRecord): number {
  const bytes = recordBytes(record)
  if (bytes <= maxRecordBytes) return bytes
  throw new AppError('record_too_large', `a record of ${bytes} bytes for ${record.topic} exceeds ${maxRecordBytes}`)
}

/** Finds topics by their name on the bus. An unknown topic is a programmer error and throws a plain Error. */
export function topicIndex(topics: BusTopics): (name: string) => BusTopic {
  const byName = new Map(Object.values(topics).map((topic) => [topic.name, topic]))
  return (name) => {
    const topic = byName.get(name)
    if (topic === undefined) throw new Error(`no topic ${name}`)
    return topic
  }
}
