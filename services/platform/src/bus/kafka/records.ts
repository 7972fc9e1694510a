import type { RecordHeaders } from '@driftline/proto'
import { partitionOf } from '@driftline/proto'
import type { IHeaders, KafkaMessage, Message } from 'kafkajs'
import type { BusRecord, OutgoingRecord } from '../bus.ts'
import { recordBytes } from '../bus-topic.ts'

/** A record as kafkajs sends it, with its partition, which is ours to choose: the client's own hash is another one. */
export function toMessage(record: OutgoingRecord, partitions: number, nowMs: number): Message {
  const { key, headers, value } = record
  return {
    partition: record.partition ?? partitionOf(key, partitions),
    key,
    headers: { ...headers },
    value: Buffer.from(value.buffer, value.byteOffset, value.length),
    timestamp: String(nowMs),
  }
}

export function toRecord(topic: string, partition: number, message: KafkaMessage): BusRecord {
  return {
    topic,
    partition,
    offset: Number(message.offset),
    key: message.key?.toString('utf8') ?? '',
    storedAtMs: Number(message.timestamp),
    headers: toHeaders(message.headers ?? {}),
    // Foreign producers may write records without a value; to our consumers that is an empty one.
    value: message.value ?? new Uint8Array(0),
  }
}

function toHeaders(headers: IHeaders): RecordHeaders {
  const texts: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    // A header that stands twice counts once, with its last value.
    const last = Array.isArray(value) ? value.at(-1) : value
    texts[name] = last?.toString('utf8') ?? ''
  }
  return texts as unknown as RecordHeaders
}

/** Splits records into pieces of at most `maxRecords` and `maxBytes`, unless a single one is larger. */
export function* chunksOf(records: readonly BusRecord[], maxRecords: number, maxBytes: number): Generator<BusRecord[]> {
  let chunk: BusRecord[] = []
  let bytes = 0
  for (const record of records) {
    const size = recordBytes(record)
    if (chunk.length > 0 && (chunk.length >= maxRecords || bytes + size > maxBytes)) {
      yield chunk
      chunk = []
      bytes = 0
    }
    chunk.push(record)
    bytes += size
  }
  if (chunk.length > 0) yield chunk
}
