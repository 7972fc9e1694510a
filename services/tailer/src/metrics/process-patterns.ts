import { create } from '@bufbuild/protobuf'
import { createLogPatterns, type LogPatterns } from '@driftline/ingest/log-patterns/log-patterns'
import { type LogPattern, LogPatternSchema, logMetrics } from '@driftline/proto'
import type { RecordColumns } from '../formats/record-columns.ts'
import type { LogSeries } from './log-metric-names.ts'
import { assignPatterns } from './row-patterns.ts'

/** Templates of the lines of one source, for each of its processes apart. */
export interface ProcessPatterns {
  /** Groups the rows of a chunk; `low` and `high` then tell of them. */
  assign(process: string, columns: RecordColumns): void
  /** Halves of the id of a row's template; 0 and 0 for none. */
  low(row: number): number
  high(row: number): number
  /** Ends the batch: tells new templates, and how many lines of each came in each second. */
  finish(sink: {
    pattern(pattern: LogPattern): void
    sample(process: string, series: LogSeries, timeMs: number, lines: number): void
  }): void
  /** Templates by process, as much as is worth keeping: a process that is left out is learnt anew. */
  save(): [string, string][]
  restore(saved: readonly (readonly [string, string])[]): void
}

const SAVED_CHARACTERS_MAX = 262_144
const SERIES_KEPT_MAX = 1_024

interface Grouped {
  readonly patterns: LogPatterns
  /** Series by id of template, made once so that their handles are found again. */
  readonly series: Map<string, LogSeries>
}

export function createProcessPatterns(config: { readonly tenant: string; readonly rowsMax: number }): ProcessPatterns {
  const { tenant } = config
  const byProcess = new Map<string, Grouped>()
  const numbers = new Int32Array(config.rowsMax)
  let current: LogPatterns | null = null

  const of = (process: string): Grouped => {
    let grouped = byProcess.get(process)
    if (grouped === undefined) {
      grouped = { patterns: createLogPatterns({ tenant, process }), series: new Map() }
      byProcess.set(process, grouped)
    }
    return grouped
  }

  const seriesOf = ({ series }: Grouped, id: string): LogSeries => {
    const known = series.get(id)
    if (known !== undefined) return known
    if (series.size >= SERIES_KEPT_MAX) series.clear()
    const { name, unit, kind } = logMetrics.patternLines
    const made = { metric: name, unit, kind, attributes: { 'log.pattern': id } }
    series.set(id, made)
    return made
  }

  return {
    assign(process, columns) {
      current = of(process).patterns
      assignPatterns(columns, current, numbers)
    },
    low: (row) => current?.idLow[numbers[row]!] ?? 0,
    high: (row) => current?.idHigh[numbers[row]!] ?? 0,
    finish(sink) {
      for (const [process, grouped] of byProcess) {
        grouped.patterns.flush({
          pattern: ({ firstSeenMs, ...found }) => {
            sink.pattern(
              create(LogPatternSchema, { tenant, process, ...found, firstSeenMs: BigInt(Math.round(firstSeenMs)) }),
            )
          },
          count: (id, timeMs, lines) => sink.sample(process, seriesOf(grouped, id), timeMs, lines),
        })
      }
    },
    save() {
      const saved: [string, string][] = []
      let characters = 0
      for (const [process, { patterns }] of byProcess) {
        const text = patterns.save()
        if (text === null || characters + text.length > SAVED_CHARACTERS_MAX) continue
        characters += text.length
        saved.push([process, text])
      }
      return saved
    },
    restore(saved) {
      for (const [process, text] of saved) of(process).patterns.restore(text)
    },
  }
}
