import { createFieldNames } from './field-names.ts'
import { createJsonScanner } from './json-scanner.ts'
import type { LogFormat } from './log-format.ts'
import { reasonCode } from './log-format.ts'
import type { RecordColumns } from './record-columns.ts'
import { createRoles } from './roles.ts'
import { takeField } from './take-field.ts'
import { createAnyTime } from './times/any-time.ts'

const NOT_JSON = reasonCode('not_json')
const TOO_DEEP = reasonCode('json_too_deep')
const TIME_INVALID = reasonCode('time_invalid')

/** One JSON object per line (RFC 8259). Objects in it are flattened with dots; arrays are one field. */
export const jsonLines: LogFormat = {
  name: 'json',
  about: 'One JSON object per line: pino, bunyan, zap, logrus, Serilog, container logs',
  specificity: 1,
  createParser(settings) {
    const time = createAnyTime(settings.timeZone, settings.timeFormat)
    const names = createFieldNames({ onName: createRoles(settings) })
    let columns: RecordColumns
    let row = 0
    let timesGood = true
    const scanner = createJsonScanner({
      key(parent, buffer, from, to, escaped) {
        if (!escaped) return names.intern(parent, buffer, from, to)
        const key = Buffer.from(JSON.parse(`"${Buffer.from(buffer.subarray(from, to)).toString('utf8')}"`) as string)
        return names.intern(parent, key, 0, key.length)
      },
      value(name, kind, from, to) {
        if (!takeField(columns, row, name, kind, from, to, time)) timesGood = false
      },
    })
    return {
      parser: {
        format: 'json',
        names,
        bodyIsJson: true,
        groupedBy: 'level',
        parse(into, at) {
          columns = into
          row = at
          timesGood = true
          const verdict = scanner.scan(into.buffer, into.view, into.start[at]!, into.end[at]!)
          if (verdict === 'ok') return timesGood ? 0 : TIME_INVALID
          return verdict === 'too_deep' ? TOO_DEEP : NOT_JSON
        },
      },
    }
  },
}
