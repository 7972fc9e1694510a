import { create, toBinary } from '@bufbuild/protobuf'
import type { BusRecord, OutgoingRecord } from '@driftline/platform/bus/bus'
import { DeadLetterSchema, topics } from '@driftline/proto'

/** Why a record ended in the dead letters; also a metric label. */
export type RefusalReason = 'store_refused' | 'unexpected_message' | 'record_too_large'

const PAYLOAD_BYTES_MAX = 4096
const DETAIL_CHARACTERS_MAX = 1000

/**
 * The dead letter of a record. Its source and sequence follow from the record's place on the bus, so that one made
 * again after a crash is known as a repeat.
 */
export function deadLetterOf(
  record: BusRecord,
  refusal: { readonly reason: RefusalReason; readonly detail: string },
  generation: string,
  nowMs: number,
): OutgoingRecord {
  const { headers } = record
  const letter = create(DeadLetterSchema, {
    tenant: headers.tenant,
    timeMs: BigInt(nowMs),
    service: 'writer',
    source: headers.source,
    reason: refusal.reason,
    detail: refusal.detail.slice(0, DETAIL_CHARACTERS_MAX),
    topic: record.topic,
    partition: record.partition,
    offset: BigInt(record.offset),
    payload: Uint8Array.from(record.value.subarray(0, PAYLOAD_BYTES_MAX)),
    payloadSize: BigInt(record.value.length),
    // The same when it is refused again; what the bus keeps cannot be taken in a second time.
    id: `writer:${record.topic}:${record.partition}:${record.offset}`,
    subject: record.topic,
  })
  return {
    topic: topics.deadLetters.name,
    key: record.key,
    headers: {
      'content-type': 'application/protobuf',
      message: DeadLetterSchema.typeName,
      tenant: headers.tenant,
      source: `writer/${generation}`,
      epoch: '1',
      sequence: String(record.offset + 1),
    },
    value: toBinary(DeadLetterSchema, letter),
  }
}
