import type { FlaggedRecord, LogPattern } from '@driftline/proto'
import { shortNumber } from './quantities.ts'
import { processInWords } from './words.ts'

const TEMPLATE_MAX = 160

/** `log payments: amount is 184,500 INR, flagged by large transfer (amount > 1,00,000), at 14:02:10 UTC`. */
export function flaggedInWords({ process, field, value, unit, rule, expression, timeMs }: FlaggedRecord): string {
  const is = field === '' || !Number.isFinite(value) ? 'a record was' : `${field} is ${amount(value, unit)},`
  return `${processInWords(process)}: ${is} flagged by ${rule} (${expression}), at ${clock(timeMs)}`
}

/** `log payments: lines of a kind not seen before, at 14:02:10 UTC: connection to <*> lost`. */
export function patternInWords({ process, template, firstSeenMs }: LogPattern): string {
  const shown = template.length > TEMPLATE_MAX ? `${template.slice(0, TEMPLATE_MAX)}…`.toWellFormed() : template
  return `${processInWords(process)}: lines of a kind not seen before, at ${clock(firstSeenMs)}: ${shown}`
}

const amount = (value: number, unit: string): string => `${exactNumber(value)}${unit === '' ? '' : ` ${unit}`}`

/** What was paid is told to the last digit; anything else as short as other numbers. */
function exactNumber(value: number): string {
  const cents = Math.round(value * 100) / 100
  if (Math.abs(value) >= 1e15 || Math.abs(value - cents) > 1e-9 || Math.abs(value) < 0.01) return shortNumber(value)
  const [whole = '', rest] = Math.abs(cents).toString().split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return `${value < 0 ? '−' : ''}${grouped}${rest === undefined ? '' : `.${rest.padEnd(2, '0')}`}`
}

function clock(timeMs: bigint): string {
  const date = new Date(Number(timeMs))
  return Number.isNaN(date.getTime()) ? 'an unknown time' : `${date.toISOString().slice(11, 19)} UTC`
}
