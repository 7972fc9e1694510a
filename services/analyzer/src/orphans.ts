import { fromBinary, toBinary } from '@bufbuild/protobuf'
import type { BusRecord, OutgoingRecord } from '@driftline/platform/bus/bus'
import { type Anomaly, AnomalyPhase, AnomalySchema, topics } from '@driftline/proto'

interface Known {
  readonly record: BusRecord
  readonly anomaly: Anomaly
}

/**
 * Ends for the anomalies that were open when the state that knew them was lost: nobody else would ever close them. What
 * still lasts is found anew. `records` are those of one partition of the topic, in order; unreadable ones are passed
 * over, because they are not ours.
 */
export function endsOfOrphans(records: Iterable<BusRecord>): OutgoingRecord[] {
  const open = new Map<string, Known>()
  /** Highest sequence per source: an end must come after everything that its source has said. */
  const sequences = new Map<string, number>()
  for (const record of records) {
    if (record.headers.message !== AnomalySchema.typeName) continue
    const { source, sequence } = record.headers
    sequences.set(source, Math.max(sequences.get(source) ?? 0, Number(sequence)))
    const anomaly = readAnomaly(record.value)
    if (anomaly === null) continue
    if (anomaly.phase === AnomalyPhase.CLOSED) open.delete(anomaly.id)
    else open.set(anomaly.id, { record, anomaly })
  }
  return [...open.values()].map(({ record, anomaly }) => {
    const { source } = record.headers
    const sequence = (sequences.get(source) ?? 0) + 1
    sequences.set(source, sequence)
    const end: Anomaly = {
      ...anomaly,
      phase: AnomalyPhase.CLOSED,
      endTimeMs: anomaly.timeMs,
      revision: anomaly.revision + 1,
      description: `${anomaly.description}; detection began anew`,
    }
    return {
      topic: topics.anomalies.name,
      key: record.key,
      headers: { ...record.headers, sequence: String(sequence) },
      value: toBinary(AnomalySchema, end),
    }
  })
}

function readAnomaly(value: Uint8Array): Anomaly | null {
  try {
    return fromBinary(AnomalySchema, value)
  } catch {
    return null
  }
}
