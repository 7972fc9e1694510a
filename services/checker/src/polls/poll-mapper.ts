import type { Collector } from '@driftline/ingest/collector'
import { isRefusal, sampleOutcomes } from '@driftline/ingest/collector'
import type { PollDefinition, PollMetric } from '@driftline/ingest/definitions/poll'
import { createRecordRules, flaggedRecord } from '@driftline/ingest/record-rules'
import type { Refused } from '@driftline/ingest/refused'
import type { SeriesBook } from '@driftline/ingest/series-book'
import type { Json } from '@driftline/platform/metadata/tables'
import { escapeName, MetricKind } from '@driftline/proto'
import type { Row } from './rows.ts'

/** What became of the rows of one answer. */
export interface Mapped {
  readonly samples: number
  /** Values that are none, by what is wrong; at most 20. */
  readonly refused: readonly (Refused & { readonly place: string })[]
  readonly refusedTotal: number
  /** Time of the newest row, milliseconds since the Unix epoch. */
  readonly newestMs: number
}

export interface MapperPlace {
  readonly tenant: string
  /** Id of the source. */
  readonly source: string
  /** Process of rows that name none. */
  readonly process: string
}

const REFUSED_MAX = 20
const KINDS = { gauge: MetricKind.GAUGE, counter: MetricKind.CUMULATIVE } as const

/** Makes samples and flagged records of rows. */
export function createPollMapper(
  place: MapperPlace,
  definition: PollDefinition,
  { book, collector }: { readonly book: SeriesBook; readonly collector: Collector },
): { take(rows: readonly Row[], atMs: number): Mapped } {
  const rules = createRecordRules(definition.rules)
  const names = [...new Set(definition.metrics.flatMap(({ value }) => [value]))]

  const flag = (row: Row, process: string, timeMs: number, at: string): void => {
    const field = (name: string): number | string | undefined => scalarOf(row.at(name))
    for (const index of rules.judge(field, process)) {
      const record = JSON.stringify(Object.fromEntries(names.map((name) => [name, row.at(name) ?? null])))
      const position = { tenant: place.tenant, source: place.source, process, position: at, timeMs }
      const reading = rules.reading(index)
      collector.flag(flaggedRecord(definition.rules[index]!, { ...position, reading, record }))
    }
  }

  return {
    take(rows, atMs) {
      const refused: (Refused & { place: string })[] = []
      let refusedTotal = 0
      let samples = 0
      let newestMs = Number.NEGATIVE_INFINITY
      const refuse = (why: Refused, at: string): void => {
        refusedTotal += 1
        if (refused.length < REFUSED_MAX) refused.push({ ...why, place: at })
      }
      for (const [index, row] of rows.entries()) {
        const timeMs = timeOf(row, definition.time, atMs)
        if (timeMs === null) {
          refuse({ reason: 'time_invalid', detail: `${definition.time} of row ${index + 1} is no time` }, `${index}`)
          continue
        }
        newestMs = Math.max(newestMs, timeMs)
        for (const metric of definition.metrics) {
          const outcome = takeMetric(row, metric, timeMs)
          if (outcome === null) samples += 1
          else if (outcome !== 'filtered') refuse(outcome, `row ${index + 1}, ${metric.metric}`)
        }
        flag(row, processOf(row, {}) ?? place.process, timeMs, `${atMs} ${index}`)
      }
      return { samples, refused, refusedTotal, newestMs }
    },
  }

  function takeMetric(row: Row, metric: PollMetric, timeMs: number): Refused | 'filtered' | null {
    if (!collector.wants(metric.metric)) return 'filtered'
    const found = row.at(metric.value)
    const value = numberOf(found)
    if (value === null) {
      const was = found === undefined ? 'is missing' : `is no number: ${JSON.stringify(found).slice(0, 80)}`
      return { reason: 'value_invalid', detail: `${metric.value} ${was}` }
    }
    const attributes: Record<string, string> = {}
    for (const [name, at] of Object.entries(metric.attributes)) {
      const text = scalarOf(row.at(at))
      if (text !== undefined) attributes[name] = String(text)
    }
    const process = processOf(row, attributes)
    if (process === null) {
      return { reason: 'process_invalid', detail: `${definition.process} names an attribute that the row lacks` }
    }
    const { tenant, source } = place
    const { metric: name, unit, kind } = metric
    const handle = book.define({ tenant, source, process, metric: name, attributes, unit, kind: KINDS[kind] })
    if (handle < 0) return book.refusal(handle)
    const code = collector.sample(handle, timeMs, value * metric.scale)
    if (code === 0) return null
    const reason = sampleOutcomes[code]!
    return isRefusal(code) ? { reason, detail: `${metric.value} of ${new Date(timeMs).toISOString()}` } : 'filtered'
  }

  function processOf(row: Row, attributes: Readonly<Record<string, string>>): string | null {
    const template = definition.process
    if (template === undefined) return place.process
    let lacks = false
    const process = template.replace(/\{([^{}]+)\}/g, (_whole, name: string) => {
      const value = attributes[name] ?? scalarOf(row.at(name))
      if (value === undefined) lacks = true
      return escapeName(String(value ?? ''))
    })
    return lacks ? null : process
  }
}

function scalarOf(value: Json | undefined): number | string | undefined {
  if (typeof value === 'number' || typeof value === 'string') return value
  return typeof value === 'boolean' ? String(value) : undefined
}

const DECIMAL = /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i

/** Numbers, texts that are numbers, and what is true (1) or not (0). */
function numberOf(value: Json | undefined): number | null {
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  return typeof value === 'string' && value.length <= 40 && DECIMAL.test(value) ? Number(value) : null
}

/** Seconds since 1970 have ten digits for the next two centuries, milliseconds thirteen. */
const SECONDS_BELOW = 1e11

function timeOf(row: Row, place: string | undefined, atMs: number): number | null {
  if (place === undefined) return atMs
  const value = row.at(place)
  const number = numberOf(value)
  if (number !== null && typeof value !== 'boolean') return number < SECONDS_BELOW ? number * 1000 : number
  const parsed = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(parsed) ? null : parsed
}
