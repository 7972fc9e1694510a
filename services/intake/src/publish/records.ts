import { create, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import { DeadLetterSchema, processId, routingKey, type Series, SeriesBatchSchema, topics } from '@driftline/proto'
import type { AcceptedBatch } from '../validate/validate-batch.ts'
import type { OwnRecord } from './ordered-publisher.ts'

const DEAD_LETTER_PAYLOAD_BYTES_MAX = 4096
/** Definitions in one record: at the largest that one may be, about half of what the bus takes. */
const SERIES_PER_RECORD = 400

/** Who sends on a stream. */
export interface StreamOrigin {
  readonly tenant: string
  readonly host: string
  readonly source: string
}

const keyOf = (origin: { tenant: string; host: string }): string =>
  routingKey(origin.tenant, processId('host', origin.host))

/** The records of a batch, with the agent's own source, epoch and sequence, so that a repeat is known for one. */
export function batchRecords(origin: StreamOrigin, batch: AcceptedBatch): OutgoingRecord[] {
  const record = (topic: (typeof topics)[keyof typeof topics], value: Uint8Array): OutgoingRecord => ({
    topic: topic.name,
    key: keyOf(origin),
    headers: {
      'content-type': 'application/protobuf',
      message: topic.message.typeName,
      tenant: origin.tenant,
      source: origin.source,
      epoch: String(batch.epoch),
      sequence: String(batch.sequence),
    },
    value,
  })
  return [record(topics.samples, batch.samples), record(topics.snapshots, batch.snapshot)]
}

/** Records that define series, each small enough for the bus. */
export function seriesRecords(origin: StreamOrigin, series: readonly Series[]): OwnRecord[] {
  const records: OwnRecord[] = []
  for (let first = 0; first < series.length; first += SERIES_PER_RECORD) {
    const batch = create(SeriesBatchSchema, { series: series.slice(first, first + SERIES_PER_RECORD) })
    records.push({
      topic: topics.series.name,
      tenant: origin.tenant,
      key: keyOf(origin),
      message: topics.series.message.typeName,
      value: toBinary(SeriesBatchSchema, batch),
    })
  }
  return records
}

/** A record that says what was refused and shows how it began. */
export function deadLetterRecord(
  origin: { readonly tenant: string; readonly host: string; readonly source: string },
  refused: { readonly reason: string; readonly detail: string },
  payload: Uint8Array,
  nowMs: number,
): OwnRecord {
  const letter = create(DeadLetterSchema, {
    tenant: origin.tenant,
    timeMs: BigInt(nowMs),
    service: 'intake',
    source: origin.source,
    reason: refused.reason,
    detail: refused.detail.slice(0, 1024),
    payload: payload.subarray(0, DEAD_LETTER_PAYLOAD_BYTES_MAX),
    payloadSize: BigInt(payload.length),
  })
  return {
    topic: topics.deadLetters.name,
    tenant: origin.tenant,
    key: keyOf(origin),
    message: topics.deadLetters.message.typeName,
    value: toBinary(DeadLetterSchema, letter),
  }
}
