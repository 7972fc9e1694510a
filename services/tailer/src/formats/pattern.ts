import { RE2JS } from 're2js'
import { createFieldNames } from './field-names.ts'
import type { LogFormat } from './log-format.ts'
import { reasonCode } from './log-format.ts'
import { parseNumber } from './numbers.ts'
import { cellKind } from './record-columns.ts'
import { createRoles } from './roles.ts'
import { findSeverity } from './severity.ts'
import { takeField } from './take-field.ts'
import { createAnyTime } from './times/any-time.ts'

const NOT_MATCHED = reasonCode('pattern_not_matched')
const TIME_INVALID = reasonCode('time_invalid')

export const PATTERN_CHARACTERS_MAX = 2_000
/** Instructions of the compiled pattern: time per byte of a line grows with them and with nothing else. */
export const PATTERN_SIZE_MAX = 1_000
export const PATTERN_GROUPS_MAX = 64
/** Only so much of a line is matched; the rest belongs to the message. */
export const PATTERN_LINE_BYTES_MAX = 8_192

export type CompiledPattern =
  | { readonly pattern: RE2JS; readonly groups: ReadonlyMap<string, number> }
  | { readonly problem: string; readonly detail: string }

/**
 * Compiles what a person wrote, by re2js alone: linear in the length of the line, without look-around and back
 * references. Named groups become fields. Answers a problem in words for what cannot be used.
 */
export function compilePattern(text: string | undefined): CompiledPattern {
  if (text === undefined || text === '') return refuse('pattern_missing', 'This format needs a pattern.')
  if (text.length > PATTERN_CHARACTERS_MAX) {
    return refuse('pattern_too_long', `A pattern has at most ${PATTERN_CHARACTERS_MAX} characters.`)
  }
  let pattern: RE2JS
  try {
    pattern = RE2JS.compile(text)
  } catch (error) {
    return refuse('pattern_invalid', error instanceof Error ? error.message : String(error))
  }
  if (pattern.programSize() > PATTERN_SIZE_MAX) {
    return refuse('pattern_too_large', 'The pattern repeats too much: use smaller counts in braces.')
  }
  const groups = new Map(Object.entries(pattern.namedGroups()))
  if (groups.size === 0) {
    return refuse('pattern_without_groups', 'Name what is to become a field, such as (?P<status>[0-9]+).')
  }
  if (pattern.groupCount() > PATTERN_GROUPS_MAX) {
    return refuse('pattern_too_many_groups', `A pattern has at most ${PATTERN_GROUPS_MAX} groups.`)
  }
  return { pattern, groups }
}

const refuse = (problem: string, detail: string): { problem: string; detail: string } => ({ problem, detail })

/** A person's regular expression: each named group that took part in the match is a field. */
export const pattern: LogFormat = {
  name: 'pattern',
  about: 'Your own regular expression with named groups',
  specificity: 1,
  createParser(settings) {
    const compiled = compilePattern(settings.pattern)
    if ('problem' in compiled) return compiled
    const time = createAnyTime(settings.timeZone, settings.timeFormat)
    const names = createFieldNames({ namesMax: 128, onName: createRoles(settings) })
    const fields = [...compiled.groups].map(([name, group]) => ({ group, name: names.add(name) }))
    return {
      parser: {
        format: 'pattern',
        names,
        bodyIsJson: false,
        groupedBy: 'level',
        parse(columns, row) {
          const { buffer } = columns
          const start = columns.start[row]!
          const to = Math.min(columns.end[row]!, start + PATTERN_LINE_BYTES_MAX)
          const match = compiled.pattern.matcher(buffer.subarray(start, to))
          if (!match.find()) return NOT_MATCHED
          let timesGood = true
          for (let i = 0; i < fields.length; i++) {
            const field = fields[i]!
            const from = match.start(field.group)
            if (from < 0) continue
            const end = start + match.end(field.group)
            const kind = Number.isNaN(parseNumber(buffer, start + from, end)) ? cellKind.text : cellKind.number
            if (!takeField(columns, row, field.name, kind, start + from, end, time)) timesGood = false
          }
          if (columns.severity[row] === 0) columns.severity[row] = findSeverity(buffer, start, to)
          return timesGood ? 0 : TIME_INVALID
        },
      },
    }
  },
}
