import { type Metric, MetricKind, processMetrics } from '@driftline/proto'
import { select } from '../payload/json-path.ts'
import { type AttributePlan, type FieldPlan, isReservedMetric, type MappingPlan } from './mapping-plan.ts'
import { attributeText, metricName } from './metric-name.ts'
import { fill, fillProcess } from './process-template.ts'
import type { SeriesKey } from './reading.ts'

/** A place in payloads of a topic: the series of its number, and the places below it. */
export interface Place {
  /** Names on the way, joined by dots; also the metric, once made fit. */
  readonly name: string
  readonly path: string
  /** The path without places in arrays, the same in each message. */
  readonly exact: string
  readonly attributes: Readonly<Record<string, string>>
  /** Whether a key on the way holds a dot, so that another way may have the same name. */
  readonly isAmbiguous: boolean
  /** The key that leads here from the place above. */
  readonly own: string
  /** Children in the order in which their keys came first: mostly that of the next message too. */
  readonly order: Place[]
  /** By key of an object; by label of an element of an array. */
  children: Map<string, Place> | null
  elements: Map<string, Place> | null
  key: SeriesKey | null
}

/** What is remembered of a topic: everything that is the same for each of its messages. */
export interface TopicSeries {
  readonly index: number
  readonly plan: MappingPlan
  /** Null where a placeholder of the process is empty, or too long. */
  readonly process: string | null
  readonly values: readonly string[]
  readonly attributes: Readonly<Record<string, string>>
  /** Whether an attribute of every sample depends on the row. */
  readonly hasDynamicAttributes: boolean
  /** By slot of the field: of its own metric, and of the KPI. */
  readonly keys: (SeriesKey | undefined)[]
  executionTime: SeriesKey | null
  /** Series of fields whose attributes depend on the row. */
  readonly dynamic: Map<string, SeriesKey>
  readonly root: Place
  /** Key of the time that was found by itself; null before. */
  timeKey: string | null
  /** Event time of the newest message that carried one. */
  newestMs: number
  /** How many series are remembered: what the entry weighs in the cache. */
  weight: number
}

/** Attribute that keeps a name which had to be changed, so that two names never become one series. */
const ORIGINAL = 'source.name'

export const createTopicSeries = (index: number, plan: MappingPlan, values: readonly string[]): TopicSeries => ({
  index,
  plan,
  process: fillProcess(plan.process, values),
  values,
  attributes: fixedAttributes(plan.attributes, values),
  hasDynamicAttributes: plan.attributes.some(({ path }) => path !== null),
  keys: [],
  executionTime: null,
  dynamic: new Map(),
  root: createPlace({ name: '', path: '$', exact: '$', attributes: {}, isAmbiguous: false, own: '' }),
  timeKey: null,
  newestMs: Number.NEGATIVE_INFINITY,
  weight: 1,
})

function fixedAttributes(plans: readonly AttributePlan[], values: readonly string[]): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const { name, value } of plans) if (value) attributes[name] = attributeText(fill(value, values))
  return attributes
}

/** The series of a field of its own, for fields whose attributes are the same in every message. */
export function fieldKey(series: TopicSeries, field: FieldPlan): SeriesKey {
  const known = series.keys[field.slot]
  if (known) return known
  const made = makeFieldKey(series, field, {})
  series.keys[field.slot] = made
  series.weight += 1
  return made
}

/** The series of a field whose attributes depend on the row, or on which of several values it is. */
export function dynamicKey(
  series: TopicSeries,
  field: FieldPlan,
  row: unknown,
  labelKey: string,
  label: string,
): SeriesKey {
  const attributes: Record<string, string> = {}
  let id = `${field.slot}\0${label}`
  for (const plan of [...series.plan.attributes, ...field.attributes]) {
    if (!plan.path) continue
    const value = select(row, plan.path)
    const isText = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    if (isText) attributes[plan.name] = attributeText(String(value))
    id += `\0${attributes[plan.name] ?? ''}`
  }
  if (field.path.isWild) attributes[labelKey] ??= attributeText(label)
  const known = series.dynamic.get(id)
  if (known) return known
  const made = makeFieldKey(series, field, attributes)
  series.dynamic.set(id, made)
  series.weight += 1
  return made
}

function makeFieldKey(series: TopicSeries, field: FieldPlan, more: Record<string, string>): SeriesKey {
  const written = field.metric ? fill(field.metric, series.values) : ''
  const metric = ownMetric(written)
  const attributes = { ...series.attributes, ...fixedAttributes(field.attributes, series.values), ...more }
  return makeKey(series, {
    metric,
    attributes: metric === written ? attributes : { ...attributes, [ORIGINAL]: attributeText(written) },
    unit: field.unit,
    kind: field.role === 'events' ? MetricKind.DELTA : MetricKind.GAUGE,
    role: field.role,
    path: field.path.text,
  })
}

/** Fit to be a metric, and none of those of which KPIs are made: a payload does not choose what the KPIs are. */
export function ownMetric(name: string): string {
  const metric = metricName(name)
  return isReservedMetric(metric) ? `mqtt.${metric}` : metric
}

/** KPIs are made of series without attributes: what would set them apart belongs to the process. */
export function executionTimeKey(series: TopicSeries, field: FieldPlan): SeriesKey {
  series.executionTime ??= makeKpiKey(series, processMetrics.executionTime, field)
  return series.executionTime
}

const makeKpiKey = (series: TopicSeries, { name, unit, kind }: Metric, field: FieldPlan): SeriesKey =>
  makeKey(series, { metric: name, attributes: {}, unit, kind, role: field.role, path: field.path.text })

const makeKey = (
  series: TopicSeries,
  key: Pick<SeriesKey, 'metric' | 'attributes' | 'unit' | 'kind' | 'role' | 'path'>,
): SeriesKey => ({
  process: series.process ?? '',
  metric: key.metric,
  attributes: key.attributes,
  unit: key.unit,
  kind: key.kind,
  role: key.role,
  path: key.path,
  handle: -1,
  generation: -1,
})

// Written out: objects that are copied from others are slower to read, and places are read for every value.
const createPlace = (place: Pick<Place, 'name' | 'path' | 'exact' | 'attributes' | 'isAmbiguous' | 'own'>): Place => ({
  key: null,
  own: place.own,
  order: [],
  children: null,
  elements: null,
  name: place.name,
  path: place.path,
  exact: place.exact,
  attributes: place.attributes,
  isAmbiguous: place.isAmbiguous,
})

/** Beyond this many keys their order is not kept. */
const ORDER_MAX = 64

/** The place of a key of an object, which is the `at`-th that is looked for in it. */
export function childPlace(series: TopicSeries, parent: Place, key: string, at: number): Place {
  const guess = parent.order[at]
  if (guess !== undefined && guess.own === key) return guess
  const known = parent.children?.get(key)
  if (known) return known
  const step = /^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
  const place = createPlace({
    name: parent.name === '' ? key : `${parent.name}.${key}`,
    path: `${parent.path}${step}`,
    exact: `${parent.exact}${step}`,
    attributes: parent.attributes,
    isAmbiguous: parent.isAmbiguous || key === '' || key.includes('.'),
    own: key,
  })
  if (parent.order.length < ORDER_MAX) parent.order.push(place)
  parent.children ??= new Map()
  parent.children.set(key, place)
  series.weight += 1
  return place
}

/** The place of an element of an array, told from its neighbours by an attribute. */
export function elementPlace(
  series: TopicSeries,
  parent: Place,
  labelKey: string,
  label: string,
  index: number,
): Place {
  const id = `${labelKey}\0${label}`
  const known = parent.elements?.get(id)
  if (known) return known
  const isTaken = labelKey in parent.attributes || labelKey in series.attributes
  const attribute = isTaken ? `${parent.exact}.${labelKey}` : labelKey
  const place = createPlace({
    name: parent.name,
    path: `${parent.path}[${index}]`,
    exact: parent.exact,
    attributes: { ...parent.attributes, [attribute]: attributeText(label) },
    isAmbiguous: parent.isAmbiguous,
    own: '',
  })
  parent.elements ??= new Map()
  parent.elements.set(id, place)
  series.weight += 1
  return place
}

/** The series of a number that was found at a place. */
export function placeKey(series: TopicSeries, place: Place): SeriesKey {
  if (place.key) return place.key
  const { plan } = series
  const prefix = plan.hasPrefix && plan.scalar.metric ? fill(plan.scalar.metric, series.values) : ''
  // A topic that names its metric often says `{"value": 7.9}`: that is the metric itself.
  const isItself = prefix !== '' && (place.name === 'value' || place.name === '')
  const own = place.name === '' ? 'value' : place.name
  const written = isItself ? prefix : prefix === '' ? own : `${prefix}.${own}`
  const metric = ownMetric(written)
  const changed = metric !== written || place.isAmbiguous
  const attributes = { ...series.attributes, ...place.attributes }
  place.key = makeKey(series, {
    metric,
    attributes: changed
      ? { ...attributes, [ORIGINAL]: attributeText(place.isAmbiguous ? place.exact : written) }
      : attributes,
    unit: isItself ? plan.scalar.unit : '',
    kind: MetricKind.GAUGE,
    role: 'level',
    path: place.path,
  })
  return place.key
}
