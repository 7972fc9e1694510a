import type { LineReading } from '@driftline/ingest/definitions/logs'
import type { FieldNames } from './field-names.ts'
import type { RecordColumns } from './record-columns.ts'

/** What the reader hands over: records as ranges of one buffer, without their line endings. */
export interface LineBatch {
  readonly buffer: Uint8Array
  readonly count: number
  /** Offset of the first byte of each record. */
  readonly starts: Uint32Array
  /** Offset behind the last byte of each record. */
  readonly ends: Uint32Array
  /** Milliseconds since the Unix epoch: when the bytes were read or received. */
  readonly arrivalMs: number
}

/** Why a line is not what its format says. The place in this list is the code in `RecordColumns.reason`. */
export const lineReasons = [
  'ok',
  'line_too_long',
  'not_json',
  'json_too_deep',
  'not_logfmt',
  'not_common',
  'not_combined',
  'not_nginx_error',
  'not_apache_error',
  'not_rfc3164',
  'not_rfc5424',
  'pattern_not_matched',
  'time_invalid',
  'time_out_of_range',
] as const

export type LineReason = (typeof lineReasons)[number]

export const reasonCode = (reason: LineReason): number => lineReasons.indexOf(reason)

export type FormatName = Exclude<LineReading['format'], 'auto'>

export type DurationUnit = NonNullable<LineReading['duration']>['unit']

/** How the lines of one source are to be read. Fields that are not given are found by their usual names. */
export interface FormatSettings {
  readonly format: FormatName
  /** For `pattern` alone: a regular expression in RE2 syntax with named groups, at most 2,000 characters. */
  readonly pattern?: string | undefined
  readonly timeField?: string | undefined
  /** How `timeField` is written; told by its look when it is `auto` or left out. */
  readonly timeFormat?: TimeFormat | undefined
  readonly levelField?: string | undefined
  readonly durationField?: string | undefined
  /** Unit of `durationField`; of known names and of values such as `12ms` it is known without. */
  readonly durationUnit?: DurationUnit | undefined
  /** IANA zone of times that name none; UTC without. */
  readonly timeZone?: string | undefined
}

export type TimeFormat = NonNullable<LineReading['time']>['format']

/** The settings of a definition whose format is known: given, or proposed by detection. */
export function formatSettings(reading: LineReading, format: FormatName): FormatSettings {
  return {
    format,
    pattern: reading.pattern,
    timeField: reading.time?.field,
    timeFormat: reading.time?.format,
    levelField: reading.level,
    durationField: reading.duration?.field,
    durationUnit: reading.duration?.unit,
    timeZone: reading.timeZone,
  }
}

/** Reads lines of one source. It keeps field names and the last second that was read, nothing of the lines. */
export interface LineParser {
  readonly format: FormatName
  readonly names: FieldNames
  /** True where the line itself is the JSON object of its fields, so that no attributes are written beside it. */
  readonly bodyIsJson: boolean
  /** Lines are grouped by `log.level`, or by the class of their HTTP status. */
  readonly groupedBy: 'level' | 'status'
  /** Reads the range of `row` into the columns and answers 0, or the code of the reason why it does not fit. */
  parse(columns: RecordColumns, row: number): number
}

export type ParserVerdict = { readonly parser: LineParser } | { readonly problem: string; readonly detail: string }

/** A way in which lines are written. */
export interface LogFormat {
  readonly name: FormatName
  /** For people: where such lines come from. */
  readonly about: string
  /** Among formats that fit a sample equally well the more specific one is proposed; 0 to 1. */
  readonly specificity: number
  createParser(settings: FormatSettings): ParserVerdict
}
