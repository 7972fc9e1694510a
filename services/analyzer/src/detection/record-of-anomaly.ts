import { toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import { type Anomaly, AnomalySchema, topics } from '@driftline/proto'
import type { UnitState } from './unit-state.ts'

/** Records of one unit and second that keep the sequence in step with time. */
const PER_SECOND = 10_000

/**
 * An anomaly as a record of its unit. Sequences only grow, also when an agent hands in late what it kept: a record that
 * is made again after a restart has the same one.
 */
export function recordOfAnomaly(unit: UnitState, anomaly: Anomaly, timeMs: number): OutgoingRecord {
  unit.anomalySequence = Math.max(unit.anomalySequence + 1, Math.floor(timeMs / 1000) * PER_SECOND)
  return {
    topic: topics.anomalies.name,
    key: unit.key,
    headers: {
      'content-type': 'application/protobuf',
      message: topics.anomalies.message.typeName,
      tenant: unit.tenant,
      source: `detector/${unit.key}`,
      epoch: '1',
      sequence: String(unit.anomalySequence),
    },
    value: toBinary(AnomalySchema, anomaly),
  }
}
