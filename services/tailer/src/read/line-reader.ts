import { type Batch, type Collector, createCollector, isRefusal, sampleOutcomes } from '@driftline/ingest/collector'
import type { FilterDefinition } from '@driftline/ingest/definitions/filter'
import type { LineReading } from '@driftline/ingest/definitions/logs'
import type { SeriesBook } from '@driftline/ingest/series-book'
import type { Clock } from '@driftline/platform/clock'
import { createAttributeWriter } from '../formats/attributes.ts'
import { lineReasons } from '../formats/log-format.ts'
import { parseLines } from '../formats/parse-lines.ts'
import { createRecordColumns, type RecordColumns } from '../formats/record-columns.ts'
import type { LogSeries } from '../metrics/log-metric-names.ts'
import { createLogMetrics, type LogMetrics } from '../metrics/log-metrics.ts'
import { createProcessPatterns } from '../metrics/process-patterns.ts'
import type { RecordChunk, RecordReader } from '../record-reader.ts'
import { createFormatChoice, type FoundFormat } from './format-choice.ts'
import { createLineRules } from './line-rules.ts'

/** Records of one chunk, at most. */
export const CHUNK_RECORDS_MAX = 8192

/** What lines of a source are made into. */
export interface LineReaderConfig {
  readonly tenant: string
  /** Id of the source. */
  readonly source: string
  /** Process of what comes from a file or sender. */
  processOf(subject: string): string
  readonly reading: LineReading
  readonly filter: FilterDefinition | undefined
  /** Lines that are older tell no time of their own. */
  readonly ageMsMax: number
  readonly aheadMsMax: number
}

/** A line that is not what its format says, or what it makes of itself that cannot be taken. */
export interface RefusedLine {
  readonly reason: string
  readonly detail: string
  readonly subject: string
  /** Good until the call returns. */
  readonly bytes: Buffer
}

export interface LineReaderDeps {
  readonly book: SeriesBook
  readonly clock: Clock
  /** `times`: how often; only the first ones of a batch are told one by one. */
  refused(line: RefusedLine, times: number): void
  filtered(reason: string, count: number): void
}

/** Columns and text that all readers of a process share: one reads at a time. */
export interface LineWorkspace {
  readonly columns: RecordColumns
  readonly attributes: ReturnType<typeof createAttributeWriter>
}

export interface LineReader extends RecordReader<Batch | null> {
  /** What is wrong with the definition; empty for nothing. */
  readonly problem: string
  readonly formats: readonly FoundFormat[]
  /** Event time of the newest line so far; NaN before the first. */
  readonly newestMs: number
}

export const createLineWorkspace = (): LineWorkspace => ({
  columns: createRecordColumns({ rowsMax: CHUNK_RECORDS_MAX }),
  attributes: createAttributeWriter(),
})

interface Saved {
  readonly formats: readonly FoundFormat[]
  readonly metrics: readonly (readonly [string, readonly (readonly string[])[]])[]
  readonly patterns: readonly (readonly [string, string])[]
  readonly sampling: number
}

/** Processes whose lines are counted apart; senders beyond share the last. */
const PROCESSES_MAX = 1000
const REFUSALS_TOLD_MAX = 20
const HANDLES_MAX = 20_000

export function createLineReader(config: LineReaderConfig, workspace: LineWorkspace, deps: LineReaderDeps): LineReader {
  const { tenant, source, filter } = config
  const collector = createCollector({ ...config, filter }, deps)
  const formats = createFormatChoice(config.reading)
  const rules = createLineRules({ tenant, source, rules: config.reading.rules }, workspace, { ...deps, collector })
  const storeRow = createRowFilter(filter)
  const metrics = new Map<string, LogMetrics>()
  const patterns = config.reading.patterns ? createProcessPatterns({ tenant, rowsMax: CHUNK_RECORDS_MAX }) : null
  const emit = createEmitter(config, collector, deps)
  const savedText = createSavedText()
  let told = 0
  let newestMs = Number.NaN

  const metricsOf = (process: string): LogMetrics => {
    let made = metrics.get(process)
    if (made === undefined) {
      made = createLogMetrics({ metrics: config.reading.metrics })
      metrics.set(process, made)
    }
    return made
  }

  const tellRefused = (chunk: RecordChunk): void => {
    const { columns } = workspace
    if (columns.refused === 0) return
    const counts = new Map<number, number>()
    for (let row = 0; row < columns.rows; row++) {
      const code = columns.reason[row]!
      if (code === 0) continue
      if (told >= REFUSALS_TOLD_MAX) {
        counts.set(code, (counts.get(code) ?? 0) + 1)
        continue
      }
      told += 1
      const bytes = chunk.buffer.subarray(chunk.starts[row]!, chunk.ends[row]!)
      const detail = 'the line is kept as text, without fields'
      deps.refused({ reason: lineReasons[code]!, detail, subject: chunk.subject, bytes: Buffer.from(bytes) }, 1)
    }
    for (const [code, times] of counts) {
      deps.refused({ reason: lineReasons[code]!, detail: '', subject: chunk.subject, bytes: NO_BYTES }, times)
    }
  }

  const addRows = (chunk: RecordChunk, process: string): void => {
    const { columns, attributes } = workspace
    const bytes = bufferOf(chunk.buffer)
    collector.rows.chunk(bytes, chunk.starts[0]!, chunk.ends[chunk.count - 1]!)
    for (let row = 0; row < columns.rows; row++) {
      const time = columns.timeMs[row]!
      if (!(time <= newestMs)) newestMs = time
      if (!storeRow.wants(columns.severity[row]!)) continue
      const length = attributes.write(columns, row)
      collector.rows.add(
        process,
        time,
        columns.severity[row]!,
        chunk.subject,
        bytes,
        columns.start[row]!,
        columns.end[row]!,
        length === 0 ? null : attributes.bytes,
        0,
        length,
        patterns?.low(row) ?? 0,
        patterns?.high(row) ?? 0,
      )
    }
    collector.rows.chunk(null)
  }

  return {
    get problem() {
      return formats.problem || rules.problem
    },
    get formats() {
      return formats.found()
    },
    get newestMs() {
      return newestMs
    },
    read(chunk) {
      const wanted = config.processOf(chunk.subject)
      const process = metrics.has(wanted) || metrics.size < PROCESSES_MAX ? wanted : config.processOf('')
      parseLines(formats.parserFor(chunk.subject, chunk), chunk, workspace.columns, config.ageMsMax)
      tellRefused(chunk)
      metricsOf(process).add(workspace.columns)
      patterns?.assign(process, workspace.columns)
      rules.judge(chunk, process)
      addRows(chunk, process)
    },
    finish() {
      for (const [process, of] of metrics) of.flush((series, timeMs, value) => emit(process, series, timeMs, value))
      patterns?.finish({ pattern: (pattern) => collector.pattern(pattern), sample: emit })
      rules.finish()
      for (const [reason, count] of storeRow.left()) deps.filtered(reason, count)
      tellOutcomes(collector, deps)
      told = 0
      return collector.take()
    },
    save() {
      return savedText({
        formats: formats.found(),
        metrics: [...metrics].map(([process, of]) => [process, of.save()] as const),
        patterns: patterns?.save() ?? [],
        sampling: storeRow.credit,
      })
    },
    restore(text) {
      const saved = parseSaved(text)
      if (saved === null) return
      formats.restore(saved.formats)
      storeRow.credit = saved.sampling
      for (const [process, values] of saved.metrics) metricsOf(process).restore(values)
      patterns?.restore(saved.patterns)
    },
  }
}

const NO_BYTES = Buffer.alloc(0)

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

function parseSaved(text: string | null): Saved | null {
  if (text === null) return null
  try {
    const saved = JSON.parse(text) as Partial<Saved>
    return {
      formats: saved.formats ?? [],
      metrics: saved.metrics ?? [],
      patterns: saved.patterns ?? [],
      sampling: saved.sampling ?? 0,
    }
  } catch {
    return null
  }
}

/** Templates are large and change seldom: the text is made anew only when something of it did. */
function createSavedText(): (saved: Saved) => string {
  let small = ''
  let templates: Saved['patterns'] = []
  let text = ''
  return (saved) => {
    const nowSmall = JSON.stringify({ ...saved, patterns: [] })
    const isSame = (each: readonly [string, string], i: number): boolean =>
      each[0] === templates[i]?.[0] && each[1] === templates[i]?.[1]
    if (nowSmall === small && saved.patterns.length === templates.length && saved.patterns.every(isSame)) return text
    small = nowSmall
    templates = saved.patterns
    text = JSON.stringify(saved)
    return text
  }
}

/** Which lines are stored. Metrics count all of them. */
function createRowFilter(filter: FilterDefinition | undefined) {
  const { rowSamplingRate: rate = 1, rowMinSeverity: least = 0 } = filter ?? {}
  let quiet = 0
  let sampled = 0
  return {
    /** Share of a row that is due. */
    credit: 1,
    wants(severity: number): boolean {
      // A line that does not say how severe it is passes.
      if (severity !== 0 && severity < least) {
        quiet += 1
        return false
      }
      if (rate === 1) return true
      this.credit += rate
      if (this.credit >= 1) {
        this.credit -= 1
        return true
      }
      sampled += 1
      return false
    },
    left(): readonly (readonly [string, number])[] {
      const left = [
        ['row_below_severity', quiet],
        ['row_sampled_out', sampled],
      ] as const
      quiet = 0
      sampled = 0
      return left.filter(([, count]) => count > 0)
    },
  }
}

/** Makes samples of what metrics say. Handles are kept by series, until the book takes handles back. */
function createEmitter({ tenant, source }: LineReaderConfig, collector: Collector, deps: LineReaderDeps) {
  const { book } = deps
  let handles = new Map<string, Map<LogSeries, number>>()
  let generation = book.generation
  let size = 0

  const define = (process: string, series: LogSeries): number => {
    if (!collector.wants(series.metric)) return UNWANTED
    return book.define({ tenant, source, process, ...series })
  }
  return (process: string, series: LogSeries, timeMs: number, value: number): void => {
    if (generation !== book.generation || size > HANDLES_MAX) {
      handles = new Map()
      generation = book.generation
      size = 0
    }
    let ofProcess = handles.get(process)
    if (ofProcess === undefined) {
      ofProcess = new Map()
      handles.set(process, ofProcess)
    }
    let handle = ofProcess.get(series)
    if (handle === undefined) {
      handle = define(process, series)
      if (handle >= 0 || handle === UNWANTED) ofProcess.set(series, handle)
      size += 1
    }
    if (handle === UNWANTED) deps.filtered('metric_not_wanted', 1)
    else if (handle < 0) {
      const { reason, detail } = book.refusal(handle)
      deps.refused({ reason, detail, subject: series.metric, bytes: NO_BYTES }, 1)
    } else collector.sample(handle, timeMs, value)
  }
}

const UNWANTED = -1_000_000
const told = new WeakMap<Collector, Float64Array>()

/** Tells what became of samples since the last time. */
function tellOutcomes(collector: Collector, deps: LineReaderDeps): void {
  const before = told.get(collector) ?? new Float64Array(sampleOutcomes.length)
  for (let code = 1; code < sampleOutcomes.length; code++) {
    const count = collector.outcomes[code]! - before[code]!
    if (count === 0) continue
    const reason = sampleOutcomes[code]!
    if (isRefusal(code)) deps.refused({ reason, detail: 'a metric of lines', subject: '', bytes: NO_BYTES }, count)
    else deps.filtered(reason, count)
  }
  told.set(collector, Float64Array.from(collector.outcomes))
}
