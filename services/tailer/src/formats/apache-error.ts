import { indexIn, startsWith } from './byte-search.ts'
import { createFieldNames } from './field-names.ts'
import type { LogFormat } from './log-format.ts'
import { reasonCode } from './log-format.ts'
import { addCell, cellKind, type RecordColumns } from './record-columns.ts'
import { severityOfWord } from './severity.ts'
import { type Calendar, createCalendar, fourDigits, monthOf, timeOfDayMs, twoDigits } from './times/civil.ts'
import { createTimeZone, type TimeZone } from './times/time-zone.ts'

const REFUSAL = reasonCode('not_apache_error')

/** `[Wed Oct 11 14:32:52.123456 2000] [core:error] [pid 35708:tid 4328] [client 192.0.2.1:1234] AH00124: message` */
export const apacheError: LogFormat = {
  name: 'apache-error',
  about: 'Error log of Apache httpd, 2.2 and 2.4',
  specificity: 1,
  createParser(settings) {
    const calendar = createCalendar()
    const zone = createTimeZone(settings.timeZone)
    const names = createFieldNames({ namesMax: 16 })
    const fields = {
      module: names.add('apache.module'),
      pid: names.add('process.pid'),
      tid: names.add('thread.id'),
      client: names.add('client.address'),
      port: names.add('client.port'),
    }

    /** What stands in one pair of brackets behind the time. */
    const takeBracket = (columns: RecordColumns, row: number, from: number, to: number): void => {
      const { buffer } = columns
      if (startsWith(buffer, from, to, PID)) {
        const colon = indexIn(buffer, 58, from, to)
        addCell(columns, row, fields.pid, cellKind.text, from + 4, colon < 0 ? to : colon)
        if (colon > 0 && startsWith(buffer, colon + 1, to, TID)) {
          addCell(columns, row, fields.tid, cellKind.text, colon + 5, to)
        }
      } else if (startsWith(buffer, from, to, CLIENT) || startsWith(buffer, from, to, REMOTE)) {
        const addressFrom = from + CLIENT.length
        let colon = to - 1
        while (colon > addressFrom && buffer[colon] !== 58 && buffer[colon]! >= 48 && buffer[colon]! <= 57) colon -= 1
        const hasPort = buffer[colon] === 58 && colon > addressFrom && colon < to - 1
        addCell(columns, row, fields.client, cellKind.text, addressFrom, hasPort ? colon : to)
        if (hasPort) addCell(columns, row, fields.port, cellKind.text, colon + 1, to)
      } else if (columns.severity[row] === 0) {
        const colon = indexIn(buffer, 58, from, to)
        columns.severity[row] = severityOfApache(buffer, colon < 0 ? from : colon + 1, to)
        if (colon > from) addCell(columns, row, fields.module, cellKind.text, from, colon)
      }
    }

    return {
      parser: {
        format: 'apache-error',
        names,
        bodyIsJson: false,
        groupedBy: 'level',
        parse(columns, row) {
          const { buffer } = columns
          const start = columns.start[row]!
          const to = columns.end[row]!
          if (to - start < 26 || buffer[start] !== 91 || buffer[start + 4] !== 32 || buffer[start + 8] !== 32) {
            return REFUSAL
          }
          const timeTo = indexIn(buffer, 93, start + 25, Math.min(to, start + 40))
          if (timeTo < 0) return REFUSAL
          columns.timeMs[row] = parseTime(buffer, start + 5, timeTo, calendar, zone)
          if (Number.isNaN(columns.timeMs[row]!)) return REFUSAL
          let at = timeTo + 1
          while (at + 1 < to && buffer[at] === 32 && buffer[at + 1] === 91) {
            const close = indexIn(buffer, 93, at + 2, to)
            if (close < 0) break
            takeBracket(columns, row, at + 2, close)
            at = close + 1
          }
          if (columns.severity[row] === 0) return REFUSAL
          columns.messageStart[row] = at < to && buffer[at] === 32 ? at + 1 : at
          return 0
        },
      },
    }
  },
}

const PID = Buffer.from('pid ')
const TID = Buffer.from('tid ')
const CLIENT = Buffer.from('client ')
const REMOTE = Buffer.from('remote ')

/** `Oct 11 14:32:52.123456 2000`, on the clock of the server. */
function parseTime(buffer: Uint8Array, from: number, to: number, calendar: Calendar, zone: TimeZone): number {
  const day = buffer[from + 4] === 32 ? buffer[from + 5]! - 48 : twoDigits(buffer, from + 4)
  const dayMs = calendar.dayMs(fourDigits(buffer, to - 4), monthOf(buffer, from), day)
  let ms = 0
  if (buffer[from + 15] === 46) {
    for (
      let i = 0, scale = 100;
      i < 3 && buffer[from + 16 + i]! >= 48 && buffer[from + 16 + i]! <= 57;
      i++, scale /= 10
    ) {
      ms += (buffer[from + 16 + i]! - 48) * scale
    }
  }
  return zone.toUtcMs(dayMs + timeOfDayMs(buffer, from + 7)) + ms
}

/** Apache's levels, of which `trace1` to `trace8` end in a digit. */
function severityOfApache(buffer: Uint8Array, from: number, to: number): number {
  const last = to > from ? buffer[to - 1]! : 0
  return severityOfWord(buffer, from, last >= 49 && last <= 56 ? to - 1 : to)
}
