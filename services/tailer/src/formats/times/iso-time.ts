import { type Calendar, fourDigits, offsetMsOf, timeOfDayMs, twoDigits } from './civil.ts'
import type { TimeZone } from './time-zone.ts'

/** Reads ISO 8601 and its relatives: `2024-05-01T10:00:00.123Z`, `2024-05-01 10:00:00,123`, `2024/05/01 10:00:00`. */
export interface IsoTime {
  /** Milliseconds since the Unix epoch, or NaN. The time must begin at `at`; `end` then tells where it ended. */
  parse(buffer: Uint8Array, at: number, to: number): number
  /** Offset behind the last byte of the time that was read last. */
  readonly end: number
}

const NO_TIME = Number.NaN

export function createIsoTime(calendar: Calendar, zone: TimeZone): IsoTime {
  let end = 0

  /** Adds a fraction of a second, then the zone; sets `end`. */
  const finish = (buffer: Uint8Array, localMs: number, from: number, to: number): number => {
    let at = from
    let ms = 0
    if (at + 1 < to && (buffer[at] === 46 || buffer[at] === 44)) {
      let scale = 100
      let digit = buffer[at + 1]! - 48
      while (digit >= 0 && digit <= 9) {
        ms += digit * scale
        scale /= 10
        at += 1
        digit = at + 1 < to ? buffer[at + 1]! - 48 : -1
      }
      if (at > from) at += 1
    }
    const time = localMs + Math.floor(ms)
    const next = at < to ? buffer[at]! : 0
    if (next === 90 || next === 122) {
      end = at + 1
      return time
    }
    if (next === 43 || (next === 45 && at + 3 <= to)) return withOffset(buffer, time, at, to)
    if (next === 32 && at + 6 <= to && (buffer[at + 1] === 43 || buffer[at + 1] === 45)) {
      return withOffset(buffer, time, at + 1, to)
    }
    if (next === 32 && at + 4 <= to && buffer[at + 1] === 85 && buffer[at + 2] === 84 && buffer[at + 3] === 67) {
      end = at + 4
      return time
    }
    end = at
    return zone.toUtcMs(time)
  }

  const withOffset = (buffer: Uint8Array, time: number, at: number, to: number): number => {
    // +hh:mm, +hhmm or +hh, whichever is there.
    for (const length of OFFSET_LENGTHS) {
      if (at + length > to) continue
      const offset = offsetMsOf(buffer, at, at + length)
      if (Number.isNaN(offset)) continue
      end = at + length
      return time - offset
    }
    return NO_TIME
  }

  return {
    get end() {
      return end
    },
    parse(buffer, at, to) {
      if (to - at < 10) return NO_TIME
      const mark = buffer[at + 4]
      if ((mark !== 45 && mark !== 47) || buffer[at + 7] !== mark) return NO_TIME
      const day = calendar.dayMs(fourDigits(buffer, at), twoDigits(buffer, at + 5), twoDigits(buffer, at + 8))
      const separator = buffer[at + 10]
      if (to - at < 16 || (separator !== 84 && separator !== 116 && separator !== 32)) {
        end = at + 10
        return to - at === 10 ? zone.toUtcMs(day) : NO_TIME
      }
      if (to - at >= 19 && buffer[at + 16] === 58) {
        return finish(buffer, day + timeOfDayMs(buffer, at + 11), at + 19, to)
      }
      const hour = twoDigits(buffer, at + 11)
      const minute = twoDigits(buffer, at + 14)
      if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || buffer[at + 13] !== 58) return NO_TIME
      return finish(buffer, day + (hour * 60 + minute) * 60_000, at + 16, to)
    },
  }
}

const OFFSET_LENGTHS = [6, 5, 3]
