import { deviceMetrics, MetricKind, processId } from '@driftline/proto'
import type { FieldPlan, MappingPlan } from '../mapping/mapping-plan.ts'
import { attributeText } from '../mapping/metric-name.ts'
import { isProcessId } from '../mapping/process-template.ts'
import type { SeriesKey } from '../mapping/reading.ts'
import { createTopicSeries, fieldKey, ownMetric, type TopicSeries } from '../mapping/topic-series.ts'
import { readUnit } from '../mapping/units.ts'
import { isNumeric } from './datatypes.ts'
import { readUnitProperty, type WirePayload } from './wire-reader.ts'

/** What a birth certificate said of one metric. */
export interface MetricDefinition {
  readonly name: string
  /** 0 where the birth said none. */
  readonly datatype: number
  /** False for texts, data sets, controls, and what the mapping ignores. */
  readonly isSample: boolean
  /** Of its own series; null where there is none, such as for a metric that only makes a KPI. */
  readonly key: SeriesKey | null
  /** What the mapping says of it, if anything. */
  readonly field: FieldPlan | null
}

/** A node, or a device of one, as its last birth described it. */
export interface Entity {
  readonly process: string
  /** Attributes and KPIs by the mapping, or by none. */
  readonly series: TopicSeries | null
  readonly metrics: Map<string, MetricDefinition>
  /** Null for an alias that the birth gave to two metrics. */
  readonly aliases: Map<number, MetricDefinition | null>
  readonly up: SeriesKey
  isUp: boolean
  /** Whether data of it can be understood: born, and not dead since. */
  isBorn: boolean
  /** Since when a birth is waited for, milliseconds; NaN while none is. */
  awaitingSinceMs: number
}

/** A mapping of Sparkplug topics that applies to an entity, and the values of its placeholders. */
export interface EntityMapping {
  readonly index: number
  readonly plan: MappingPlan
  readonly values: readonly string[]
}

/** An entity that nothing is known of yet; null where its names are too long for an id. */
export function createEntity(names: readonly string[], mapping: EntityMapping | null): Entity | null {
  const series = mapping && createTopicSeries(mapping.index, mapping.plan, mapping.values)
  const process = series?.process ?? processId('device', ...names)
  if (!isProcessId(process)) return null
  return {
    process,
    series: series?.process ? series : null,
    metrics: new Map(),
    aliases: new Map(),
    up: {
      process,
      metric: deviceMetrics.up.name,
      attributes: {},
      unit: deviceMetrics.up.unit,
      kind: deviceMetrics.up.kind,
      role: 'level',
      path: 'device.up',
      handle: -1,
      generation: -1,
    },
    isUp: false,
    isBorn: false,
    awaitingSinceMs: Number.NaN,
  }
}

/** Metrics of one node or device, and of one name. What a birth says beyond is left out and counted. */
export const METRICS_OF_ENTITY_MAX = 10_000
const NAME_CHARS_MAX = 1024

/** What was left out of a birth: metrics without a usable name, and those that found no room. */
export interface BirthFaults {
  unnamed: number
  tooMany: number
  ambiguous: number
}

/** Replaces what is known of an entity by a birth. Series of metrics that it had before stay the same objects. */
export function describeEntity(entity: Entity, payload: WirePayload, bytes: Buffer, metricsMax: number): BirthFaults {
  const before = new Map(entity.metrics)
  const faults: BirthFaults = { unnamed: 0, tooMany: 0, ambiguous: 0 }
  entity.metrics.clear()
  entity.aliases.clear()
  for (let i = 0; i < payload.count; i++) {
    const wire = payload.metrics[i]!
    const { name, alias } = wire
    if (name === null || name === '' || name.length > NAME_CHARS_MAX || Number.isNaN(alias)) {
      faults.unnamed += 1
      continue
    }
    if (entity.metrics.size >= Math.min(METRICS_OF_ENTITY_MAX, metricsMax) && !entity.metrics.has(name)) {
      faults.tooMany += 1
      continue
    }
    const unit = wire.propertiesTo > wire.propertiesFrom ? readUnitProperty(bytes, wire) : ''
    const definition = defineMetric(entity, before.get(name), name, Math.max(wire.datatype, 0), unit)
    entity.metrics.set(name, definition)
    if (alias < 0) continue
    const taken = entity.aliases.get(alias)
    if (taken !== undefined && taken?.name !== name) faults.ambiguous += 1
    entity.aliases.set(alias, taken === undefined || taken?.name === name ? definition : null)
  }
  return faults
}

/** Commands and the number of the session are no measurements. */
const isControl = (name: string): boolean =>
  name === 'bdSeq' || name.startsWith('Node Control/') || name.startsWith('Device Control/')

function defineMetric(
  entity: Entity,
  before: MetricDefinition | undefined,
  name: string,
  datatype: number,
  unitText: string,
): MetricDefinition {
  const field = entity.series?.plan.fields?.find(({ path }) => path.text === name) ?? null
  if (!isNumeric(datatype) || isControl(name) || field?.role === 'ignore') {
    return { name, datatype, isSample: false, key: null, field: null }
  }
  const unit = readUnit(unitText) ?? ''
  const isSame = before?.isSample && (field !== null || before.key?.unit === unit)
  return { name, datatype, isSample: true, key: isSame ? before.key : makeKey(entity, field, name, unit), field }
}

/** Attribute that keeps the name of a metric which had to be changed. */
const ORIGINAL = 'sparkplug.name'

function makeKey(entity: Entity, field: FieldPlan | null, name: string, unit: string): SeriesKey | null {
  const { series } = entity
  if (series && field) return field.metric === null ? null : fieldKey(series, field)
  const plain = ownMetric(name)
  // Names that are taken, by what is told of deaths or by a field of the mapping, would mix two series.
  const isTaken = plain === entity.up.metric || series?.plan.fields?.some((each) => each.metric?.text === plain)
  const metric = isTaken ? `mqtt.${plain}` : plain
  const attributes = series?.attributes ?? {}
  return {
    process: entity.process,
    metric,
    attributes: metric === name ? attributes : { ...attributes, [ORIGINAL]: attributeText(name) },
    unit,
    kind: MetricKind.GAUGE,
    role: 'level',
    path: name,
    handle: -1,
    generation: -1,
  }
}
