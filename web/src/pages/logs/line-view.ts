import type { FieldValue, LogLevel, LogLine } from '../../api/log-types.ts'
import type { Mark } from '../../api/source-types.ts'
import type { GlyphState } from '../../components/StatusGlyph.vue'

/** Where the terms occur in a text, in any case. */
export function marksOf(text: string, terms: readonly string[]): Mark[] {
  const lower = text.toLowerCase()
  // A letter that changes its length in lower case would shift every mark behind it.
  if (lower.length !== text.length) return []
  const marks: Mark[] = []
  for (const term of terms) {
    const wanted = term.toLowerCase()
    for (let at = lower.indexOf(wanted); at >= 0 && wanted !== ''; at = lower.indexOf(wanted, at + wanted.length))
      marks.push({ from: at, to: at + wanted.length })
  }
  return marks
}

/** The message of a record first, its other fields after it, quietly. A line that is plain text is its own message. */
export interface LineText {
  readonly message: string
  readonly fields: string
}

const messageNames = ['message', 'msg', 'event', 'body', 'text']
const quietNames = new Set(['time', 'timestamp', 'ts', '@timestamp', 'level', 'severity', 'lvl'])
const shownFieldsMax = 12

export function lineText(line: Pick<LogLine, 'body' | 'fields'>): LineText {
  const body = line.body.trimEnd()
  if (!/^\s*\{/.test(body)) return { message: body, fields: '' }
  const name = messageNames.find((one) => typeof line.fields[one] === 'string')
  if (name === undefined) return { message: body, fields: '' }
  const rest = Object.entries(line.fields).filter(([key]) => key !== name && !quietNames.has(key))
  return {
    message: String(line.fields[name]),
    fields: rest
      .slice(0, shownFieldsMax)
      .map(([key, value]) => `${key}=${valueText(value)}`)
      .join(' '),
  }
}

export const valueText = (value: FieldValue): string => (value === null ? 'null' : String(value))

/** Level by shape first: a glyph, and the word beside it. */
export function glyphOfLevel(level: LogLevel): GlyphState {
  switch (level) {
    case 'fatal':
    case 'error':
      return 'critical'
    case 'warn':
      return 'warning'
    case 'info':
      return 'ok'
    default:
      return 'pending'
  }
}

export const levelNames: Readonly<Record<LogLevel, string>> = {
  fatal: 'fatal',
  error: 'error',
  warn: 'warning',
  info: 'info',
  debug: 'debug',
  trace: 'trace',
  none: 'no level',
}

/** A template in pieces: `<*>` stands for what differs. */
export function templatePieces(template: string): { text: string; differs: boolean }[] {
  return template
    .split(/(<\*>)/)
    .filter((text) => text !== '')
    .map((text) => ({ text, differs: text === '<*>' }))
}

/** What makes a line the same one: seen live and found in the store it has two ids. */
export const lineKey = (line: Pick<LogLine, 'time' | 'processId' | 'origin' | 'body'>): string =>
  `${line.time}\n${line.processId}\n${line.origin}\n${line.body}`

/** New lines before those that are shown, each once, newest first, at most `most`. */
export function mergeNewer(shown: readonly LogLine[], found: readonly LogLine[], most: number): LogLine[] {
  const known = new Set(shown.map(lineKey))
  const fresh = found.filter((line) => !known.has(lineKey(line)))
  if (fresh.length === 0) return shown as LogLine[]
  return [...fresh, ...shown].sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0)).slice(0, most)
}
