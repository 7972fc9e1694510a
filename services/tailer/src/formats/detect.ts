import type { LogMetric } from '@driftline/ingest/definitions/logs'
import type { DetectedFormat } from '@driftline/ingest/request-types'
import { type FieldProfile, profileFields } from './field-profile.ts'
import type { DurationUnit, FormatName, FormatSettings, LineBatch, LogFormat } from './log-format.ts'
import { parseLines } from './parse-lines.ts'
import { cellKind, createRecordColumns, type RecordColumns } from './record-columns.ts'
import { createParser, formats } from './registry.ts'
import { durationUnitOf } from './roles.ts'
import { createAnyTime } from './times/any-time.ts'

/** What a sample of lines seems to be. */
export interface FormatProposal {
  readonly format: FormatName
  /** 0 to 1. */
  readonly confidence: number
  /** For people: what speaks for it. */
  readonly reason: string
  readonly timeField?: string
  readonly levelField?: string
  readonly duration?: { readonly field: string; readonly unit: DurationUnit }
  /** Numbers that are worth a metric: amounts, sizes and further durations. */
  readonly metrics: readonly LogMetric[]
  readonly fields: readonly FieldProfile[]
}

const SAMPLE_LINES_MAX = 1_000
/** Below this nothing but `plain` is proposed first. */
const CONFIDENCE_MIN = 0.5
const METRICS_MAX = 10

const AMOUNT = /(^|[._-])(amount|total|price|cost|paid|payment|revenue|balance|fee|charge|subtotal|sum)([._-]|$)/i
const SIZE = /(^|[._-])(bytes|size|length|content_?length)([._-]|$)/i
const CURRENCY = /(^|[._-])currency([._-]|$)/i

/**
 * Proposes formats for a sample, the best first and `plain` always among them. With a pattern in the settings that is
 * tried, too. Only the first 1,000 lines are looked at.
 */
export function detectFormat(sample: LineBatch, settings: Omit<FormatSettings, 'format'> = {}): FormatProposal[] {
  const lines = { ...sample, count: Math.min(sample.count, SAMPLE_LINES_MAX) }
  const columns = createRecordColumns({ rowsMax: Math.max(1, lines.count) })
  const proposals = formats
    .map((format) => propose(format, lines, columns, settings))
    .filter((proposal) => proposal !== null)
  const weight = ({ format, confidence }: FormatProposal): number =>
    confidence < CONFIDENCE_MIN && format !== 'plain' ? confidence / 10 : confidence
  return proposals.sort((a, b) => weight(b) - weight(a))
}

function propose(
  format: LogFormat,
  lines: LineBatch,
  columns: RecordColumns,
  settings: Omit<FormatSettings, 'format'>,
): FormatProposal | null {
  const made = createParser({ ...settings, format: format.name })
  if ('problem' in made || lines.count === 0) return null
  parseLines(made.parser, lines, columns)
  const fitting = lines.count - columns.refused
  if (fitting === 0) return null
  const share = fitting / lines.count
  const proposal = { format: format.name, fields: [], metrics: [] }
  if (format.name === 'plain') return { ...proposal, confidence: format.specificity, reason: plainReason(columns) }
  const form = format.name === 'logfmt' ? shareOfPairs(columns) : 1
  const confidence = Math.round(share * form * (0.9 + format.specificity / 10) * 1_000) / 1_000
  const fields = profileFields(columns, createAnyTime(settings.timeZone, settings.timeFormat))
  const reason = `${fitting} of ${lines.count} lines fit: ${format.about}`
  return { ...proposal, confidence, reason, fields, ...roleFields(format.name, fields, settings) }
}

function plainReason(columns: RecordColumns): string {
  let levels = 0
  for (let row = 0; row < columns.rows; row++) if (columns.severity[row]! > 0) levels += 1
  return `Any text fits; ${levels} of ${columns.rows} lines name a level`
}

/** How much of lines that could be logfmt is pairs: prose with an `=` in it is none. */
function shareOfPairs(columns: RecordColumns): number {
  let pairs = 0
  let words = 0
  for (let cell = 0; cell < columns.cells; cell++) {
    if (columns.cellKind[cell] === cellKind.true) words += 1
    else pairs += 1
  }
  const fitting = columns.rows - columns.refused
  return (pairs / (pairs + words)) * Math.min(1, pairs / (2 * fitting))
}

/** Which fields are the time, the level and the duration, and which numbers are worth a metric. */
function roleFields(
  format: FormatName,
  fields: readonly FieldProfile[],
  settings: Omit<FormatSettings, 'format'>,
): Partial<FormatProposal> & Pick<FormatProposal, 'metrics'> {
  const free = format === 'json' || format === 'logfmt' || format === 'pattern'
  if (!free) return { metrics: sizeMetrics(fields) }
  const timeField = settings.timeField ?? best(fields, 'times', TIME_NAME)
  const levelField = settings.levelField ?? best(fields, 'levels', LEVEL_NAME)
  const durations = fields.flatMap((field) => durationOf(field))
  const [duration] = durations
  const others = durations.slice(1).map(({ field, unit }) => metricOf(field, unit, 'quantiles'))
  return {
    ...(timeField === undefined ? {} : { timeField }),
    ...(levelField === undefined ? {} : { levelField }),
    ...(duration === undefined ? {} : { duration }),
    metrics: [...others, ...amountMetrics(fields), ...sizeMetrics(fields)].slice(0, METRICS_MAX),
  }
}

const TIME_NAME = /(^|[._-])(@?timestamp|time|ts|date|datetime|t)$/i
const LEVEL_NAME = /level|lvl|severity|priority/i

/** The field most of whose values are of a kind; among several the one whose name says so, then the most common. */
function best(fields: readonly FieldProfile[], kind: 'times' | 'levels', name: RegExp): string | undefined {
  const candidates = fields.filter(
    (field) =>
      field.share >= 0.5 && field[kind] >= 0.8 && (kind === 'levels' || field.numbers < 0.8 || name.test(field.name)),
  )
  const named = candidates.find((field) => name.test(field.name))
  // A number that is small enough for a level of pino's or syslog's is told by its name alone.
  const numbered = kind === 'levels' ? fields.find((field) => name.test(field.name) && isLevelNumber(field)) : undefined
  return (named ?? numbered ?? candidates[0])?.name
}

const isLevelNumber = ({ numbers, min, max }: FieldProfile): boolean =>
  numbers >= 0.8 && min !== null && max !== null && min >= 0 && max <= 60

function durationOf(field: FieldProfile): { field: string; unit: DurationUnit }[] {
  if (field.durations >= 0.8) return [{ field: field.name, unit: 's' }]
  if (field.numbers < 0.8 || (field.min ?? 0) < 0) return []
  const unit = durationUnitOf(field.name)
  if (unit === undefined) return []
  // Without a unit in its name: what reaches ten is milliseconds more often than not, small fractions are seconds.
  const guessed = (field.max ?? 0) >= 10 ? 'ms' : 's'
  return [{ field: field.name, unit: unit ?? guessed }]
}

function amountMetrics(fields: readonly FieldProfile[]): LogMetric[] {
  const currency = fields.find((field) => CURRENCY.test(field.name) && field.distinct === 1)?.example
  const unit = currency !== undefined && /^[A-Z]{3}$/.test(currency) ? currency : ''
  return fields
    .filter((field) => field.numbers >= 0.8 && AMOUNT.test(field.name))
    .map((field) => metricOf(field.name, unit, 'sum'))
}

const sizeMetrics = (fields: readonly FieldProfile[]): LogMetric[] =>
  fields
    .filter((field) => field.numbers >= 0.8 && SIZE.test(field.name))
    .map((field) => metricOf(field.name, 'By', 'sum'))

const metricOf = (field: string, unit: string, aggregation: LogMetric['aggregation']): LogMetric => ({
  field,
  metric: field.replace(/[^A-Za-z0-9_.]+/g, '_').toLowerCase(),
  unit,
  aggregation,
})

/** The proposal as the live preview shows it. */
export function detectedFormat({ format, confidence, reason, fields, ...found }: FormatProposal): DetectedFormat {
  const lookOf = (field: FieldProfile): { looksLike: DetectedFormat['fields'][number]['looksLike']; unit: string } => {
    const { name } = field
    if (name === found.timeField) return { looksLike: 'time', unit: '' }
    if (name === found.levelField) return { looksLike: 'level', unit: '' }
    if (STATUS.test(name) && (field.min ?? 0) >= 100 && (field.max ?? 0) <= 599)
      return { looksLike: 'status', unit: '' }
    const [duration] = durationOf(field)
    if (duration !== undefined) return { looksLike: 'duration', unit: duration.unit }
    const unit = found.metrics.find((metric) => metric.field === name)?.unit ?? ''
    if (field.numbers < 0.8) return { looksLike: 'text', unit: '' }
    if (AMOUNT.test(name)) return { looksLike: 'amount', unit }
    return SIZE.test(name) ? { looksLike: 'size', unit: 'By' } : { looksLike: 'number', unit }
  }
  return {
    format,
    confidence,
    reason,
    fields: fields
      .slice(0, FIELDS_SHOWN_MAX)
      .map((field) => ({ name: field.name, example: field.example, ...lookOf(field) })),
  }
}

const STATUS = /status/i
const FIELDS_SHOWN_MAX = 100
