import { createFieldNames } from './field-names.ts'
import type { LogFormat } from './log-format.ts'
import { reasonCode } from './log-format.ts'
import { parseNumber } from './numbers.ts'
import { cellKind } from './record-columns.ts'
import { createRoles } from './roles.ts'
import { takeField } from './take-field.ts'
import { createAnyTime } from './times/any-time.ts'

const NOT_LOGFMT = reasonCode('not_logfmt')
const TIME_INVALID = reasonCode('time_invalid')

/** `key=value key="quoted value"`; a key alone is true. A line without a single `key=` is none. */
export const logfmt: LogFormat = {
  name: 'logfmt',
  about: 'key=value pairs: Heroku, Go kit, Grafana, Prometheus',
  specificity: 0.5,
  createParser(settings) {
    const time = createAnyTime(settings.timeZone, settings.timeFormat)
    const names = createFieldNames({ onName: createRoles(settings) })
    return {
      parser: {
        format: 'logfmt',
        names,
        bodyIsJson: false,
        groupedBy: 'level',
        parse(columns, row) {
          const { buffer } = columns
          const to = columns.end[row]!
          let at = columns.start[row]!
          let pairs = 0
          let timesGood = true
          while (at < to) {
            const keyFrom = at
            while (at < to && isKey(buffer[at]!)) at += 1
            const keyTo = at
            if (keyTo === keyFrom) {
              at += 1
              continue
            }
            const name = names.intern(0, buffer, keyFrom, keyTo)
            if (at >= to || buffer[at] !== 61) {
              takeField(columns, row, name, cellKind.true, keyFrom, keyTo, time)
              continue
            }
            pairs += 1
            at += 1
            let kind: number = cellKind.text
            let from = at
            let end: number
            if (at < to && buffer[at] === QUOTE) {
              from = at + 1
              end = from
              while (end < to && buffer[end] !== QUOTE) {
                if (buffer[end] === 92) {
                  kind = cellKind.escaped
                  end += 1
                }
                end += 1
              }
              end = Math.min(end, to)
              at = end + 1
            } else {
              end = at
              while (end < to && buffer[end]! > 32) end += 1
              if (!Number.isNaN(parseNumber(buffer, from, end))) kind = cellKind.number
              at = end
            }
            if (!takeField(columns, row, name, kind, from, end, time)) timesGood = false
          }
          if (pairs === 0) return NOT_LOGFMT
          return timesGood ? 0 : TIME_INVALID
        },
      },
    }
  },
}

const QUOTE = 34

const isKey = (byte: number): boolean => byte > 32 && byte !== 61 && byte !== QUOTE
