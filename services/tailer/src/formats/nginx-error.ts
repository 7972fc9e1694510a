import { indexIn, startsWith } from './byte-search.ts'
import { createFieldNames } from './field-names.ts'
import type { LogFormat } from './log-format.ts'
import { reasonCode } from './log-format.ts'
import { addCell, cellKind, type RecordColumns } from './record-columns.ts'
import { severityOfWord } from './severity.ts'
import { createCalendar } from './times/civil.ts'
import { createIsoTime } from './times/iso-time.ts'
import { createTimeZone } from './times/time-zone.ts'

const REFUSAL = reasonCode('not_nginx_error')

/** What nginx adds behind a message, as `, key: value` or `, key: "value"`, and the field it becomes. */
const CONTEXT: readonly [string, string][] = [
  ['client', 'client.address'],
  ['server', 'server.address'],
  ['request', 'http.request.line'],
  ['subrequest', 'nginx.subrequest'],
  ['upstream', 'nginx.upstream.url'],
  ['host', 'http.request.header.host'],
  ['referrer', 'http.request.header.referer'],
]

/** `2024/05/01 10:00:00 [error] 1234#5678: *90 message, client: 192.0.2.1, server: example.org, ...` */
export const nginxError: LogFormat = {
  name: 'nginx-error',
  about: 'Error log of nginx',
  specificity: 1,
  createParser(settings) {
    const iso = createIsoTime(createCalendar(), createTimeZone(settings.timeZone))
    const names = createFieldNames({ namesMax: 16 })
    const pid = names.add('process.pid')
    const tid = names.add('thread.id')
    const connection = names.add('nginx.connection')
    const context = CONTEXT.map(([key, name]) => ({ key: Buffer.from(`, ${key}: `), name: names.add(name) }))

    const takeContext = (columns: RecordColumns, row: number, from: number, to: number): void => {
      const { buffer } = columns
      let messageTo = to
      for (let at = from; at < to; at++) {
        if (buffer[at] !== 44) continue
        const found = context.find(({ key }) => startsWith(buffer, at, to, key))
        if (found === undefined) continue
        if (messageTo === to) messageTo = at
        const valueFrom = at + found.key.length
        const quoted = buffer[valueFrom] === 34
        let end = quoted ? valueFrom + 1 : valueFrom
        while (end < to && !(quoted ? buffer[end] === 34 && endsValue(buffer, end + 1, to) : buffer[end] === 44))
          end += 1
        const first = quoted ? valueFrom + 1 : valueFrom
        if (end > first) addCell(columns, row, found.name, cellKind.text, first, end)
        at = quoted ? end : end - 1
      }
      columns.messageStart[row] = from
      columns.messageEnd[row] = messageTo
    }

    return {
      parser: {
        format: 'nginx-error',
        names,
        bodyIsJson: false,
        groupedBy: 'level',
        parse(columns, row) {
          const { buffer } = columns
          const start = columns.start[row]!
          const to = columns.end[row]!
          if (to - start < 24 || buffer[start + 4] !== 47 || buffer[start + 19] !== 32 || buffer[start + 20] !== 91) {
            return REFUSAL
          }
          columns.timeMs[row] = iso.parse(buffer, start, start + 19)
          const levelTo = indexIn(buffer, 93, start + 21, Math.min(to, start + 32))
          columns.severity[row] = levelTo < 0 ? 0 : severityOfWord(buffer, start + 21, levelTo)
          if (columns.severity[row] === 0 || Number.isNaN(columns.timeMs[row]!)) return REFUSAL
          const hash = indexIn(buffer, 35, levelTo + 2, Math.min(to, levelTo + 16))
          const colon = hash < 0 ? -1 : indexIn(buffer, 58, hash + 1, Math.min(to, hash + 16))
          if (colon < 0) return REFUSAL
          addCell(columns, row, pid, cellKind.text, levelTo + 2, hash)
          addCell(columns, row, tid, cellKind.text, hash + 1, colon)
          let at = Math.min(colon + 2, to)
          if (at < to && buffer[at] === 42) {
            const space = indexIn(buffer, 32, at, Math.min(to, at + 24))
            if (space > 0) {
              addCell(columns, row, connection, cellKind.text, at + 1, space)
              at = space + 1
            }
          }
          takeContext(columns, row, at, to)
          return 0
        },
      },
    }
  },
}

const endsValue = (buffer: Uint8Array, at: number, to: number): boolean => at >= to || buffer[at] === 44
