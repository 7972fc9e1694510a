import type { LineReading } from '@driftline/ingest/definitions/logs'
import { createRecordRules } from '@driftline/ingest/record-rules'
import type { DetectedFormat, PreviewItem, ProducedSample } from '@driftline/ingest/request-types'
import { detectFormat, type FormatProposal } from '../formats/detect.ts'
import { cellValue, fieldOf } from '../formats/field-of.ts'
import { formatSettings, type LineBatch, type LineParser, lineReasons } from '../formats/log-format.ts'
import { parseLines } from '../formats/parse-lines.ts'
import { createRecordColumns, type RecordColumns } from '../formats/record-columns.ts'
import { createParser } from '../formats/registry.ts'
import type { LogSeries } from '../metrics/log-metric-names.ts'
import { createLogMetrics } from '../metrics/log-metrics.ts'

/** A line that a preview shows. */
export interface PreviewLine {
  readonly subject: string
  readonly bytes: Buffer
}

/** What a draft makes of lines. */
export interface LinesSeen {
  readonly items: readonly PreviewItem[]
  readonly detected: DetectedFormat | null
  /** What is wrong with the definition; empty for nothing. */
  readonly problem: string
}

const FIELDS_MAX = 100
const PAYLOAD_CHARACTERS_MAX = 4096
const columns = createRecordColumns({ rowsMax: 1024 })

/** Reads lines as the draft says, newest first, and tells what each of them makes. Nothing is kept. */
export function previewLines(
  reading: LineReading,
  lines: readonly PreviewLine[],
  shown: number,
  nowMs: number,
  processOf: (subject: string) => string,
): LinesSeen {
  const batch = batchOf(lines, nowMs)
  const { format: _, ...settings } = formatSettings(reading, 'plain')
  const proposals = lines.length === 0 ? [] : detectFormat(batch, settings)
  const format = reading.format === 'auto' ? (proposals[0]?.format ?? 'plain') : reading.format
  const proposal = proposals.find((each) => each.format === format)
  const detected = proposal === undefined ? null : detectedOf(proposal)
  const made = createParser(formatSettings(reading, format))
  const rules = createRecordRules(reading.rules)
  const words = rules.problems.map(({ rule, message }) => `rule ${rule}: ${message}`)
  if ('problem' in made) return { items: [], detected, problem: [made.detail, ...words].join('\n') }
  const newest = lines.slice(-shown).reverse()
  const items = newest.map((line) => {
    const process = processOf(line.subject)
    return itemOf(reading, made.parser, line, process, nowMs, (field) =>
      rules.judge(field, process).map((index) => reading.rules[index]!.name),
    )
  })
  return { items, detected, problem: words.join('\n') }
}

function batchOf(lines: readonly PreviewLine[], arrivalMs: number): LineBatch {
  const starts = new Uint32Array(lines.length)
  const ends = new Uint32Array(lines.length)
  let at = 0
  lines.forEach(({ bytes }, index) => {
    starts[index] = at
    at += bytes.length
    ends[index] = at
  })
  return { buffer: Buffer.concat(lines.map(({ bytes }) => bytes)), count: lines.length, starts, ends, arrivalMs }
}

type Judge = (field: (name: string) => number | string | undefined) => readonly string[]

function itemOf(
  reading: LineReading,
  parser: LineParser,
  line: PreviewLine,
  process: string,
  nowMs: number,
  judge: Judge,
): PreviewItem {
  parseLines(parser, batchOf([line], nowMs), columns)
  const code = columns.reason[0]!
  const flagged = judge((name) => {
    const value = fieldOf(columns, 0, name)
    return typeof value === 'boolean' ? String(value) : value
  })
  return {
    timeMs: Math.round(columns.timeMs[0]!),
    subject: line.subject,
    payload: line.bytes.toString('utf8').slice(0, PAYLOAD_CHARACTERS_MAX),
    marks: [],
    produced: producedOf(reading, process),
    fields: fieldsOf(columns),
    refusals: code === 0 ? [] : [{ reason: lineReasons[code]!, at: '', detail: 'kept as text, without fields' }],
    flagged,
  }
}

function fieldsOf(of: RecordColumns): Record<string, string | number | boolean> {
  const fields: [string, string | number | boolean][] = []
  for (let cell = of.cellStart[0]!; cell < of.cellStart[1]! && fields.length < FIELDS_MAX; cell++) {
    const value = cellValue(of, cell)
    if (value !== undefined) fields.push([of.names.nameOf(of.cellName[cell]!), value])
  }
  return Object.fromEntries(fields)
}

function producedOf(reading: LineReading, process: string): ProducedSample[] {
  const metrics = createLogMetrics({ metrics: reading.metrics })
  metrics.add(columns)
  const produced: ProducedSample[] = []
  metrics.flush(({ metric, unit, attributes }: LogSeries, _, value) => {
    produced.push({ process, metric, attributes, unit, role: 'level', value })
  })
  return produced
}

function detectedOf(proposal: FormatProposal): DetectedFormat {
  const metrics = new Map(proposal.metrics.map((metric) => [metric.field, metric]))
  return {
    format: proposal.format,
    confidence: proposal.confidence,
    reason: proposal.reason,
    fields: proposal.fields.slice(0, FIELDS_MAX).map((field) => {
      const metric = metrics.get(field.name)
      const { name, example } = field
      const isDuration =
        proposal.duration?.field === name || field.durations >= 0.8 || metric?.aggregation === 'quantiles'
      const isStatus = /(^|[._])status(_?code)?$/.test(name)
      const looksLike =
        name === proposal.timeField
          ? 'time'
          : name === proposal.levelField
            ? 'level'
            : isDuration
              ? 'duration'
              : isStatus
                ? 'status'
                : metric?.unit === 'By'
                  ? 'size'
                  : metric?.aggregation === 'sum'
                    ? 'amount'
                    : field.numbers >= 0.8
                      ? 'number'
                      : 'text'
      const unit = proposal.duration?.field === name ? proposal.duration.unit : (metric?.unit ?? '')
      return { name, example, looksLike, unit }
    }),
  }
}
