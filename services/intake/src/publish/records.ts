import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import { processId, routingKey, topics } from '@driftline/proto'
import type { AcceptedBatch } from '../validate/validate-batch.ts'

/** Who sends on a stream. */
export interface StreamOrigin {
  readonly tenant: string
  readonly host: string
  readonly source: string
}

/** Routing key of everything that an agent sends. */
export const keyOf = (origin: { tenant: string; host: string }): string =>
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
