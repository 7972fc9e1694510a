import { combined, common } from './access.ts'
import { apacheError } from './apache-error.ts'
import { jsonLines } from './json-lines.ts'
import type { FormatSettings, LogFormat, ParserVerdict } from './log-format.ts'
import { logfmt } from './logfmt.ts'
import { nginxError } from './nginx-error.ts'
import { pattern } from './pattern.ts'
import { plain } from './plain.ts'
import { rfc3164 } from './rfc3164.ts'
import { rfc5424 } from './rfc5424.ts'

/** Every format, each a file and a line. */
export const formats: readonly LogFormat[] = [
  jsonLines,
  combined,
  common,
  nginxError,
  apacheError,
  rfc5424,
  rfc3164,
  logfmt,
  pattern,
  plain,
]

/** The reader for a source's lines, or what is wrong with its settings, in words. */
export function createParser(settings: FormatSettings): ParserVerdict {
  if (settings.timeZone !== undefined && !isTimeZone(settings.timeZone)) {
    return { problem: 'time_zone_unknown', detail: `There is no time zone ${settings.timeZone.slice(0, 100)}.` }
  }
  const format = formats.find(({ name }) => name === settings.format)
  if (format === undefined) return { problem: 'format_unknown', detail: `There is no format ${settings.format}.` }
  return format.createParser(settings)
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
