import type { JsonSchema } from '../api/flow-types.ts'

/** How a field of a configuration is asked for. */
export type FieldKind =
  | 'text'
  | 'long'
  | 'choice'
  | 'number'
  | 'flag'
  | 'lines'
  | 'pairs'
  | 'json'
  | 'group'
  | 'variants'
  | 'credential'

export interface FormField {
  readonly key: string
  readonly label: string
  readonly hint: string
  readonly kind: FieldKind
  readonly required: boolean
  readonly fallback: unknown
  /** Of `choice`. */
  readonly choices: readonly string[]
  /** Of `pairs`: values that may be numbers and truths, too. */
  readonly scalars: boolean
  /** Of `group`. */
  readonly fields: readonly FormField[]
  /** Of `variants`: each with the value of its discriminator. */
  readonly variants: readonly FormVariant[]
  readonly discriminator: string
}

export interface FormVariant {
  readonly name: string
  readonly fields: readonly FormField[]
}

export interface ConfigForm {
  /** What a step of the type cannot be without, or is nearly always about. */
  readonly important: readonly FormField[]
  readonly more: readonly FormField[]
}

const important: Readonly<Record<string, readonly string[]>> = {
  web_page: ['url', 'credential'],
  web_browser: ['url', 'actions', 'credential'],
  rest: ['method', 'url', 'json', 'credential'],
  graphql: ['url', 'query', 'variables', 'credential'],
  sql: ['url', 'query', 'parameters', 'credential'],
  file: ['url', 'credential'],
  mqtt: ['process', 'metric'],
  log: ['process', 'contains'],
  metric: ['process', 'metric', 'aggregation'],
  tcp: ['host', 'port'],
  dns: ['name', 'type'],
  tls: ['host', 'port', 'daysLeftMin'],
}
/** Rows of their own. */
const judged: readonly string[] = ['assertions', 'extract']

const labels: Readonly<Record<string, string>> = {
  url: 'Address',
  json: 'JSON body',
  tls: 'TLS',
  dns: 'DNS',
  ageSecondsMax: 'Oldest value, s',
  waitSeconds: 'Wait for it, s',
  withinSeconds: 'How far back, s',
  overSeconds: 'Over, s',
  bodyBytesMax: 'Largest answer, bytes',
  bytesMax: 'Read at most, bytes',
  rowsMax: 'Rows at most',
  pagesMax: 'Pages at most',
  depthMax: 'Links deep at most',
  daysLeftMin: 'Days left at least',
  readBytes: 'Bytes to read',
}

/** `followRedirects` is `Follow redirects`. */
export function labelOf(key: string): string {
  const known = labels[key]
  if (known !== undefined) return known
  const words = key
    .replace(/[_-]/g, ' ')
    .replace(/([a-z0-9])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`)
  return words === '' ? '' : words[0]!.toUpperCase() + words.slice(1)
}

/** The schema itself: references are followed within the document, `allOf` and a lone `anyOf` are put together. */
export function resolveSchema(schema: JsonSchema, root: JsonSchema, depth = 0): JsonSchema {
  if (depth > 20) return {}
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').pop() ?? ''
    const target = root.$defs?.[name]
    const { $ref: _, ...own } = schema
    return target ? { ...resolveSchema(target, root, depth + 1), ...own } : own
  }
  if (schema.allOf) {
    const { allOf, ...own } = schema
    return Object.assign({}, ...allOf.map((one) => resolveSchema(one, root, depth + 1)), own) as JsonSchema
  }
  const open = (schema.anyOf ?? schema.oneOf ?? []).filter((one) => one.type !== 'null')
  if (open.length === 1 && open[0]) {
    const { anyOf: _a, oneOf: _o, ...own } = schema
    return { ...resolveSchema(open[0], root, depth + 1), ...own }
  }
  return schema
}

const typeOf = (schema: JsonSchema): string =>
  typeof schema.type === 'string' ? schema.type : (schema.type?.find((one) => one !== 'null') ?? '')

function arrayKind(schema: JsonSchema, root: JsonSchema): FieldKind {
  const items = schema.items ? resolveSchema(schema.items, root) : {}
  if (items.oneOf ?? items.anyOf) {
    const shapes = (items.oneOf ?? items.anyOf ?? []).map((one) => resolveSchema(one, root))
    return shapes.every((one) => typeOf(one) === 'object' && discriminatorOf(one) !== null) ? 'variants' : 'json'
  }
  return typeOf(items) === 'string' ? 'lines' : 'json'
}

function objectKind(schema: JsonSchema, root: JsonSchema): FieldKind {
  if (schema.properties) return 'group'
  const values = schema.additionalProperties
  if (typeof values !== 'object') return 'json'
  const one = resolveSchema(values, root)
  const shapes = (one.anyOf ?? [one]).map((each) => typeOf(resolveSchema(each, root)))
  return shapes.every((type) => ['string', 'number', 'boolean', 'null'].includes(type)) ? 'pairs' : 'json'
}

function kindOf(key: string, schema: JsonSchema, root: JsonSchema): FieldKind {
  if (key === 'credential') return 'credential'
  if (schema.enum) return 'choice'
  switch (typeOf(schema)) {
    case 'string':
      return (schema.maxLength ?? 0) >= 20_000 ? 'long' : 'text'
    case 'number':
    case 'integer':
      return 'number'
    case 'boolean':
      return 'flag'
    case 'array':
      return arrayKind(schema, root)
    case 'object':
      return objectKind(schema, root)
    default:
      return 'json'
  }
}

/** The property that tells the shapes of a list apart: the one with a fixed value. */
function discriminatorOf(schema: JsonSchema): { readonly key: string; readonly value: string } | null {
  for (const [key, one] of Object.entries(schema.properties ?? {}))
    if (typeof one.const === 'string') return { key, value: one.const }
  return null
}

function variantsOf(schema: JsonSchema, root: JsonSchema): { key: string; variants: FormVariant[] } {
  const items = resolveSchema(schema.items ?? {}, root)
  const shapes = (items.oneOf ?? items.anyOf ?? []).map((one) => resolveSchema(one, root))
  const key = shapes.map((one) => discriminatorOf(one)?.key)[0] ?? ''
  const variants = shapes.map((one) => ({
    name: discriminatorOf(one)?.value ?? '',
    fields: fieldsOf(one, root).filter((field) => field.key !== key),
  }))
  return { key, variants }
}

/** Fields of an object's schema in the order that they are written in. */
export function fieldsOf(schema: JsonSchema, root: JsonSchema): FormField[] {
  return Object.entries(schema.properties ?? {}).map(([key, raw]) => {
    const one = resolveSchema(raw, root)
    const kind = kindOf(key, one, root)
    const variants = kind === 'variants' ? variantsOf(one, root) : { key: '', variants: [] }
    const values = typeof one.additionalProperties === 'object' ? resolveSchema(one.additionalProperties, root) : {}
    return {
      key,
      label: labelOf(key),
      hint: one.description ?? '',
      kind,
      required: schema.required?.includes(key) ?? false,
      fallback: one.default,
      choices: (one.enum ?? []).map(String),
      scalars: kind === 'pairs' && values.anyOf !== undefined,
      fields: kind === 'group' ? fieldsOf(one, root) : [],
      variants: variants.variants,
      discriminator: variants.key,
    }
  })
}

/** The form of a check type: what matters first, the rest after it; assertions and extractions stand apart. */
export function formOf(checkType: string, schema: JsonSchema): ConfigForm {
  const fields = fieldsOf(resolveSchema(schema, schema), schema).filter((field) => !judged.includes(field.key))
  const first = important[checkType] ?? fields.filter((field) => field.required).map((field) => field.key)
  const byKey = new Map(fields.map((field) => [field.key, field]))
  return {
    important: first.flatMap((key) => byKey.get(key) ?? []),
    more: fields.filter((field) => !first.includes(field.key)),
  }
}

/** What a value is that somebody typed: a number, a truth or nothing where it looks like one, else text; `"5"` is text. */
export function readScalar(text: string): string | number | boolean | null {
  const trimmed = text.trim()
  if (trimmed === 'true') return true
  if (trimmed === 'false') return false
  if (trimmed === 'null') return null
  if (/^-?(0|[1-9]\d{0,14})(\.\d+)?([eE][+-]?\d+)?$/.test(trimmed)) return Number(trimmed)
  if (/^".*"$/s.test(trimmed)) {
    try {
      const parsed: unknown = JSON.parse(trimmed)
      if (typeof parsed === 'string') return parsed
    } catch {
      return text
    }
  }
  return text
}

/** The other way: text that would be read as something else is put in quotes. */
export function scalarText(value: unknown): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return readScalar(value) === value ? value : JSON.stringify(value)
  return value === null ? 'null' : typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Values of `one_of`: a JSON list, or words between commas. */
export function readList(text: string): unknown[] {
  if (text.trim().startsWith('[')) {
    try {
      const parsed: unknown = JSON.parse(text)
      if (Array.isArray(parsed)) return parsed
    } catch {
      return [text]
    }
  }
  return text
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)
    .map(readScalar)
}
export const listText = (values: readonly unknown[]): string =>
  values.some((one) => typeof one === 'string' && one.includes(','))
    ? JSON.stringify(values)
    : values.map(scalarText).join(', ')
