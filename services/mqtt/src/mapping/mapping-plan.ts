import type { MqttField, MqttMapping, Role } from '@driftline/ingest/definitions/mqtt'
import { processMetrics } from '@driftline/proto'
import type { TimeFormat } from '../payload/event-time.ts'
import { compilePath, type JsonPath, keyPath } from '../payload/json-path.ts'
import { createPayloadReader, type PayloadReader } from '../payload/payload-formats.ts'
import { isMetricName } from './metric-name.ts'
import {
  fill,
  type ProcessTemplate,
  parseProcess,
  parseText,
  type TextTemplate,
  usesPlaceholder,
} from './process-template.ts'
import { type Parsed, parseTemplate, type TopicTemplate } from './topic-template.ts'
import { readUnit, secondsPer } from './units.ts'

/** An attribute by name; its value is made of placeholders, or stands at a path of the row. */
export interface AttributePlan {
  readonly name: string
  readonly value: TextTemplate | null
  readonly path: JsonPath | null
}

/** What to do with the value at one path. */
export interface FieldPlan {
  /** Its place among the plan's fields: where a topic keeps the field's series. */
  readonly slot: number
  readonly path: JsonPath
  readonly role: Role
  /** The metric of its own series; null where only a KPI is made of it. */
  readonly metric: TextTemplate | null
  readonly unit: string
  /** To seconds, for `executionTime`. */
  readonly scale: number
  readonly attributes: readonly AttributePlan[]
  /** Whether its attributes depend on the row. */
  readonly isDynamic: boolean
}

/** A mapping, checked and made ready. */
export interface MappingPlan {
  readonly definition: MqttMapping
  readonly template: TopicTemplate
  readonly process: ProcessTemplate
  readonly payload: PayloadReader
  readonly time: { readonly path: JsonPath | null; readonly format: TimeFormat }
  /** For payloads that are one number. */
  readonly scalar: FieldPlan
  /** Whether names found in a payload follow the name of the scalar: `{metric}` is a level of the topic. */
  readonly hasPrefix: boolean
  /** Null where every number is taken. */
  readonly fields: readonly FieldPlan[] | null
  /** Of every sample. */
  readonly attributes: readonly AttributePlan[]
  /** Whether a field says how many events there were or whether they succeeded; else each row is one event. */
  readonly countsEvents: boolean
}

/** What is wrong, and where in the mapping: `fields[2].unit`. */
export interface MappingProblem {
  readonly at: string
  readonly problem: string
}

const reserved = new Map<string, Role>([
  [processMetrics.executionTime.name, 'executionTime'],
  [processMetrics.events.name, 'events'],
  [processMetrics.failedEvents.name, 'success'],
])

/** Whether KPIs are made of a metric by its name alone. */
export const isReservedMetric = (name: string): boolean => reserved.has(name)

/** Checks a mapping; all problems are reported together. */
export function planMapping(definition: MqttMapping): {
  readonly plan: MappingPlan | null
  readonly problems: MappingProblem[]
} {
  const problems: MappingProblem[] = []
  const take = <T>(at: string, parsed: Parsed<T>): T | null => {
    if (parsed.ok) return parsed.value
    problems.push({ at, problem: parsed.problem })
    return null
  }
  const template = take('topic', parseTemplate(definition.topic))
  if (template === null) return { plan: null, problems }
  if (definition.payload === 'sparkplug' && !template.text.startsWith('spBv1.0/')) {
    problems.push({ at: 'topic', problem: 'topics of Sparkplug B start with spBv1.0/' })
  }
  const names = template.placeholders
  const process = take('process', parseProcess(definition.process, names))
  const readsCells = definition.csv !== undefined || definition.payload === 'csv' || definition.payload === 'sparkplug'
  const fieldOf = (at: string, field: MqttField, slot: number): FieldPlan | null => {
    const made = planField(field, slot, names, readsCells)
    for (const { at: part, problem } of made.problems) problems.push({ at: `${at}${part}`, problem })
    return made.plan
  }
  const metric = definition.metric ?? (names.includes('metric') ? '{metric}' : 'value')
  const { unit, role } = definition
  const scalar = fieldOf('', { path: '$', metric, unit, role }, 0)
  const fields = (definition.fields ?? []).map((field, i) => fieldOf(`fields[${i}].`, field, i + 1))
  const time = planTime(definition, readsCells, problems)
  const payload = createPayloadReader(definition.payload === 'sparkplug' ? 'auto' : definition.payload, definition)
  const attributes = planAttributes(definition.attributes ?? {}, names, 'attributes', problems)
  if (process === null || scalar === null || payload === null || problems.length > 0) return { plan: null, problems }
  const used = [...attributes, ...leftOver(template, process, scalar, attributes)]
  const plan: MappingPlan = {
    definition,
    template,
    process,
    payload,
    time,
    scalar,
    hasPrefix: metric !== 'value' || definition.metric !== undefined,
    fields: definition.fields ? fields.filter((field) => field !== null) : null,
    attributes: used,
    countsEvents: [scalar, ...fields].some((field) => field?.role === 'success' || field?.role === 'events'),
  }
  return { plan, problems }
}

/** Placeholders that neither process nor metric use tell series apart, so they become attributes by themselves. */
function leftOver(
  template: TopicTemplate,
  process: ProcessTemplate,
  scalar: FieldPlan,
  attributes: readonly AttributePlan[],
): AttributePlan[] {
  const texts = [...process.names, ...attributes.map(({ value }) => value), scalar.metric]
  return template.placeholders.flatMap((name, place) =>
    texts.some((text) => text && usesPlaceholder(text, place)) ||
    attributes.some((attribute) => attribute.name === name)
      ? []
      : [{ name, value: { text: `{${name}}`, parts: [place] }, path: null }],
  )
}

function planTime(definition: MqttMapping, readsCells: boolean, problems: MappingProblem[]): MappingPlan['time'] {
  const { path: text, format = 'auto' } = definition.time ?? {}
  if (text === undefined) return { path: null, format }
  const path = planPath(text, readsCells)
  if (typeof path === 'string') problems.push({ at: 'time.path', problem: path })
  else if (path.isWild) problems.push({ at: 'time.path', problem: 'a message has one time: * selects several' })
  else return { path, format }
  return { path: null, format }
}

/** A path of JSON, or the name or number of a column. */
function planPath(text: string, readsCells: boolean): JsonPath | string {
  if (text.startsWith('$') || !readsCells) return compilePath(text)
  return /^\d{1,4}$/.test(text) ? { text, steps: [{ at: Number(text) }], isWild: false } : keyPath(text)
}

function planField(
  field: MqttField,
  slot: number,
  placeholders: readonly string[],
  readsCells: boolean,
): { readonly plan: FieldPlan | null; readonly problems: MappingProblem[] } {
  const problems: MappingProblem[] = []
  const note = (at: string, problem: string): void => void problems.push({ at, problem })
  const path = planPath(field.path, readsCells)
  if (typeof path === 'string') note('path', path)
  const metric = parseText(field.metric, placeholders)
  if (!metric.ok) note('metric', metric.problem)
  else if (
    !isMetricName(
      fill(
        metric.value,
        placeholders.map(() => 'x'),
      ),
    )
  ) {
    note('metric', 'a metric is 1 to 255 letters, digits and _ . / -, and starts with a letter')
  }
  const owner = reserved.get(field.metric)
  if (owner !== undefined && owner !== field.role && field.role !== 'ignore') {
    note('metric', `${field.metric} is made of fields that are used as ${owner}`)
  }
  const unit = readUnit(field.unit)
  if (unit === null) note('unit', 'a unit is at most 63 printable ASCII characters without spaces, as in UCUM')
  const scale = field.role === 'executionTime' ? secondsPer(unit ?? '') : 1
  if (scale === null) note('unit', 'an execution time needs a unit of time: ns, us, ms, s, min, h or d')
  const attributes = planAttributes(field.attributes ?? {}, placeholders, 'attributes', problems)
  if (problems.length > 0 || typeof path === 'string' || !metric.ok) return { plan: null, problems }
  const plan: FieldPlan = {
    slot,
    path,
    role: field.role,
    metric: owner === undefined ? metric.value : null,
    unit: unit!,
    scale: scale!,
    attributes,
    isDynamic: path.isWild || attributes.some((attribute) => attribute.path !== null),
  }
  return { plan, problems }
}

const ATTRIBUTES_MAX = 16

function planAttributes(
  attributes: Readonly<Record<string, string>>,
  placeholders: readonly string[],
  at: string,
  problems: MappingProblem[],
): AttributePlan[] {
  const entries = Object.entries(attributes)
  if (entries.length > ATTRIBUTES_MAX) problems.push({ at, problem: `at most ${ATTRIBUTES_MAX} attributes` })
  const plans: AttributePlan[] = []
  for (const [name, text] of entries) {
    const path = text.startsWith('$') ? compilePath(text) : null
    const value = path === null ? parseText(text, placeholders) : null
    if (/\p{Cc}/u.test(name + text)) problems.push({ at: `${at}.${name}`, problem: 'control characters' })
    else if (typeof path === 'string') problems.push({ at: `${at}.${name}`, problem: path })
    else if (path?.isWild)
      problems.push({ at: `${at}.${name}`, problem: 'an attribute is one value: * selects several' })
    else if (value && !value.ok) problems.push({ at: `${at}.${name}`, problem: value.problem })
    else plans.push({ name, value: value?.value ?? null, path })
  }
  return plans
}
