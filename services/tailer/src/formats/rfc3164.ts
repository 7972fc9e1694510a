import { indexIn } from './byte-search.ts'
import { createFieldNames } from './field-names.ts'
import type { LogFormat } from './log-format.ts'
import { reasonCode } from './log-format.ts'
import { addCell, cellKind } from './record-columns.ts'
import { findSeverity } from './severity.ts'
import { priorityEnd, severityOfPriority } from './syslog-priority.ts'
import { createCalendar } from './times/civil.ts'
import { createIsoTime } from './times/iso-time.ts'
import { createSyslogTime, SYSLOG_TIME_BYTES } from './times/syslog-time.ts'
import { createTimeZone } from './times/time-zone.ts'

const REFUSAL = reasonCode('not_rfc3164')

/** Longest name of a host and longest tag that are taken for one; RFC 3164 allows 32 for the tag, senders more. */
const HOST_BYTES_MAX = 255
const TAG_BYTES_MAX = 128

/**
 * `<34>Oct 11 22:14:15 host tag[pid]: message`. In files there is no priority, and newer daemons write the time as
 * RFC 3339. The tag may be missing.
 */
export const rfc3164: LogFormat = {
  name: 'rfc3164',
  about: 'Syslog as BSD and /var/log/syslog have it (RFC 3164)',
  specificity: 0.9,
  createParser(settings) {
    const calendar = createCalendar()
    const zone = createTimeZone(settings.timeZone)
    const syslog = createSyslogTime(calendar, zone)
    const iso = createIsoTime(calendar, zone)
    const names = createFieldNames({ namesMax: 16 })
    const priority = names.add('syslog.priority')
    const host = names.add('host.name')
    const app = names.add('syslog.appname')
    const pid = names.add('process.pid')
    return {
      parser: {
        format: 'rfc3164',
        names,
        bodyIsJson: false,
        groupedBy: 'level',
        parse(columns, row) {
          const { buffer } = columns
          const start = columns.start[row]!
          const to = columns.end[row]!
          const behind = priorityEnd(buffer, start, to)
          let at = behind < 0 ? start : behind
          let time = syslog.parse(buffer, at, to, columns.arrivalMs)
          if (Number.isNaN(time)) {
            time = iso.parse(buffer, at, to)
            // Only with an offset or Z: else any text that begins with a date would be syslog.
            const last = buffer[iso.end - 1]!
            if (Number.isNaN(time) || buffer[at + 10] !== 84 || (last !== 90 && iso.end - at < 25)) return REFUSAL
            at = iso.end
          } else at += SYSLOG_TIME_BYTES
          if (at >= to || buffer[at] !== 32) return REFUSAL
          columns.timeMs[row] = time
          if (behind > 0) addCell(columns, row, priority, cellKind.number, start + 1, behind - 1)
          const hostTo = indexIn(buffer, 32, at + 1, Math.min(to, at + 2 + HOST_BYTES_MAX))
          if (hostTo <= at + 1) return REFUSAL
          let message = at + 1
          const tagTo = tagEnd(buffer, hostTo + 1, to)
          // Some senders leave the host out: then what looks like one is the tag, with its colon.
          const noHost = tagTo < 0 && buffer[hostTo - 1] === 58 ? tagEnd(buffer, at + 1, to) : -1
          if (noHost < 0) {
            addCell(columns, row, host, cellKind.text, at + 1, hostTo)
            message = hostTo + 1
          }
          const colon = noHost < 0 ? tagTo : noHost
          if (colon > 0) {
            const bracket = indexIn(buffer, 91, message, colon)
            addCell(columns, row, app, cellKind.text, message, bracket < 0 ? colon : bracket)
            if (bracket > 0 && buffer[colon - 1] === 93)
              addCell(columns, row, pid, cellKind.text, bracket + 1, colon - 1)
            message = colon + 1 < to && buffer[colon + 1] === 32 ? colon + 2 : colon + 1
          }
          columns.messageStart[row] = message
          columns.severity[row] =
            behind > 0 ? severityOfPriority(buffer, start + 1, behind - 1) : findSeverity(buffer, message, to)
          return 0
        },
      },
    }
  },
}

/** Offset of the colon that ends a tag such as `sshd[1234]:`, or -1 when the text does not begin with one. */
function tagEnd(buffer: Uint8Array, from: number, to: number): number {
  const end = Math.min(to, from + TAG_BYTES_MAX)
  for (let at = from; at < end; at++) {
    const byte = buffer[at]!
    if (byte === 58) return at > from ? at : -1
    if (byte <= 32) return -1
  }
  return -1
}
