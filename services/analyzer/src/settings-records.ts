import { create, equals, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import {
  DetectionSettingsSchema,
  type ForestModel,
  routingKey,
  type SettingsChange,
  SettingsChangeSchema,
  topics,
} from '@driftline/proto'
import type { TrainingJob } from './detectors/isolation-forest/training.ts'

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
  const source = `installation/${partition}`
  return { ...settingsRecord(change, source, nowMs), key: source, partition }
}

/** The record by which a trained model takes effect. */
export function modelRecord({ tenant, process, effectiveTimeMs }: TrainingJob, model: ForestModel): OutgoingRecord {
  const change = create(SettingsChangeSchema, {
    tenant,
    process,
    effectiveTimeMs: BigInt(effectiveTimeMs),
    change: { case: 'forest', value: model },
  })
  return settingsRecord(change, `forest/${tenant}/${process}`, effectiveTimeMs)
}

/** `sequence` only grows per source; the same change again has the same one. */
function settingsRecord(change: SettingsChange, source: string, sequence: number): OutgoingRecord {
  const { tenant, process } = change
  return {
    topic: topics.settings.name,
    key: routingKey(tenant, process),
    headers: {
      'content-type': 'application/protobuf',
      message: topics.settings.message.typeName,
      tenant,
      source,
      epoch: '1',
      sequence: String(sequence),
    },
    value: toBinary(SettingsChangeSchema, change),
  }
}
