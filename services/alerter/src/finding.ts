import { fromBinary } from '@bufbuild/protobuf'
import type { BusRecord } from '@driftline/platform/bus/bus'
import { deadLetter, emit, type Verdict } from '@driftline/platform/verdict'
import { type Anomaly, AnomalyPhase, AnomalySchema } from '@driftline/proto'
import type { Finding } from './episodes/episode.ts'
import { severityNames } from './payload.ts'

/** An anomaly with what the step goes by. */
export interface Found {
  readonly anomaly: Anomaly
  readonly finding: Finding
  /** Event time of the record, milliseconds. */
  readonly timeMs: number
}

const NAME_CHARACTERS_MAX = 1000
/** Of the names that make one key together: an entry of an index of PostgreSQL holds 2704 bytes. */
const KEY_BYTES_MAX = 2000

/** Reads a record of the topic `anomalies`. What cannot make an alert is a dead letter. */
export function readFinding(record: Pick<BusRecord, 'value' | 'headers' | 'storedAtMs'>): Verdict<Found> {
  let anomaly: Anomaly
  try {
    anomaly = fromBinary(AnomalySchema, record.value)
  } catch (error) {
    return deadLetter('value_malformed', (error as Error).message)
  }
  return findingOf(anomaly, record.headers.tenant, record.storedAtMs)
}

export function findingOf(anomaly: Anomaly, tenant: string, storedAtMs: number): Verdict<Found> {
  const severity = severityNames[anomaly.severity]
  if (severity === undefined) return deadLetter('severity_unknown', `severity ${anomaly.severity}`)
  if (anomaly.phase === AnomalyPhase.UNSPECIFIED) return deadLetter('phase_unknown', 'an anomaly without a phase')
  for (const name of [tenant, anomaly.id, anomaly.process, anomaly.type]) {
    if (name === '' || name.length > NAME_CHARACTERS_MAX || !isStorable(name)) {
      return deadLetter('name_invalid', 'tenant, id, process or type is empty, too long, or holds NUL')
    }
  }
  if (bytesOf(tenant, anomaly.process, anomaly.type) > KEY_BYTES_MAX || bytesOf(tenant, anomaly.id) > KEY_BYTES_MAX) {
    return deadLetter(
      'name_invalid',
      `tenant, process and type, or tenant and id, have more than ${KEY_BYTES_MAX} bytes`,
    )
  }
  const finding: Finding = {
    tenant,
    id: anomaly.id,
    revision: anomaly.revision,
    closed: anomaly.phase === AnomalyPhase.CLOSED,
    process: anomaly.process,
    type: anomaly.type,
    severity,
    description: clean(anomaly.description),
    storedAtMs,
  }
  const cleaned = { ...anomaly, metric: clean(anomaly.metric), attributes: clean(anomaly.attributes) }
  const described = { ...cleaned, description: finding.description, unit: clean(anomaly.unit) }
  return emit({ anomaly: described, finding, timeMs: Number(anomaly.timeMs) })
}

const bytesOf = (...names: readonly string[]): number =>
  names.reduce((bytes, name) => bytes + Buffer.byteLength(name), 0)
/** Databases hold no NUL. */
const isStorable = (text: string): boolean => !text.includes('\0')
const clean = (text: string): string => text.replaceAll('\0', '')
