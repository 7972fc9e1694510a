import { labelOf, select, selectEvery } from '../payload/json-path.ts'
import { parseNumber } from '../payload/plain-number.ts'
import type { FieldPlan } from './mapping-plan.ts'
import { addRefusal, addSample, type Reading, type SeriesKey } from './reading.ts'
import {
  childPlace,
  dynamicKey,
  elementPlace,
  executionTimeKey,
  fieldKey,
  type Place,
  placeKey,
  type TopicSeries,
} from './topic-series.ts'

/** Numbers that are taken of one row by themselves, and values of one path with `*`. */
export const VALUES_MAX = 64
/** How deep numbers are looked for. */
const DEPTH_MAX = 8

const QUOTED_CHARS_MAX = 40

/** Takes the values of one field of a row. A path that is not there, or null, says nothing and refuses nothing. */
export function readField(reading: Reading, series: TopicSeries, field: FieldPlan, row: unknown, timeMs: number): void {
  if (field.role === 'ignore') return
  if (!field.path.isWild) {
    const raw = field.path.steps.length === 0 ? row : select(row, field.path)
    if (raw !== undefined && raw !== null) takeValue(reading, series, field, row, raw, timeMs, '', 'index')
    return
  }
  const found = selectEvery(row, field.path, VALUES_MAX + 1)
  for (const { value, label, labelKey } of found.slice(0, VALUES_MAX)) {
    if (value !== null) takeValue(reading, series, field, row, value, timeMs, label, labelKey)
  }
  if (found.length > VALUES_MAX)
    addRefusal(reading, 'values_too_many', field.path.text, `more than ${VALUES_MAX} values`)
}

function takeValue(
  reading: Reading,
  series: TopicSeries,
  field: FieldPlan,
  row: unknown,
  raw: unknown,
  timeMs: number,
  label: string,
  labelKey: string,
): void {
  const value = typeof raw === 'number' ? raw : toNumber(raw, field.role === 'success')
  if (value === null) {
    addRefusal(reading, 'value_not_a_number', field.path.text, `${quote(raw)} is not a number`)
  } else if (!Number.isFinite(value)) {
    addRefusal(reading, 'value_not_finite', field.path.text, `${quote(raw)} is not finite`)
  } else {
    const isDynamic = field.isDynamic || series.hasDynamicAttributes
    const key =
      field.metric === null
        ? null
        : isDynamic
          ? dynamicKey(series, field, row, labelKey, label)
          : fieldKey(series, field)
    takeNumber(reading, series, field, key, value, timeMs)
  }
}

/** Takes a finite number: a sample of its own series, where it has one, and what KPIs are made of. */
export function takeNumber(
  reading: Reading,
  series: TopicSeries,
  field: FieldPlan,
  key: SeriesKey | null,
  value: number,
  timeMs: number,
): void {
  if (value < 0 && (field.role === 'executionTime' || field.role === 'events')) {
    addRefusal(reading, 'value_out_of_range', field.path.text, `${value} is negative`)
    return
  }
  if (key !== null) addSample(reading, key, value, timeMs)
  takeRole(reading, series, field, value, timeMs)
}

/** What the KPIs of the process are made of. */
function takeRole(reading: Reading, series: TopicSeries, field: FieldPlan, value: number, timeMs: number): void {
  if (field.role === 'executionTime') {
    addSample(reading, executionTimeKey(series, field), value * field.scale, timeMs)
  } else if (field.role === 'success') {
    reading.events += 1
    if (value === 0) reading.failed += 1
  } else if (field.role === 'events') {
    reading.events += value
  }
}

const successes = new Map<unknown, number>(
  ['ok', 'pass', 'passed', 'good', 'success', 'yes']
    .map((word): [string, number] => [word, 1])
    .concat(['nok', 'fail', 'failed', 'bad', 'error', 'no'].map((word) => [word, 0])),
)

/** A number of what is none but says one: a boolean, or a text that is wholly a number, as many machines send them. */
function toNumber(raw: unknown, isSuccess: boolean): number | null {
  if (typeof raw === 'boolean') return raw ? 1 : 0
  if (typeof raw !== 'string') return null
  return parseNumber(raw) ?? (isSuccess && raw.length < 16 ? (successes.get(raw.trim().toLowerCase()) ?? null) : null)
}

const quote = (raw: unknown): string =>
  typeof raw === 'string'
    ? JSON.stringify(raw.slice(0, QUOTED_CHARS_MAX))
    : Array.isArray(raw)
      ? 'an array'
      : `${typeof raw}`

/** Takes every finite number and boolean of a row, each as a metric that is named by its path. */
export function readEvery(
  reading: Reading,
  series: TopicSeries,
  row: unknown,
  timeMs: number,
  options: { readonly timeKey: string | null; readonly textValues: boolean },
): void {
  const start = reading.count
  const overflow = (): boolean => {
    if (reading.count - start < VALUES_MAX) return false
    addRefusal(reading, 'values_too_many', '$', `more than ${VALUES_MAX} values in one message`)
    return true
  }
  /** Answers false when there is no room for more. */
  const walk = (value: unknown, place: Place, depth: number, skipKey: string | null): boolean => {
    if (value === null || value === undefined) return true
    if (typeof value !== 'object') return leaf(value, place)
    if (depth >= DEPTH_MAX) {
      addRefusal(reading, 'nested_too_deep', place.path, `more than ${DEPTH_MAX} levels`)
      return true
    }
    if (Array.isArray(value)) return elements(value, place, depth)
    let at = 0
    for (const key in value) {
      const child = (value as Record<string, unknown>)[key]
      // Texts are passed over here: a place for each would cost memory and mean nothing.
      if (key === skipKey || (typeof child === 'string' && !options.textValues)) continue
      if (!walk(child, childPlace(series, place, key, at), depth + 1, null)) return false
      at += 1
    }
    return true
  }
  const leaf = (value: unknown, place: Place): boolean => {
    const number = typeof value === 'number' ? value : toLeaf(value, options.textValues)
    if (number === null) return true
    if (overflow()) return false
    if (Number.isFinite(number)) addSample(reading, placeKey(series, place), number, timeMs)
    else addRefusal(reading, 'value_not_finite', place.path, 'the number is too large')
    return true
  }
  const elements = (values: readonly unknown[], place: Place, depth: number): boolean => {
    for (let index = 0; index < values.length; index++) {
      const element = values[index]
      if (typeof element === 'string' && !options.textValues) continue
      if (overflow()) return false
      const { labelKey, label } = labelOf(element, String(index))
      const child = elementPlace(series, place, labelKey, label, index)
      if (!walk(element, child, depth + 1, labelKey)) return false
    }
    return true
  }
  walk(row, series.root, 0, options.timeKey)
}

function toLeaf(value: unknown, textValues: boolean): number | null {
  if (typeof value === 'boolean') return value ? 1 : 0
  return textValues && typeof value === 'string' ? parseNumber(value) : null
}
