import { isUtf8 } from 'node:buffer'
import { MetricKind } from '@driftline/proto'
import { namedProcess } from '../named-process.ts'
import type { Refused, SeriesText } from '../point-sink.ts'

/** One sample of the samples door. */
export interface SampleItem {
  readonly series: SeriesText
  /** Null when it has none: then it is of now. */
  readonly timeMs: number | null
  readonly value: number
}

const kinds: Readonly<Record<string, MetricKind>> = {
  gauge: MetricKind.GAUGE,
  delta: MetricKind.DELTA,
  cumulative: MetricKind.CUMULATIVE,
}
/** RFC 3339 with `T` or a blank; without a zone it is UTC. */
const TIME = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)([Zz]|[+-]\d\d:?\d\d)?$/
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

const refuse = (reason: string, detail: string): Refused => ({ reason, detail })

/** Parses one JSON item; a refusal when it is not an object. */
export function parseObject(bytes: Uint8Array): { readonly object: Record<string, unknown> } | Refused {
  if (!isUtf8(bytes)) return refuse('text_invalid', 'the item is not UTF-8')
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())
  } catch (error) {
    return refuse('item_malformed', (error as Error).message.slice(0, 200))
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) {
    return refuse('item_malformed', 'an item is an object')
  }
  return { object: parsed as Record<string, unknown> }
}

/** Reads `{process, metric, value, time?, unit?, attributes?, kind?}`. */
export function readSampleItem(item: Record<string, unknown>): SampleItem | Refused {
  const { process, metric, value, unit = '', attributes = null, kind = 'gauge' } = item
  if (typeof process !== 'string' || namedProcess(process) === null) {
    const detail = 'process is a process id such as device:plant-a:press-3; of hosts and their processes agents tell'
    return refuse('process_invalid', detail)
  }
  if (typeof metric !== 'string') return refuse('metric_invalid', 'metric is a text such as temperature')
  if (typeof value !== 'number') return refuse('value_invalid', 'value is a number')
  if (unit !== null && typeof unit !== 'string') return refuse('unit_invalid', 'unit is a text such as Cel')
  const kindOf = typeof kind === 'string' && Object.hasOwn(kinds, kind) ? kinds[kind] : undefined
  if (kindOf === undefined) return refuse('kind_unknown', 'kind is gauge, delta or cumulative')
  const timeMs = readTime(item['time'])
  if (typeof timeMs === 'object' && timeMs !== null) return timeMs
  const texts = readAttributes(attributes)
  if (texts === null) return refuse('attributes_invalid', 'attributes are an object of texts, numbers and booleans')
  return { series: { process, metric, unit: unit ?? '', kind: kindOf, attributes: texts }, timeMs, value }
}

/** Milliseconds since 1970 from RFC 3339 or from such a number; null for no time. */
export function readTime(time: unknown): number | null | Refused {
  if (time === undefined || time === null || time === '') return null
  if (typeof time === 'number' && Number.isFinite(time)) return Math.floor(time)
  const match = typeof time === 'string' ? TIME.exec(time) : null
  const [, day, clock, zone = 'Z'] = match ?? []
  const ms = match === null ? Number.NaN : Date.parse(`${day}T${clock}${zone.toUpperCase()}`)
  if (Number.isNaN(ms)) return refuse('time_invalid', 'time is RFC 3339, or milliseconds since 1970 as a number')
  return ms
}

function readAttributes(given: unknown): Record<string, string> | null {
  const texts = Object.create(null) as Record<string, string>
  if (given === null) return texts
  if (typeof given !== 'object' || Array.isArray(given)) return null
  for (const [key, value] of Object.entries(given)) {
    if (value === null) continue
    if (typeof value === 'object') return null
    texts[key] = String(value)
  }
  return texts
}

/** Columns of a CSV: what each field of a record is. */
export interface CsvColumns {
  readonly names: readonly string[]
}

const COLUMNS = ['process', 'metric', 'value', 'time', 'unit', 'kind', 'attributes']
const ATTRIBUTE = 'attributes.'

/** Reads the header; a text says what is wrong with it. A column that we do not know may be one that is misspelt. */
export function readCsvHeader(fields: readonly string[]): CsvColumns | string {
  const names = fields.map((field, i) => (i === 0 ? field.replace(/^\uFEFF/, '') : field).trim())
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) !== index) return `the column ${name} is there twice`
    const known = COLUMNS.includes(name) || (name.startsWith(ATTRIBUTE) && name.length > ATTRIBUTE.length)
    if (!known) return `there is no column ${name.slice(0, 100)}; there are ${COLUMNS.join(', ')} and attributes.<name>`
  }
  const missing = ['process', 'metric', 'value'].filter((name) => !names.includes(name))
  return missing.length === 0
    ? { names }
    : `the first line names the columns, and ${missing.join(', ')} is not among them`
}

/** A record as the item that it stands for. */
export function readCsvItem({ names }: CsvColumns, fields: readonly string[]): SampleItem | Refused {
  if (fields.length !== names.length) {
    return refuse('item_malformed', `the line has ${fields.length} fields, the header ${names.length}`)
  }
  const item = Object.create(null) as Record<string, unknown>
  const attributes = Object.create(null) as Record<string, unknown>
  for (const [i, name] of names.entries()) {
    const field = fields[i]!
    if (field === '') continue
    if (name.startsWith(ATTRIBUTE)) attributes[name.slice(ATTRIBUTE.length)] = field
    else if (name === 'attributes') {
      const parsed = parseObject(Buffer.from(field))
      if ('reason' in parsed) return refuse('attributes_invalid', 'attributes are a JSON object')
      Object.assign(attributes, parsed.object)
    } else item[name] = name === 'value' || name === 'time' ? numberOr(field) : field
  }
  return readSampleItem({ ...item, attributes })
}

/** A number where the text is one. Beyond what a number can be it is infinite, and refused as such. */
function numberOr(field: string): number | string {
  const text = field.trim()
  if (NUMBER.test(text)) return Number(text)
  const odd = /^([+-]?)(?:inf|infinity)$/i.exec(text)
  if (odd !== null) return odd[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return /^nan$/i.test(text) ? Number.NaN : text
}
