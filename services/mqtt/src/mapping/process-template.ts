import { type ProcessKind, processId } from '@driftline/proto'
import type { Parsed } from './topic-template.ts'

/** Names with placeholders, put in by `fill`. */
export interface TextTemplate {
  readonly text: string
  /** Literal texts and, between them, placeholders by their place in the topic's. */
  readonly parts: readonly (string | number)[]
}

/** Which process a topic is about. */
export interface ProcessTemplate {
  readonly kind: ProcessKind
  readonly names: readonly TextTemplate[]
}

/** Hosts and their processes are told of by their own agents alone, flows by checks. */
const kinds: readonly string[] = ['device', 'service', 'log']
const NAMES_MAX = 6
const wrong = (problem: string): { readonly ok: false; readonly problem: string } => ({ ok: false, problem })

/** Reads a text that may hold `{placeholder}`s of the topic. */
export function parseText(text: string, placeholders: readonly string[]): Parsed<TextTemplate> {
  const parts: (string | number)[] = []
  let at = 0
  for (const match of text.matchAll(/\{([^{}]*)\}/g)) {
    const place = placeholders.indexOf(match[1]!)
    if (place < 0) return wrong(`{${match[1]}} is not a placeholder of the topic`)
    if (match.index > at) parts.push(text.slice(at, match.index))
    parts.push(place)
    at = match.index + match[0].length
  }
  if (at < text.length) parts.push(text.slice(at))
  const stray = parts.some((part) => typeof part === 'string' && /[{}]/.test(part))
  return stray ? wrong(`"${text.slice(0, 60)}": a brace is not closed`) : { ok: true, value: { text, parts } }
}

/** Puts the values of a topic's placeholders in. */
export function fill(template: TextTemplate, values: readonly string[]): string {
  let text = ''
  for (const part of template.parts) text += typeof part === 'string' ? part : values[part]
  return text
}

export const usesPlaceholder = (template: TextTemplate, place: number): boolean => template.parts.includes(place)

/** Reads `device:{site}:{machine}`. */
export function parseProcess(text: string, placeholders: readonly string[]): Parsed<ProcessTemplate> {
  const [kind = '', ...names] = text.split(':')
  if (!kinds.includes(kind))
    return wrong(`"${text.slice(0, 60)}": a process is device:, service: or log: and its names`)
  if (names.length === 0 || names.length > NAMES_MAX)
    return wrong(`a process has 1 to ${NAMES_MAX} names after its kind`)
  const parsed: TextTemplate[] = []
  for (const name of names) {
    if (name === '') return wrong('a name of a process is at least one character')
    const template = parseText(name, placeholders)
    if (!template.ok) return template
    parsed.push(template.value)
  }
  return { ok: true, value: { kind: kind as ProcessKind, names: parsed } }
}

const PROCESS_CHARS_MAX = 500
const PROCESS = /^[a-z]+(:[A-Za-z0-9._~-]{1,255}){1,6}$/

/** Whether an id is one that the book of series takes. */
export const isProcessId = (id: string): boolean => id.length <= PROCESS_CHARS_MAX && PROCESS.test(id)

/** The id for a topic's values; null when a name is empty or too long: a part of it would be another machine's. */
export function fillProcess(template: ProcessTemplate, values: readonly string[]): string | null {
  const id = processId(template.kind, ...template.names.map((name) => fill(name, values)))
  return isProcessId(id) ? id : null
}
