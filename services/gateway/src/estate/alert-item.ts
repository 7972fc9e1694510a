import { type Alert, AlertStatus } from '@driftline/proto'
import type { AlertItem } from '../schemas/anomalies.ts'
import { severityNames } from './anomaly-item.ts'
import type { KnownAlert } from './findings.ts'

const statusNames = {
  [AlertStatus.UNSPECIFIED]: 'open',
  [AlertStatus.OPEN]: 'open',
  [AlertStatus.ACKNOWLEDGED]: 'acknowledged',
  [AlertStatus.RESOLVED]: 'resolved',
} as const satisfies Record<AlertStatus, AlertItem['status']>

const isoOrNull = (timeMs: bigint): string | null => (timeMs === 0n ? null : new Date(Number(timeMs)).toISOString())

/** `nameOf` says who `user:<id>` is. */
export function alertOfMessage(message: Alert, nameOf: (actor: string) => string): KnownAlert {
  const who = (actor: string): string | null => (actor === '' ? null : nameOf(actor))
  return {
    version: message.version,
    item: {
      id: message.id,
      anomalyId: message.anomalyId,
      anomalyIds: message.anomalyIds,
      processId: message.process,
      rule: message.rule,
      type: message.type,
      severity: severityNames[message.severity] ?? 'info',
      message: message.message,
      recipients: message.recipients,
      timestamp: new Date(Number(message.openedAtMs)).toISOString(),
      status: statusNames[message.status] ?? 'open',
      acknowledgedAt: isoOrNull(message.acknowledgedAtMs),
      acknowledgedBy: who(message.acknowledgedBy),
      resolvedAt: isoOrNull(message.resolvedAtMs),
      resolvedBy: who(message.resolvedBy),
    },
  }
}
