import type { FieldValue, LogLevel } from '../../api/log-types.ts'

/** A condition on a field, as the API writes it: `500`, `!500`, `>=0.5`, `~text`, `*`. */
export interface FieldCondition {
  readonly name: string
  readonly condition: string
}

/** What is looked for. It stands in the address whole. */
export interface LogSearch {
  /** Words, "phrases" and -not. */
  readonly q: string
  readonly levels: readonly LogLevel[]
  readonly process: string
  readonly fields: readonly FieldCondition[]
  readonly pattern: string
  readonly source: string
  readonly origin: string
}

export const levels: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'none']
const fieldName = /^-?([A-Za-z_@$][\w.$@/-]*):(.*)$/s
const isLevel = (text: string): text is LogLevel => (levels as readonly string[]).includes(text)

/** Cuts what was typed at spaces, but not within quotes; a quote that is not closed runs to the end. */
export function tokensOf(typed: string): string[] {
  return typed.match(/(?:[^\s"]|"[^"]*(?:"|$))+/g) ?? []
}

const unquoted = (text: string): string => text.replaceAll('"', '')

/** What people type for a level, and above it: `warning` is `warn`. */
const levelOf = (text: string): LogLevel | null => {
  const name = text
    .toLowerCase()
    .replace(/^warning$/, 'warn')
    .replace(/^err$/, 'error')
  return isLevel(name) ? name : null
}

/** `>1,00,000` as rules on records write it is `>100000`; only what is compared is surely a number. */
const ungrouped = (condition: string): string =>
  /^[<>]=?\s*-?\d{1,3}(,\d{2,3})+(\.\d+)?$/.test(condition) ? condition.replaceAll(',', '') : condition

interface Typed {
  readonly q: string
  readonly fields: readonly FieldCondition[]
  readonly levels: readonly LogLevel[]
  readonly process: string
}

/** Words stay words; `status:500`, `-status:200`, `duration:>=0.5`, `level:error` and `process:log/payments` become filters. */
export function readTyped(typed: string): Typed {
  const words: string[] = []
  const fields: FieldCondition[] = []
  const found: LogLevel[] = []
  let process = ''
  for (const token of tokensOf(typed)) {
    const match = fieldName.exec(token)
    const name = match?.[1] ?? ''
    const value = unquoted(match?.[2] ?? '').trim()
    // An address such as http://x is a word, and so is what has nothing behind its colon.
    if (!match || value === '' || value.startsWith('//')) {
      words.push(token)
      continue
    }
    const level = name === 'level' || name === 'severity' ? levelOf(value) : null
    if (level && !token.startsWith('-')) found.push(level)
    else if (name === 'process' && !token.startsWith('-')) process = value.replaceAll('/', ':')
    else fields.push({ name, condition: token.startsWith('-') ? `!${value}` : ungrouped(value) })
  }
  return { q: words.join(' '), fields, levels: found, process }
}

/**
 * The field that is meant by what was typed: that of this name, else the shortest of those that have it as a part, so
 * that `status:502` finds `http.response.status_code`. What no line has stays as it was typed.
 */
export function fieldMeant(typed: string, names: readonly string[]): string {
  if (names.includes(typed)) return typed
  const having = names.filter((name) => name.split(/[._]/).includes(typed))
  return having.sort((a, b) => a.length - b.length)[0] ?? typed
}

/** The condition that a click on a value makes; a text that would be read as a condition is asked for as it stands. */
export function conditionOf(value: FieldValue, isNot = false): string {
  const text = value === null ? '' : String(value)
  if (isNot) return `!${text}`
  return /^([!<>~]|\*$)/.test(text) ? `~${text}` : text
}

/** A filter as a chip says it: `status: 502`, `status is not 200`, `duration ≥ 0.5`. */
export function conditionWords({ name, condition }: FieldCondition): string {
  if (condition === '*') return `${name} is there`
  const match = /^(!|>=|<=|>|<|~)(.*)$/s.exec(condition)
  if (!match) return `${name}: ${condition}`
  const words: Record<string, string> = { '!': 'is not', '>=': '≥', '<=': '≤', '>': '>', '<': '<', '~': 'has' }
  return `${name} ${words[match[1] ?? ''] ?? ''} ${match[2] ?? ''}`
}

type Query = Readonly<Record<string, unknown>>
const list = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === 'string' && one !== '')

/** A search out of an address, and back into one: other parts of the address are left as they are. */
export function searchOfQuery(query: Query): LogSearch {
  const text = (key: string) => list(query[key])[0] ?? ''
  return {
    q: text('q'),
    levels: levels.filter((level) => text('severity').split(',').includes(level)),
    process: text('process'),
    fields: Object.entries(query).flatMap(([key, value]) =>
      key.startsWith('field.') ? list(value).map((condition) => ({ name: key.slice(6), condition })) : [],
    ),
    pattern: text('pattern'),
    source: text('source'),
    origin: text('origin'),
  }
}

export function queryOfSearch(search: LogSearch, rest: Query = {}): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {}
  for (const [key, value] of Object.entries(rest)) {
    if (key.startsWith('field.') || ['q', 'severity', 'process', 'pattern', 'source', 'origin'].includes(key)) continue
    if (typeof value === 'string') query[key] = value
  }
  const put = (key: string, value: string) => {
    if (value !== '') query[key] = value
  }
  put('q', search.q)
  put('severity', search.levels.join(','))
  put('process', search.process)
  put('pattern', search.pattern)
  put('source', search.source)
  put('origin', search.origin)
  for (const { name, condition } of search.fields) {
    const key = `field.${name}`
    query[key] = [...list(query[key]), condition]
  }
  return query
}

/** As the API takes it, without range and page. */
export function paramsOf(search: LogSearch): URLSearchParams {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(queryOfSearch(search)))
    for (const one of list(value)) params.append(key, one)
  return params
}

export const isNarrowed = (search: LogSearch): boolean => paramsOf(search).size > 0

/** Texts that must occur and are marked where they do: `"a phrase"`, `word`, `begin*`; what must not is no mark. */
export function termsOf(q: string): string[] {
  return tokensOf(q)
    .filter((token) => !token.startsWith('-'))
    .map((token) => unquoted(token).replace(/\*+$/, ''))
    .filter((term) => term !== '')
}
