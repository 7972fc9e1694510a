import type { Format } from '../format.ts'

export interface RecordField {
  readonly name: string
  readonly value: string
  readonly isNumber: boolean
}

const fieldsMax = 40

/** A record that came with an anomaly: its fields, numbers as people read them; a line that is no object is one text. */
export function recordFields(record: unknown, format: Format): RecordField[] {
  const value = typeof record === 'string' ? parsed(record) : record
  if (value === null || value === undefined || value === '') return []
  if (typeof value !== 'object' || Array.isArray(value))
    return [{ name: '', value: typeof value === 'string' ? value : JSON.stringify(value), isNumber: false }]
  return flat(value as Record<string, unknown>, '', format).slice(0, fieldsMax)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function flat(value: Record<string, unknown>, prefix: string, format: Format): RecordField[] {
  return Object.entries(value).flatMap(([key, one]) => {
    const name = prefix + key
    if (typeof one === 'object' && one !== null && !Array.isArray(one))
      return flat(one as Record<string, unknown>, `${name}.`, format)
    if (typeof one === 'number') return [{ name, value: numberText(one, name, format), isNumber: true }]
    return [{ name, value: typeof one === 'string' ? one : JSON.stringify(one), isNumber: false }]
  })
}

/** Names of numbers that are no amounts: grouping their digits would make them unreadable. */
const isName = /(^|[._-])(id|no|number|code|zip|pin|year|port|ts|time|timestamp)$/i

function numberText(value: number, name: string, format: Format): string {
  if (!Number.isFinite(value) || isName.test(name)) return String(value)
  const digits = Math.min(3, String(value).split('.')[1]?.length ?? 0)
  return format.number(value, '', digits)?.value ?? String(value)
}
