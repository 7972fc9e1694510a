import { setTimeout as sleep } from 'node:timers/promises'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import { type Anomaly, AnomalyPhase, AnomalySchema, routingKey, Severity, topics } from '@driftline/proto'
import type { AlerterConfig } from '../config.ts'
import { readAlerterConfig, timingDefaults } from '../config.ts'

export const TENANT = 'default'

/** An anomaly that has just opened, unless told otherwise. */
export function anomalyOf(changes: MessageInitShape<typeof AnomalySchema> = {}): Anomaly {
  return create(AnomalySchema, {
    tenant: TENANT,
    id: 'an_1',
    process: 'os:web-1:nginx',
    type: 'performance_degradation',
    severity: Severity.CRITICAL,
    phase: AnomalyPhase.OPENED,
    startTimeMs: BigInt(Date.now() - 2000),
    timeMs: BigInt(Date.now()),
    description: 'CPU of nginx on web-1 is 370 %',
    metric: 'cpu',
    unit: '1',
    value: 3.7,
    worstValue: 3.7,
    expectedLow: Number.NaN,
    expectedHigh: 0.9,
    expectedCentre: Number.NaN,
    score: 4.1,
    revision: 1,
    ...changes,
  })
}

export function anomalyRecord(anomaly: Anomaly): OutgoingRecord {
  return {
    topic: topics.anomalies.name,
    key: routingKey(anomaly.tenant, anomaly.process),
    headers: {
      'content-type': 'application/protobuf',
      message: AnomalySchema.typeName,
      tenant: anomaly.tenant,
      source: `anomaly/${anomaly.id}`,
      epoch: '1',
      sequence: String(anomaly.revision),
    },
    value: toBinary(AnomalySchema, anomaly),
  }
}

/** Settings as a file would give them under `alerting`, with times that suit a test. */
export function testConfig(
  alerting: Readonly<Record<string, unknown>>,
  timing: Partial<AlerterConfig['timing']> = {},
): AlerterConfig {
  const config = readAlerterConfig({ env: {}, yaml: { process_monitor: { alerting } }, file: null })
  const quick = { decisionsEveryMs: 20, outboxEveryMs: 50, leaseMs: 600, backoffMs: 20, breakerResetMs: 200 }
  const { retentionMs } = config.timing
  return { ...config, timing: { ...timingDefaults, retentionMs, ...quick, ...timing } }
}

/** Waits until `see` answers something other than undefined or false. */
export async function eventually<T>(
  what: string,
  see: () => T | Promise<T>,
  timeoutMs = 30_000,
): Promise<Exclude<T, undefined | false>> {
  const giveUpAtMs = Date.now() + timeoutMs
  for (;;) {
    const seen = await see()
    if (seen !== undefined && seen !== false) return seen as Exclude<T, undefined | false>
    if (Date.now() > giveUpAtMs) throw new Error(`in vain: ${what}`)
    await sleep(10)
  }
}
