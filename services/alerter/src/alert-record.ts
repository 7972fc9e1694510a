import { create, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import type { AlertStatusName, SeverityName } from '@driftline/platform/metadata/tables'
import { AlertSchema, AlertStatus, routingKey, Severity, topics } from '@driftline/proto'
import type { Episode } from './episodes/episode.ts'

const severities: Record<SeverityName, Severity> = {
  info: Severity.INFO,
  warning: Severity.WARNING,
  critical: Severity.CRITICAL,
}
const statuses: Record<AlertStatusName, AlertStatus> = {
  open: AlertStatus.OPEN,
  acknowledged: AlertStatus.ACKNOWLEDGED,
  resolved: AlertStatus.RESOLVED,
}

/** An alert as it stands. Each is a source of its own whose sequence is the version: one published again is a repeat. */
export function alertRecord(episode: Episode, anomalyIds: readonly string[]): OutgoingRecord {
  const alert = create(AlertSchema, {
    tenant: episode.tenant,
    id: episode.id,
    anomalyId: episode.anomalyId,
    anomalyIds: [...anomalyIds],
    process: episode.process,
    rule: episode.rule,
    type: episode.type,
    severity: severities[episode.severity],
    status: statuses[episode.status],
    message: episode.message,
    recipients: [...episode.recipients],
    openedAtMs: BigInt(episode.openedAtMs),
    acknowledgedAtMs: BigInt(episode.acknowledgedAtMs ?? 0),
    acknowledgedBy: episode.acknowledgedBy ?? '',
    resolvedAtMs: BigInt(episode.resolvedAtMs ?? 0),
    resolvedBy: episode.resolvedBy ?? '',
    version: episode.version,
  })
  return {
    topic: topics.alerts.name,
    key: routingKey(episode.tenant, episode.process),
    headers: {
      'content-type': 'application/protobuf',
      message: AlertSchema.typeName,
      tenant: episode.tenant,
      source: `alert/${episode.id}`,
      epoch: '1',
      sequence: String(episode.version),
    },
    value: toBinary(AlertSchema, alert),
  }
}
