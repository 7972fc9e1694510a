import { encodeCursor } from '../http/cursors.ts'
import { levelOf } from '../queries/log-search.ts'
import { BODY_LENGTH_MAX, type LogRow } from '../queries/logs.ts'
import type { LogLine } from '../schemas/logs.ts'

type FieldValue = LogLine['fields'][string]

const FIELDS_MAX = 200
const DEPTH_MAX = 5
const VALUE_LENGTH_MAX = 2048

/** A line as the API tells it. */
export function toLogLine(row: LogRow): LogLine {
  return {
    id: encodeCursor([row.timeMs, row.ordinal, row.process]),
    time: new Date(row.timeMs).toISOString(),
    processId: row.process,
    severity: row.severity,
    level: levelOf(row.severity),
    body: row.body,
    truncated: row.bodyLength > [...row.body].length,
    fields: readFields(row.attributes === '' ? row.body : row.attributes),
    pattern: patternName(row.pattern),
    origin: row.origin,
    source: row.source,
  }
}

/** 16 hexadecimal digits of a 64-bit number in decimal; null for 0. */
export function patternName(decimal: string): string | null {
  return decimal === '0' ? null : BigInt(decimal).toString(16).padStart(16, '0')
}

/** Fields of a JSON object, nested ones joined by dots; none when the text is no object. */
export function readFields(text: string): Record<string, FieldValue> {
  if (!text.startsWith('{') || text.length > MAX_TEXT) return {}
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return {}
  }
  const fields = new Map<string, FieldValue>()
  gather(parsed as Record<string, unknown>, '', 1, fields)
  return Object.fromEntries(fields)
}

const MAX_TEXT = 4 * BODY_LENGTH_MAX

function gather(object: Record<string, unknown>, prefix: string, depth: number, into: Map<string, FieldValue>): void {
  for (const [key, value] of Object.entries(object)) {
    if (into.size >= FIELDS_MAX) return
    const name = prefix === '' ? key : `${prefix}.${key}`
    if (typeof value === 'object' && value !== null) {
      if (Array.isArray(value) || depth >= DEPTH_MAX) into.set(name, bounded(JSON.stringify(value)))
      else gather(value as Record<string, unknown>, name, depth + 1, into)
    } else into.set(name, typeof value === 'string' ? bounded(value) : (value as FieldValue))
  }
}

function bounded(text: string): string {
  return text.length <= VALUE_LENGTH_MAX ? text : `${text.slice(0, VALUE_LENGTH_MAX)}…`
}
