import { type Calendar, monthOf, timeOfDayMs, twoDigits } from './civil.ts'
import type { TimeZone } from './time-zone.ts'

/** Bytes of `Oct 11 22:14:15`. */
export const SYSLOG_TIME_BYTES = 15

/** Reads the time of RFC 3164, which has no year: the one that brings it nearest to the arrival is taken. */
export interface SyslogTime {
  /** Milliseconds since the Unix epoch, or NaN. */
  parse(buffer: Uint8Array, at: number, to: number, arrivalMs: number): number
}

export function createSyslogTime(calendar: Calendar, zone: TimeZone): SyslogTime {
  return {
    parse(buffer, at, to, arrivalMs) {
      if (to - at < SYSLOG_TIME_BYTES || buffer[at + 3] !== 32 || buffer[at + 6] !== 32) return Number.NaN
      const month = monthOf(buffer, at)
      const day = buffer[at + 4] === 32 ? buffer[at + 5]! - 48 : twoDigits(buffer, at + 4)
      const timeOfDay = timeOfDayMs(buffer, at + 7)
      if (month === 0 || Number.isNaN(timeOfDay)) return Number.NaN
      const arrivalYear = yearOf(arrivalMs)
      const same = zone.toUtcMs(calendar.dayMs(arrivalYear, month, day) + timeOfDay)
      // Away from the turn of the year there is no doubt, and no need to try others.
      if (Math.abs(same - arrivalMs) < 150 * 86_400_000) return same
      let best = same
      for (const year of [arrivalYear - 1, arrivalYear + 1]) {
        const time = zone.toUtcMs(calendar.dayMs(year, month, day) + timeOfDay)
        if (Number.isNaN(best) || Math.abs(time - arrivalMs) < Math.abs(best - arrivalMs)) best = time
      }
      return best
    },
  }
}

/** The year of a time, kept for as long as times fall into the same one. */
let known = { year: 0, from: 0, to: 0 }
function yearOf(timeMs: number): number {
  if (timeMs < known.from || timeMs >= known.to) {
    const year = new Date(timeMs).getUTCFullYear()
    known = { year, from: Date.UTC(year, 0, 1), to: Date.UTC(year + 1, 0, 1) }
  }
  return known.year
}
