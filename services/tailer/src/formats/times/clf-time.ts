import type { Calendar } from './civil.ts'
import { fourDigits, monthOf, offsetMsOf, timeOfDayMs, twoDigits } from './civil.ts'

/** Bytes of `10/Oct/2000:13:55:36 -0700`. */
export const CLF_TIME_BYTES = 26

/** Reads the time of Apache's and nginx's access logs; milliseconds since the Unix epoch, or NaN. */
export interface ClfTime {
  parse(buffer: Uint8Array, at: number): number
}

/** Lines of one second share their 26 bytes, so the last ones are kept and compared before anything is computed. */
export function createClfTime(calendar: Calendar): ClfTime {
  const last = new Uint8Array(CLF_TIME_BYTES)
  let lastMs = Number.NaN

  const compute = (buffer: Uint8Array, at: number): number => {
    if (buffer[at + 2] !== 47 || buffer[at + 6] !== 47 || buffer[at + 11] !== 58 || buffer[at + 20] !== 32) {
      return Number.NaN
    }
    const day = calendar.dayMs(fourDigits(buffer, at + 7), monthOf(buffer, at + 3), twoDigits(buffer, at))
    return day + timeOfDayMs(buffer, at + 12) - offsetMsOf(buffer, at + 21, at + CLF_TIME_BYTES)
  }

  return {
    parse(buffer, at) {
      // Backwards: the seconds differ first.
      let i = CLF_TIME_BYTES - 1
      while (i >= 0 && last[i] === buffer[at + i]) i -= 1
      if (i < 0) return lastMs
      if (at + CLF_TIME_BYTES > buffer.length) return Number.NaN
      lastMs = compute(buffer, at)
      for (let j = 0; j < CLF_TIME_BYTES; j++) last[j] = buffer[at + j]!
      return lastMs
    },
  }
}
