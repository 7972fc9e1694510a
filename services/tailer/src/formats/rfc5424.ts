import { indexIn } from './byte-search.ts'
import { createFieldNames } from './field-names.ts'
import type { LogFormat } from './log-format.ts'
import { reasonCode } from './log-format.ts'
import { addCell, cellKind, type RecordColumns } from './record-columns.ts'
import { priorityEnd, severityOfPriority } from './syslog-priority.ts'
import { createCalendar } from './times/civil.ts'
import { createIsoTime } from './times/iso-time.ts'
import { createTimeZone } from './times/time-zone.ts'

const REFUSAL = reasonCode('not_rfc5424')
const TIME_INVALID = reasonCode('time_invalid')

/** `<165>1 2003-10-11T22:14:15.003Z host app pid msgid [id name="value"] message` (RFC 5424, section 6). */
export const rfc5424: LogFormat = {
  name: 'rfc5424',
  about: 'Syslog with structured data (RFC 5424)',
  specificity: 1,
  createParser(settings) {
    const iso = createIsoTime(createCalendar(), createTimeZone(settings.timeZone))
    const names = createFieldNames({ namesMax: 512 })
    const priority = names.add('syslog.priority')
    const header = ['host.name', 'syslog.appname', 'process.pid', 'syslog.msgid'].map((name) => names.add(name))
    const structured = names.add('syslog')

    /** Reads `[id name="value" ...]` from its bracket on; answers the offset behind it, or -1. */
    const takeElement = (columns: RecordColumns, row: number, from: number, to: number): number => {
      const { buffer } = columns
      const idTo = wordEnd(buffer, from + 1, to)
      if (idTo === from + 1) return -1
      const element = names.intern(structured, buffer, from + 1, idTo)
      let at = idTo
      while (at < to && buffer[at] === 32) {
        const nameFrom = at + 1
        const nameTo = indexIn(buffer, 61, nameFrom, Math.min(to, nameFrom + 64))
        if (nameTo <= nameFrom || nameTo + 1 >= to || buffer[nameTo + 1] !== 34) return -1
        let end = nameTo + 2
        let kind: number = cellKind.text
        while (end < to && buffer[end] !== 34) {
          if (buffer[end] === 92) {
            kind = cellKind.escaped
            end += 1
          }
          end += 1
        }
        if (end >= to) return -1
        const name = element < 0 ? -1 : names.intern(element, buffer, nameFrom, nameTo)
        addCell(columns, row, name, kind, nameTo + 2, end)
        at = end + 1
      }
      return at < to && buffer[at] === 93 ? at + 1 : -1
    }

    return {
      parser: {
        format: 'rfc5424',
        names,
        bodyIsJson: false,
        groupedBy: 'level',
        parse(columns, row) {
          const { buffer } = columns
          const start = columns.start[row]!
          const to = columns.end[row]!
          const behind = priorityEnd(buffer, start, to)
          if (behind < 0 || behind + 3 >= to || buffer[behind] !== 49 || buffer[behind + 1] !== 32) return REFUSAL
          columns.severity[row] = severityOfPriority(buffer, start + 1, behind - 1)
          addCell(columns, row, priority, cellKind.number, start + 1, behind - 1)
          let at = behind + 2
          let timesGood = true
          const timeTo = wordEnd(buffer, at, to)
          if (!isNil(buffer, at, timeTo)) {
            columns.timeMs[row] = iso.parse(buffer, at, timeTo)
            timesGood = !Number.isNaN(columns.timeMs[row]!) && iso.end === timeTo
          }
          at = timeTo
          for (let i = 0; i < header.length; i++) {
            if (at >= to || buffer[at] !== 32) return REFUSAL
            const end = wordEnd(buffer, at + 1, to)
            if (end === at + 1) return REFUSAL
            if (!isNil(buffer, at + 1, end)) addCell(columns, row, header[i]!, cellKind.text, at + 1, end)
            at = end
          }
          at += 1
          if (at >= to) return REFUSAL
          if (buffer[at] === 45) at += 1
          else {
            if (buffer[at] !== 91) return REFUSAL
            while (at < to && buffer[at] === 91) {
              at = takeElement(columns, row, at, to)
              if (at < 0) return REFUSAL
            }
          }
          if (at < to && buffer[at] !== 32) return REFUSAL
          columns.messageStart[row] = Math.min(to, messageAt(buffer, at + 1, to))
          return timesGood ? 0 : TIME_INVALID
        },
      },
    }
  },
}

const isNil = (buffer: Uint8Array, from: number, to: number): boolean => to - from === 1 && buffer[from] === 45

/** Offset of the space or bracket that ends a word, or `to`. */
function wordEnd(buffer: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && buffer[at]! > 32 && buffer[at] !== 93) at += 1
  return at
}

/** The message behind its byte order mark, if it has one. */
const messageAt = (buffer: Uint8Array, at: number, to: number): number =>
  at + 3 <= to && buffer[at] === 0xef && buffer[at + 1] === 0xbb && buffer[at + 2] === 0xbf ? at + 3 : at
