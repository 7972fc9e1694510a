import { toBinary } from '@bufbuild/protobuf'
import { createOrderedPublisher, type OwnRecord } from '@driftline/ingest/ordered-publisher'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import {
  type RunEvent,
  RunEventSchema,
  type RunEvidence,
  RunEvidenceSchema,
  routingKey,
  topics,
} from '@driftline/proto'

/** Publishes what runs tell. Both resolve when it is durable and reject with the bus's error. */
export interface RunPublisher {
  event(event: RunEvent): Promise<void>
  evidence(evidence: RunEvidence): Promise<void>
}

/** `source` names this instance in the headers; the epoch is of each start. */
export function createRunPublisher(
  source: string,
  { bus, clock }: { readonly bus: Bus; readonly clock: Clock },
): RunPublisher {
  const epoch = clock.nowMs()
  const events = createOrderedPublisher({ source, epoch }, bus)
  // Apart, so that large pictures do not hold up what people watch.
  const evidence = createOrderedPublisher({ source: `${source}/evidence`, epoch }, bus)
  const record = (
    topic: (typeof topics)['runs'] | (typeof topics)['runEvidence'],
    { tenant, process }: { readonly tenant: string; readonly process: string },
    value: Uint8Array,
  ): OwnRecord => ({
    topic: topic.name,
    tenant,
    key: routingKey(tenant, process),
    message: topic.message.typeName,
    value,
  })
  return {
    event: (event) => events.publish([record(topics.runs, event, toBinary(RunEventSchema, event))]),
    evidence: (each) => evidence.publish([record(topics.runEvidence, each, toBinary(RunEvidenceSchema, each))]),
  }
}
