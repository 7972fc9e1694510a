import type { TimeBounds } from '../mapping/mapper.ts'
import { takeNumber } from '../mapping/read-values.ts'
import { addRefusal, addSample, type Reading } from '../mapping/reading.ts'
import { numberOf } from './datatypes.ts'
import { type BirthFaults, type Entity, METRICS_OF_ENTITY_MAX, type MetricDefinition } from './entity.ts'
import type { WireMetric, WirePayload } from './wire-reader.ts'

interface Arrival {
  readonly nowMs: number
  readonly bounds: TimeBounds
}

/** What contradicts the birth of an entity, so that nothing of the message can be trusted. */
export interface DataFault {
  readonly reason:
    | 'sparkplug_alias_unknown'
    | 'sparkplug_metric_unknown'
    | 'sparkplug_alias_conflict'
    | 'sparkplug_datatype_changed'
  readonly detail: string
}

/** Takes the values that a birth says. They may be old: one that is out of bounds is passed over, not refused. */
export function readBirth(
  reading: Reading,
  entity: Entity,
  payload: WirePayload,
  faults: BirthFaults,
  arrival: Arrival,
): void {
  if (faults.unnamed > 0) {
    addRefusal(
      reading,
      'sparkplug_metric_unnamed',
      '',
      `${faults.unnamed} metrics without a name or with an alias too large`,
    )
  }
  if (faults.tooMany > 0) {
    addRefusal(
      reading,
      'sparkplug_metrics_too_many',
      '',
      `${faults.tooMany} metrics found no room; a device has at most ${METRICS_OF_ENTITY_MAX}`,
    )
  }
  if (faults.ambiguous > 0) {
    addRefusal(reading, 'sparkplug_alias_ambiguous', '', `${faults.ambiguous} aliases stand for two metrics`)
  }
  for (let i = 0; i < payload.count; i++) {
    const wire = payload.metrics[i]!
    const definition = wire.name === null ? undefined : entity.metrics.get(wire.name)
    if (definition) takeMetric(reading, entity, definition, wire, payload, arrival, true)
  }
  countEvents(reading, 0)
}

/** Takes the values of a data message, all or, where one contradicts the birth, none. */
export function readData(reading: Reading, entity: Entity, payload: WirePayload, arrival: Arrival): DataFault | null {
  for (let i = 0; i < payload.count; i++) {
    const fault = faultOf(entity, payload.metrics[i]!)
    if (fault !== null) return fault
  }
  const refusals = reading.refusals.length
  let live = 0
  for (let i = 0; i < payload.count; i++) {
    const wire = payload.metrics[i]!
    const definition = definitionOf(entity, wire)
    if (definition === null || definition === undefined) {
      addRefusal(reading, 'sparkplug_alias_ambiguous', `alias ${wire.alias}`, 'the birth gave the alias to two metrics')
    } else {
      takeMetric(reading, entity, definition, wire, payload, arrival, false)
    }
    if (!wire.isHistorical) live += 1
  }
  if (live > 0 || payload.count === 0) countEvents(reading, refusals)
  return null
}

/** A message is an event, unless its metrics say how many there were or whether they succeeded. */
function countEvents(reading: Reading, refusalsBefore: number): void {
  if (reading.events > 0) return
  reading.events = 1
  reading.failed = reading.refusals.length > refusalsBefore ? 1 : 0
}

const definitionOf = (entity: Entity, wire: WireMetric): MetricDefinition | null | undefined =>
  wire.name !== null ? entity.metrics.get(wire.name) : entity.aliases.get(wire.alias)

function faultOf(entity: Entity, wire: WireMetric): DataFault | null {
  const definition = definitionOf(entity, wire)
  if (definition === undefined) {
    return wire.name === null
      ? { reason: 'sparkplug_alias_unknown', detail: wire.alias < 0 ? 'neither name nor alias' : `alias ${wire.alias}` }
      : { reason: 'sparkplug_metric_unknown', detail: `${JSON.stringify(wire.name.slice(0, 100))} is not in the birth` }
  }
  if (definition === null) return null
  const byAlias = wire.name !== null && wire.alias >= 0 ? entity.aliases.get(wire.alias) : undefined
  if (byAlias !== undefined && byAlias !== null && byAlias !== definition) {
    return {
      reason: 'sparkplug_alias_conflict',
      detail: `alias ${wire.alias} is ${JSON.stringify(byAlias.name.slice(0, 100))}`,
    }
  }
  if (wire.datatype > 0 && definition.datatype > 0 && wire.datatype !== definition.datatype) {
    return {
      reason: 'sparkplug_datatype_changed',
      detail: `${definition.datatype} of the birth is now ${wire.datatype}`,
    }
  }
  return null
}

function takeMetric(
  reading: Reading,
  entity: Entity,
  definition: MetricDefinition,
  wire: WireMetric,
  payload: WirePayload,
  { nowMs, bounds }: Arrival,
  isBirth: boolean,
): void {
  if (!definition.isSample || wire.isNull || wire.kind === 'none') return
  if (wire.kind === 'other' && definition.datatype === 0) return
  const value = numberOf(definition.datatype, wire.kind, wire.low, wire.high, wire.real)
  if (value === null) {
    addRefusal(reading, 'value_not_a_number', definition.name, 'the value is not of the datatype of the birth')
    return
  }
  if (!Number.isFinite(value)) {
    addRefusal(reading, 'value_not_finite', definition.name, `${value} is not finite`)
    return
  }
  const ownMs = Number.isNaN(wire.timestampMs) ? payload.timestampMs : wire.timestampMs
  const timeMs = Number.isNaN(ownMs) ? nowMs : ownMs
  const agoMs = nowMs - timeMs
  if (agoMs > bounds.ageMsMax || -agoMs > bounds.aheadMsMax) {
    if (isBirth) return
    if (agoMs > 0) addRefusal(reading, 'time_too_old', definition.name, `${agoMs} ms ago exceeds ${bounds.ageMsMax}`)
    else addRefusal(reading, 'time_in_future', definition.name, `${-agoMs} ms ahead exceeds ${bounds.aheadMsMax}`)
    return
  }
  reading.timeMs = reading.count === 0 ? timeMs : Math.max(reading.timeMs, timeMs)
  const { field, key } = definition
  // What a node stored while it was cut off is kept at its time, and so is a birth's value; neither is an event of now.
  if (field !== null && entity.series !== null && !wire.isHistorical && !isBirth) {
    takeNumber(reading, entity.series, field, key, value, timeMs)
  } else if (key !== null) {
    addSample(reading, key, value, timeMs)
  }
}
