import { badParameter } from '../http/problems.ts'
import type { LogLevel } from '../schemas/logs.ts'

/** A search as a condition on the table `logs` and what it is bound to. No text of a user is part of the statement. */
export interface LogCondition extends Conditions {
  readonly parameters: Readonly<Record<string, unknown>>
}

/** A word, or a phrase in quotes, as somebody typed it. */
export interface SearchTerm {
  readonly text: string
  readonly not: boolean
  /** Whether it was followed by `*`: also found inside of longer words. */
  readonly open: boolean
}

const TERMS_MAX = 20
const CONDITIONS_MAX = 20
const NAME_PARTS_MAX = 10

/** Least severe first, as OpenTelemetry numbers them: four numbers each, 0 for none. */
export const logLevels: readonly LogLevel[] = ['none', 'trace', 'debug', 'info', 'warn', 'error', 'fatal']

/** Level of a severity number: 1 to 4 are `trace`. */
export function levelOf(severity: number): LogLevel {
  return logLevels[Math.min(6, Math.ceil(severity / 4))] ?? 'none'
}

/** Reads `word "a phrase" -word -"a phrase" begin*`. Errors: 400 for more terms than anybody types. */
export function readTerms(text: string): SearchTerm[] {
  const terms: SearchTerm[] = []
  for (const [, minus, quoted, plain] of text.matchAll(/(-?)(?:"([^"]*)"?|(\S+))/gu)) {
    const not = minus === '-'
    const open = plain !== undefined && plain.length > 1 && plain.endsWith('*')
    const word = quoted ?? (open ? plain.slice(0, -1) : (plain ?? ''))
    if (word !== '') terms.push({ text: word, not, open })
  }
  if (terms.length > TERMS_MAX) throw badParameter('q', `must have at most ${TERMS_MAX} words`)
  return terms
}

/** Words as the index splits them: runs of ASCII letters and digits, and of anything beyond ASCII; in lower case. */
export function tokensOf(text: string): string[] {
  const tokens = text.match(/[A-Za-z0-9\u0080-\u{10ffff}]+/gu) ?? []
  return [...new Set(tokens.map((token) => token.replace(/[A-Z]/g, (letter) => letter.toLowerCase())))]
}

const isAscii = (text: string): boolean => /^[\x20-\x7e]*$/.test(text)

/** Names the values of a statement: `bind(value, 'String')` answers the placeholder. */
export interface Binder {
  (value: unknown, type: string): string
  readonly parameters: Record<string, unknown>
}

export function createBinder(prefix: string): Binder {
  const parameters: Record<string, unknown> = {}
  let count = 0
  const bind = (value: unknown, type: string): string => {
    const name = `${prefix}${count++}`
    parameters[name] = value
    return `{${name}: ${type}}`
  }
  return Object.assign(bind, { parameters })
}

/** Conditions that the index and fast scans answer, and those that are then looked at one by one. */
export interface Conditions {
  readonly cheap: readonly string[]
  readonly exact: readonly string[]
}

/** The words of a search. Each is looked up in the index; what is more than one word of it is then looked at itself. */
export function termConditions(terms: readonly SearchTerm[], bind: Binder): Conditions {
  const cheap: string[] = []
  const exact: string[] = []
  for (const term of terms) {
    const { words, whole } = term.open
      ? { words: [insideCondition(term.text, bind)], whole: [] }
      : wordOf(term.text, bind)
    if (term.not) (whole.length > 0 ? exact : cheap).push(`NOT (${[...words, ...whole].join(' AND ')})`)
    else {
      cheap.push(...words)
      exact.push(...whole)
    }
  }
  return { cheap, exact }
}

/** The index folds the case of ASCII letters only, so that other words are looked for in the line itself. */
function wordOf(text: string, bind: Binder): { words: string[]; whole: string[] } {
  const tokens = tokensOf(text).filter(isAscii)
  const words = tokens.length === 0 ? [] : [`hasAllTokens(body, ${bind(tokens, 'Array(String)')})`]
  const isOneWord = tokens.length === 1 && tokens[0]?.length === text.length
  return { words, whole: isOneWord ? [] : [`positionCaseInsensitiveUTF8(body, ${bind(text, 'String')}) > 0`] }
}

function insideCondition(text: string, bind: Binder): string {
  return `body ILIKE ${bind(`%${text.replace(/[\\%_]/g, '\\$&')}%`, 'String')}`
}

/** `error,fatal`, `warn+`, `17`, as numbers of severity. Errors: 400 for a number that is none. */
export function readSeverities(text: string): number[] {
  const numbers = new Set<number>()
  for (const part of text.split(',')) {
    const upward = part.endsWith('+')
    const word = upward ? part.slice(0, -1) : part
    const level = logLevels.indexOf(word === 'warning' ? 'warn' : (word as LogLevel))
    if (level === -1 && Number(word) > 24) throw badParameter('severity', 'has numbers from 0 to 24 only')
    const first = level === -1 ? Number(word) : level === 0 ? 0 : level * 4 - 3
    const last = upward ? 24 : level === -1 ? first : level * 4
    for (let number = first; number <= last; number++) numbers.add(number)
  }
  return [...numbers].sort((a, b) => a - b)
}

/** The fields of a line: its attributes, or the line itself where that is the object. */
const DOCUMENT = `if(attributes = '', body, attributes)`
const COMPARISONS = ['>=', '<=', '>', '<'] as const

/** Conditions on fields, each of which must hold. Errors: 400 for a comparison with what is no number. */
export function fieldConditions(fields: Readonly<Record<string, readonly string[]>>, bind: Binder): Conditions {
  const all = Object.entries(fields).flatMap(([name, conditions]) => conditions.map((text) => ({ name, text })))
  if (all.length > CONDITIONS_MAX) throw badParameter('field', `must have at most ${CONDITIONS_MAX} conditions`)
  return {
    cheap: all.flatMap(({ text }) => (isEquality(text) ? hints(text, bind) : [])),
    exact: all.map(({ name, text }) => `(${fieldCondition(name, text, bind)})`),
  }
}

const isEquality = (condition: string): boolean => condition !== '*' && !/^[~!<>]/.test(condition)

function fieldCondition(name: string, condition: string, bind: Binder): string {
  const raw = rawOf(name, bind)
  if (condition === '*') return `${raw} != ''`
  if (condition.startsWith('~')) {
    const pattern = `%${condition.slice(1).replace(/[\\%_]/g, '\\$&')}%`
    return `${textOf(raw)} ILIKE ${bind(pattern, 'String')}`
  }
  const comparison = COMPARISONS.find((each) => condition.startsWith(each))
  if (comparison !== undefined) {
    const number = readNumber(condition.slice(comparison.length))
    if (number === null) throw badParameter(`field.${name}`, `must compare with a number after \`${comparison}\``)
    return `${numberOf(raw)} ${comparison} ${bind(number, 'Float64')}`
  }
  if (condition.startsWith('!')) return `${raw} != '' AND NOT (${equals(raw, condition.slice(1), bind)})`
  return equals(raw, condition, bind)
}

/** A name with dots is one name, or leads into objects. */
function rawOf(name: string, bind: Binder): string {
  const whole = `JSONExtractRaw(${DOCUMENT}, ${bind(name, 'String')})`
  const parts = name.split('.')
  if (parts.length === 1 || parts.length > NAME_PARTS_MAX) return whole
  const path = parts.map((part) => bind(part, 'String')).join(', ')
  return `coalesce(nullIf(${whole}, ''), JSONExtractRaw(${DOCUMENT}, ${path}))`
}

const textOf = (raw: string): string => `if(startsWith(${raw}, '"'), JSONExtractString(${raw}), ${raw})`
const numberOf = (raw: string): string => `toFloat64OrNull(${textOf(raw)})`

function equals(raw: string, value: string, bind: Binder): string {
  const number = readNumber(value)
  const sameText = `${textOf(raw)} = ${bind(value, 'String')}`
  return number === null ? sameText : `(${numberOf(raw)} = ${bind(number, 'Float64')} OR ${sameText})`
}

function readNumber(text: string): number | null {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && Number.isFinite(Number(text)) ? Number(text) : null
}

/** A line without the value's text anywhere need not be parsed. Only for values that JSON writes in one way. */
function hints(value: string, bind: Binder): string[] {
  const isWord = /^[A-Za-z0-9 _.,:-]*[A-Za-z][A-Za-z0-9 _.,:-]*$/.test(value) && readNumber(value) === null
  const isWhole = /^(0|[1-9]\d{0,14})$/.test(value)
  return isWord || isWhole ? [`position(${DOCUMENT}, ${bind(value, 'String')}) > 0`] : []
}
