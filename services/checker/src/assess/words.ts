import type { Json } from '@driftline/platform/metadata/tables'

const SHOWN_MAX = 100

/** Facts that are the body of an answer, or a large part of it: what they hold is not for everybody. */
const bodies: readonly string[] = ['body', 'content', 'line', 'banner']

export interface Subject {
  readonly of: string
  readonly path?: string | undefined
}

/** A fact as a message names it: `status`, `header content-type`, `json $.total`. */
export const nameOf = ({ of, path }: Subject): string => (path === undefined ? of : `${of} ${path}`)

/** Whether a message may quote what was found. */
export const isQuotable = ({ of, path }: Subject): boolean =>
  !(bodies.includes(of) || (of === 'text' && path === undefined))

/** A value as a message shows it: short, and of lists and objects their size alone. */
export function shown(value: Json | undefined): string {
  if (value === undefined) return 'missing'
  if (typeof value === 'string') {
    return JSON.stringify(value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX)}...` : value)
  }
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (value !== null && typeof value === 'object') return `an object of ${Object.keys(value).length} fields`
  return String(value)
}

/** As text, for comparisons and for values that later steps use. */
export function textOf(value: Json): string {
  if (typeof value === 'string') return value
  return value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Numbers, and texts that are numbers; null for anything else. */
export function numberOf(value: Json | undefined): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value !== 'string' || !/^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i.test(value)) return null
  const number = Number(value)
  return Number.isFinite(number) ? number : null
}
