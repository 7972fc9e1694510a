import { createFieldNames } from './field-names.ts'
import type { LogFormat } from './log-format.ts'
import { findSeverity } from './severity.ts'
import { createCalendar } from './times/civil.ts'
import { createIsoTime } from './times/iso-time.ts'
import { createTimeZone } from './times/time-zone.ts'

/** Any text: the line is the message, its level is the first word that is one, its time a date at its beginning. */
export const plain: LogFormat = {
  name: 'plain',
  about: 'Text of no known form',
  specificity: 0.1,
  createParser(settings) {
    const iso = createIsoTime(createCalendar(), createTimeZone(settings.timeZone))
    return {
      parser: {
        format: 'plain',
        names: createFieldNames({ namesMax: 1 }),
        bodyIsJson: false,
        groupedBy: 'level',
        parse(columns, row) {
          const { buffer } = columns
          const start = columns.start[row]!
          const end = columns.end[row]!
          columns.severity[row] = findSeverity(buffer, start, end)
          const from = buffer[start] === 91 ? start + 1 : start
          if (end - from >= 16) columns.timeMs[row] = iso.parse(buffer, from, end)
          return 0
        },
      },
    }
  },
}
