import type { MqttDefinition } from '@driftline/ingest/definitions/mqtt'
import { createMapper, type TimeBounds } from './mapping/mapper.ts'
import { createSparkplugHost, type SparkplugHost } from './sparkplug/host.ts'

/** The reader of Sparkplug of a definition: where it asks for it, or a mapping reads it; else null. */
export function sparkplugHost(definition: MqttDefinition, bounds: TimeBounds): SparkplugHost | null {
  const own = definition.mappings.flatMap((mapping, index) =>
    mapping.payload === 'sparkplug' ? [{ mapping, index }] : [],
  )
  if (definition.sparkplug === undefined && own.length === 0) return null
  const { mapper } = createMapper(
    own.map(({ mapping }) => mapping),
    bounds,
  )
  const plans = mapper.plans.map((plan) => ({
    plan,
    index: own.find(({ mapping }) => mapping === plan.definition)?.index ?? -1,
  }))
  return createSparkplugHost({ groups: definition.sparkplug?.groups ?? [], plans, bounds })
}
