import type { LogConfig } from '@driftline/checks/types/known'
import { CheckFailure } from '../../check-type.ts'

/** A condition on the table `logs`, and what it is bound to: no text of a configuration is part of the statement. */
export interface LogCondition {
  readonly clause: string
  readonly parameters: Readonly<Record<string, unknown>>
}

type Bind = (value: unknown, type: string) => string

const TERMS_MAX = 20
const FIELDS_MAX = 20
const NAME_PARTS_MAX = 10

/** The least severe number of each level, as OpenTelemetry has them. */
const severities = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 } as const

/** Errors: CheckFailure `config_invalid` for more words or fields than anybody writes. */
export function logConditionOf(
  tenant: string,
  {
    process,
    contains,
    fields,
    severityAtLeast,
  }: Pick<LogConfig, 'process' | 'contains' | 'fields' | 'severityAtLeast'>,
  fromMs: number,
): LogCondition {
  const parameters: Record<string, unknown> = {}
  const bind: Bind = (value, type) => {
    const name = `p${Object.keys(parameters).length}`
    parameters[name] = value
    return `{${name}: ${type}}`
  }
  const terms = termsOf(contains ?? '')
  const wanted = Object.entries(fields)
  if (terms.length > TERMS_MAX) throw tooMany('contains', `${TERMS_MAX} words`)
  if (wanted.length > FIELDS_MAX) throw tooMany('fields', `${FIELDS_MAX} fields`)
  const cheap = [
    `tenant = ${bind(tenant, 'String')}`,
    `process = ${bind(process, 'String')}`,
    `ts >= fromUnixTimestamp64Milli(${bind(Math.floor(fromMs), 'Int64')}, 'UTC')`,
    ...(severityAtLeast === undefined ? [] : [`severity >= ${bind(severities[severityAtLeast], 'UInt8')}`]),
    ...terms.flatMap((term) => indexedCondition(term, bind)),
  ]
  const exact = [
    ...terms.filter((term) => !isOneWord(term)).map((term) => insideCondition(term, bind)),
    ...wanted.map(([name, value]) => fieldCondition(name, value, bind)),
  ]
  const where = exact.length === 0 ? '' : ` WHERE ${exact.join(' AND ')}`
  return { clause: `PREWHERE ${cheap.join(' AND ')}${where}`, parameters }
}

const tooMany = (field: string, max: string): CheckFailure =>
  new CheckFailure('config_invalid', `${field} has more than ${max}`, { retry: 'never' })

/** `word "a phrase"`, each of which the line has. */
function termsOf(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"?|(\S+)/gu)].map(([, quoted, plain]) => quoted ?? plain ?? '').filter(Boolean)
}

/** As the index splits them; it folds the case of ASCII letters only. */
function tokensOf(term: string): string[] {
  const tokens = term.match(/[A-Za-z0-9\u0080-\u{10ffff}]+/gu) ?? []
  return [...new Set(tokens)].filter((token) => /^[\x20-\x7e]*$/.test(token)).map((token) => token.toLowerCase())
}

const isOneWord = (term: string): boolean => /^[A-Za-z0-9]+$/.test(term)

function indexedCondition(term: string, bind: Bind): string[] {
  const tokens = tokensOf(term)
  return tokens.length === 0 ? [] : [`hasAllTokens(body, ${bind(tokens, 'Array(String)')})`]
}

const insideCondition = (term: string, bind: Bind): string =>
  `positionCaseInsensitiveUTF8(body, ${bind(term, 'String')}) > 0`

/** The fields of a line: its attributes, or the line itself where that is the object. */
const DOCUMENT = `if(attributes = '', body, attributes)`

function fieldCondition(name: string, value: string | number | boolean | null, bind: Bind): string {
  const whole = `JSONExtractRaw(${DOCUMENT}, ${bind(name, 'String')})`
  const parts = name.split('.')
  const isPath = parts.length > 1 && parts.length <= NAME_PARTS_MAX
  const path = parts.map((part) => bind(part, 'String')).join(', ')
  const raw = isPath ? `coalesce(nullIf(${whole}, ''), JSONExtractRaw(${DOCUMENT}, ${path}))` : whole
  if (value === null) return `${raw} IN ('', 'null')`
  const text = `if(startsWith(${raw}, '"'), JSONExtractString(${raw}), ${raw})`
  if (typeof value === 'number') return `toFloat64OrNull(${text}) = ${bind(value, 'Float64')}`
  return `${text} = ${bind(String(value), 'String')}`
}
