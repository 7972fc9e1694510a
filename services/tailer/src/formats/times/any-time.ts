import type { TimeFormat } from '../log-format.ts'
import { parseNumber } from '../numbers.ts'
import { createCalendar } from './civil.ts'
import { CLF_TIME_BYTES, createClfTime } from './clf-time.ts'
import { epochMs } from './epoch-time.ts'
import { createIsoTime } from './iso-time.ts'
import { createSyslogTime, SYSLOG_TIME_BYTES } from './syslog-time.ts'
import { createTimeZone } from './time-zone.ts'

/** Reads a time however it is written, told by its look (ISO 8601, epoch, access log, syslog) or as `format` says. */
export interface AnyTime {
  /** Milliseconds since the Unix epoch, rounded down, or NaN. The whole range must be the time. */
  parse(buffer: Uint8Array, from: number, to: number, arrivalMs: number): number
}

export function createAnyTime(timeZone: string | undefined, format: TimeFormat = 'auto'): AnyTime {
  const calendar = createCalendar()
  const zone = createTimeZone(timeZone)
  const iso = createIsoTime(calendar, zone)
  const clf = createClfTime(calendar)
  const syslog = createSyslogTime(calendar, zone)
  const scale = EPOCH_SCALES[format]
  if (scale !== undefined) return { parse: (buffer, from, to) => Math.floor(parseNumber(buffer, from, to) * scale) }

  const guess = (buffer: Uint8Array, from: number, to: number, arrivalMs: number): number => {
    const length = to - from
    const fifth = length > 4 ? buffer[from + 4] : 0
    if ((fifth === 45 || fifth === 47) && format !== 'clf') {
      const time = iso.parse(buffer, from, to)
      return iso.end === to ? time : Number.NaN
    }
    if (length === CLF_TIME_BYTES && buffer[from + 2] === 47) return clf.parse(buffer, from)
    if (format !== 'auto') return Number.NaN
    if (length === SYSLOG_TIME_BYTES && buffer[from]! > 57) return syslog.parse(buffer, from, to, arrivalMs)
    return Math.floor(epochMs(parseNumber(buffer, from, to)))
  }

  return {
    parse(buffer, from, to, arrivalMs) {
      const bracketed = to - from > 2 && buffer[from] === 91 && buffer[to - 1] === 93
      return bracketed ? guess(buffer, from + 1, to - 1, arrivalMs) : guess(buffer, from, to, arrivalMs)
    },
  }
}

/** Milliseconds in one step of each way to count. */
const EPOCH_SCALES: Partial<Record<TimeFormat, number>> = { s: 1_000, ms: 1, us: 1e-3, ns: 1e-6 }
