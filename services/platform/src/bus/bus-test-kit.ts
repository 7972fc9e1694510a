import type { RecordHeaders } from '@driftline/proto'
import { vi } from 'vitest'
import type { Bus, BusRecord, OutgoingRecord, RecordBatch, SubscribeOptions } from './bus.ts'
import type { BusTopics } from './bus-topic.ts'

/** Topics that the tests of a bus use. */
export const testTopics = {
  wide: { name: 'driftline.wide.v1', partitions: 4, retentionMs: 3_600_000, retentionBytes: 256 * 1024 * 1024 },
  /** As many partitions as `wide`. */
  alike: { name: 'driftline.alike.v1', partitions: 4, retentionMs: 3_600_000, retentionBytes: 256 * 1024 * 1024 },
  narrow: { name: 'driftline.narrow.v1', partitions: 1, retentionMs: 3_600_000, retentionBytes: 256 * 1024 * 1024 },
} as const satisfies BusTopics

export const wide = testTopics.wide.name
export const alike = testTopics.alike.name
export const narrow = testTopics.narrow.name

const ENCODER = new TextEncoder()
const DECODER = new TextDecoder()

export function headersOf(sequence: number, changes: Partial<RecordHeaders> = {}): RecordHeaders {
  return {
    'content-type': 'application/protobuf',
    message: 'driftline.v1.SampleBatch',
    tenant: 'default',
    source: 'test',
    epoch: '1',
    sequence: String(sequence),
    ...changes,
  }
}

/** A record whose value is a short text. */
export function textRecord(topic: string, text: string, changes: Partial<OutgoingRecord> = {}): OutgoingRecord {
  return { topic, key: 'default/host:a', headers: headersOf(1), value: ENCODER.encode(text), ...changes }
}

/** Texts of records, in their order. */
export const textsOf = (records: readonly BusRecord[]): string[] => records.map(({ value }) => DECODER.decode(value))

/** Numbers as texts: `0` to `count - 1`, each after a prefix. */
export const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)

/** A subscriber that keeps a copy of what it is given. */
export interface Collector {
  readonly batches: RecordBatch[]
  texts(): string[]
  stop(): Promise<void>
}

/** Subscribes, keeps every record and commits all of it unless told otherwise. */
export async function collect(
  bus: Bus,
  options: Partial<SubscribeOptions> & Pick<SubscribeOptions, 'group' | 'topics'>,
): Promise<Collector> {
  const batches: RecordBatch[] = []
  const subscription = await bus.subscribe({
    maxRecords: 1000,
    maxBytes: 1024 * 1024,
    async handle(batch) {
      batches.push(keep(batch))
      return batch.records.at(-1)!.offset + 1
    },
    ...options,
  })
  return {
    batches,
    texts: () => batches.flatMap((batch) => textsOf(batch.records)),
    stop: () => subscription.stop(),
  }
}

/** Values are valid only while the handler runs. */
export function keep(batch: RecordBatch): RecordBatch {
  return { ...batch, records: batch.records.map((record) => ({ ...record, value: Uint8Array.from(record.value) })) }
}

/** Waits until a condition holds; says what it last saw if it never does. */
export async function until<T>(see: () => T, holds: (seen: T) => boolean, timeoutMs = 30_000): Promise<T> {
  return vi.waitFor(
    () => {
      const seen = see()
      if (!holds(seen)) throw new Error(`still waiting; last seen: ${JSON.stringify(seen)?.slice(0, 400)}`)
      return seen
    },
    { timeout: timeoutMs, interval: 5 },
  )
}
