import { create, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import { routingKey, SettingsChangeSchema, Severity, topics } from '@driftline/proto'
import type { StoredDetection } from '../access/detection-settings.ts'

const severities = { info: Severity.INFO, warning: Severity.WARNING, critical: Severity.CRITICAL } as const

/** The record by which the detectors learn what people set; the same version is always the same record. */
export function settingsRecord(stored: StoredDetection): OutgoingRecord {
  const { tenant, process, settings } = stored
  const { thresholds, expressions, enabled, degradationShare, errorSpikeMultiple, exhaustionShare, sensitivity } =
    settings
  const change = create(SettingsChangeSchema, {
    tenant,
    process,
    effectiveTimeMs: BigInt(stored.effectiveAt.getTime()),
    change: {
      case: 'detection',
      value: {
        ...(enabled === undefined ? {} : { enabled }),
        ...(degradationShare === undefined ? {} : { degradationShare }),
        ...(errorSpikeMultiple === undefined ? {} : { errorSpikeMultiple }),
        ...(exhaustionShare === undefined ? {} : { exhaustionShare }),
        ...(sensitivity === undefined ? {} : { sensitivity }),
        disabledTypes: settings.disabledTypes,
        thresholds: thresholds.map(({ metric, above, below, forSeconds, severity }) => ({
          metric,
          ...(above === undefined ? {} : { above }),
          ...(below === undefined ? {} : { below }),
          forMs: Math.round(forSeconds * 1000),
          severity: severities[severity],
        })),
        expressions: expressions.map((rule) => ({ ...rule, severity: severities[rule.severity] })),
      },
    },
  })
  return {
    topic: topics.settings.name,
    key: routingKey(tenant, process),
    headers: {
      'content-type': 'application/protobuf',
      message: topics.settings.message.typeName,
      tenant,
      source: `settings/${tenant}/${process}`,
      epoch: '1',
      sequence: String(stored.version),
    },
    value: toBinary(SettingsChangeSchema, change),
  }
}
