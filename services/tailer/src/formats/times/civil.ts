/** Reads times of day and dates into milliseconds since the Unix epoch, keeping the last day that was computed. */
export interface Calendar {
  /**
   * Milliseconds at which the day begins in UTC; NaN when there is no such day or the year has not four digits.
   * `month` counts from 1.
   */
  dayMs(year: number, month: number, day: number): number
}

export function createCalendar(): Calendar {
  let lastDay = -1
  let lastMs = Number.NaN
  return {
    dayMs(year, month, day) {
      const key = (year * 16 + month) * 32 + day
      if (key === lastDay) return lastMs
      if (year < 1_000 || year > 9_999 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) {
        return Number.NaN
      }
      lastDay = key
      lastMs = Date.UTC(year, month - 1, day)
      return lastMs
    },
  }
}

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Two digits as a number, or -1. */
export function twoDigits(buffer: Uint8Array, at: number): number {
  const tens = buffer[at]! - 48
  const ones = buffer[at + 1]! - 48
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}

/** Four digits as a number, or a negative one. */
export function fourDigits(buffer: Uint8Array, at: number): number {
  const high = twoDigits(buffer, at)
  const low = twoDigits(buffer, at + 2)
  return high < 0 || low < 0 ? -1 : high * 100 + low
}

/** Milliseconds since midnight of `hh:mm:ss`, or NaN. A leap second counts as the next one. */
export function timeOfDayMs(buffer: Uint8Array, at: number): number {
  const hour = twoDigits(buffer, at)
  const minute = twoDigits(buffer, at + 3)
  const second = twoDigits(buffer, at + 6)
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return Number.NaN
  if (buffer[at + 2] !== 58 || buffer[at + 5] !== 58) return Number.NaN
  return ((hour * 60 + minute) * 60 + second) * 1_000
}

/** Months by their three letters in lower case, as one number. */
const MONTHS = new Map(
  ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'].map((name, index) => [
    (name.charCodeAt(0) << 16) | (name.charCodeAt(1) << 8) | name.charCodeAt(2),
    index + 1,
  ]),
)

/** The month, from 1, that three letters name in any case; 0 for none. */
export function monthOf(buffer: Uint8Array, at: number): number {
  return MONTHS.get((buffer[at]! << 16) | (buffer[at + 1]! << 8) | buffer[at + 2]! | 0x202020) ?? 0
}

/** Distance from UTC in milliseconds of `+hhmm` or `+hh:mm`, or NaN. */
export function offsetMsOf(buffer: Uint8Array, at: number, to: number): number {
  const sign = buffer[at] === 43 ? 1 : buffer[at] === 45 ? -1 : 0
  const hour = twoDigits(buffer, at + 1)
  const colon = at + 3 < to && buffer[at + 3] === 58 ? 1 : 0
  const minute = at + 3 + colon + 2 <= to ? twoDigits(buffer, at + 3 + colon) : -1
  if (sign === 0 || hour < 0 || hour > 15 || minute > 59) return Number.NaN
  if (minute < 0) return at + 3 === to ? sign * hour * 3_600_000 : Number.NaN
  return sign * (hour * 60 + minute) * 60_000
}
