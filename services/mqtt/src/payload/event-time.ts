/** How a time is written. `auto` tells seconds to nanoseconds by their size, and reads ISO 8601. */
export type TimeFormat = 'auto' | 'iso' | 's' | 'ms' | 'us' | 'ns'

/** How many of a unit are one millisecond. */
const perMs = { s: 0.001, ms: 1, us: 1000, ns: 1_000_000 } as const

/**
 * The time that a value says, in whole milliseconds since the Unix epoch; NaN when it says none. ISO 8601 without an
 * offset is UTC: a machine's own time zone is not known here.
 */
export function parseTime(value: unknown, format: TimeFormat): number {
  if (typeof value === 'number') return format === 'iso' ? Number.NaN : fromNumber(value, format)
  if (typeof value !== 'string' || value.length > 64) return Number.NaN
  const text = value.trim()
  if (format === 'iso' || text.charCodeAt(4) === 0x2d)
    return format === 'auto' || format === 'iso' ? parseIso(text) : Number.NaN
  return /^-?\d+(\.\d+)?$/.test(text) ? fromNumber(Number(text), format) : Number.NaN
}

function fromNumber(value: number, format: TimeFormat): number {
  const unit = format === 'auto' || format === 'iso' ? unitBySize(Math.abs(value)) : format
  const ms = Math.floor(value / perMs[unit])
  // Beyond this no Date can hold it, and a bound on event times refuses it by name.
  return Math.abs(ms) <= 8.64e15 ? ms : Number.NaN
}

/** Seconds reach the year 5138 before they look like milliseconds; those of 1973 already do not look like seconds. */
function unitBySize(size: number): keyof typeof perMs {
  if (size < 1e11) return 's'
  if (size < 1e14) return 'ms'
  return size < 1e17 ? 'us' : 'ns'
}

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)? ?(?:([Zz])|([+-])(\d\d):?(\d\d)?)?$/

function parseIso(text: string): number {
  const match = ISO.exec(text)
  if (!match) return Number.NaN
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as number[]
  const ms = Math.floor(Number(`0.${match[7] ?? '0'}`) * 1000 + 1e-6)
  if (month! < 1 || month! > 12 || day! < 1 || hour! > 23 || minute! > 59 || second! > 60) return Number.NaN
  const days = new Date(Date.UTC(year!, month!, 0)).getUTCDate()
  if (day! > days) return Number.NaN
  const offset = match[9] ? (match[9] === '-' ? -1 : 1) * (Number(match[10]) * 60 + Number(match[11] ?? 0)) : 0
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!, ms) - offset * 60_000
}

/** Keys under which machines say when they measured. */
const timeKeys = [
  'ts',
  'timestamp',
  'time',
  't',
  'datetime',
  'date_time',
  'event_time',
  'eventtime',
  '@timestamp',
  'date',
]

const known = new Set(timeKeys)

/** Between these an unnamed number or text is taken for a time: 2001 and 2100. */
const PLAUSIBLE_FROM_MS = Date.UTC(2001, 8, 9)
const PLAUSIBLE_TO_MS = Date.UTC(2100, 0, 1)

/** The key of an object that holds its time, or null: by its name, and only where its value is plausible. */
export function findTimeKey(row: object, format: TimeFormat): string | null {
  let found: string | null = null
  let rank = timeKeys.length
  for (const [key, value] of Object.entries(row)) {
    const name = key.toLowerCase()
    if (!known.has(name)) continue
    const at = timeKeys.indexOf(name)
    if (at < rank && isPlausibleTime(value, format)) {
      found = key
      rank = at
    }
  }
  return found
}

/** Whether a value says a time of our days. */
export function isPlausibleTime(value: unknown, format: TimeFormat): boolean {
  const ms = parseTime(value, format)
  return ms >= PLAUSIBLE_FROM_MS && ms < PLAUSIBLE_TO_MS
}
