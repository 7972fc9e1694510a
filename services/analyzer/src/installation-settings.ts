import { create, equals, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import { DetectionSettingsSchema, SettingsChangeSchema, topics } from '@driftline/proto'

/** Settings of detection for all processes of the installation. */
export type DetectionChange = MessageInitShape<typeof DetectionSettingsSchema>

/**
 * The change that brings a partition from what it was told last to the settings of this start; null when it knows them.
 * It takes effect now: what happened before was judged by what held then.
 */
export function installationRecord(
  installation: DetectionChange,
  known: Uint8Array | null,
  partition: number,
  nowMs: number,
): OutgoingRecord | null {
  const wanted = create(DetectionSettingsSchema, installation)
  const last = known === null ? null : fromBinary(SettingsChangeSchema, known).change
  if (last?.case === 'detection' && equals(DetectionSettingsSchema, last.value, wanted)) return null
  const change = create(SettingsChangeSchema, {
    effectiveTimeMs: BigInt(nowMs),
    change: { case: 'detection', value: wanted },
  })
  return {
    topic: topics.settings.name,
    key: `installation/${partition}`,
    partition,
    headers: {
      'content-type': 'application/protobuf',
      message: topics.settings.message.typeName,
      tenant: '',
      source: `installation/${partition}`,
      epoch: '1',
      sequence: String(nowMs),
    },
    value: toBinary(SettingsChangeSchema, change),
  }
}
