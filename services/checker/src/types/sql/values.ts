import type { Json } from '@driftline/platform/metadata/tables'
import { tooLarge } from './engine.ts'

const CELL_CHARACTERS_MAX = 100_000
const ANSWER_CHARACTERS_MAX = 16_000_000

/** Whole numbers that JSON keeps are numbers, others text. */
export function wholeNumber(text: string | bigint): Json {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : String(text)
}

/** A decimal is a number when that says the same: `12.50` is 12.5, but seventeen digits stay text. */
export function decimal(text: string): Json {
  const digits = text.replace(/^[-+]?[0.]*|\./g, '')
  const number = Number(text)
  return text.trim() !== '' && Number.isFinite(number) && digits.length <= 15 ? number : text
}

/** Binary data is of no use to an assertion and may be anything: its size is shown. */
export function binary(bytes: number): string {
  return `${bytes} bytes`
}

/** `2026-11-22 18:37:57.5` as ISO 8601; with `zone` `Z` when it is in UTC, or empty when nobody knows. */
export function timestamp(text: string, zone: 'Z' | ''): string {
  const parts = /^(\d{4,6}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?([+-]\d\d(?::?\d\d)?|Z)?$/.exec(text)
  if (parts === null) return text
  const [, day, time, fraction, offset] = parts
  const milliseconds = (fraction ?? '').slice(0, 3).padEnd(3, '0')
  const local = `${day}T${time}.${milliseconds}`
  if (offset === undefined) return `${local}${zone}`
  const full = offset === 'Z' ? 'Z' : offset.replace(/^([+-]\d\d):?(\d\d)?$/, (_, h, m) => `${h}:${m ?? '00'}`)
  const instant = new Date(`${local}${full}`)
  return Number.isNaN(instant.getTime()) ? text : instant.toISOString()
}

/**
 * Collects the rows of an answer up to a number and a size. `add` answers whether it wants more. Errors: CheckFailure
 * `answer_too_large`.
 */
export interface RowCollector {
  add(row: readonly Json[]): boolean
  readonly rows: readonly (readonly Json[])[]
  readonly more: boolean
}

export function createRowCollector(rowsMax: number): RowCollector {
  const rows: Json[][] = []
  let characters = 0
  let more = false
  return {
    rows,
    get more() {
      return more
    },
    add(row) {
      if (rows.length === rowsMax) {
        more = true
        return false
      }
      const cells = row.map(cut)
      for (const cell of cells) characters += sizeOf(cell)
      if (characters > ANSWER_CHARACTERS_MAX) throw tooLarge()
      rows.push(cells)
      return true
    },
  }
}

function cut(cell: Json): Json {
  return typeof cell === 'string' && cell.length > CELL_CHARACTERS_MAX ? `${cell.slice(0, CELL_CHARACTERS_MAX)}…` : cell
}

function sizeOf(cell: Json): number {
  if (typeof cell === 'string') return cell.length + 8
  return typeof cell === 'object' && cell !== null ? JSON.stringify(cell).length : 8
}
