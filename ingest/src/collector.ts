import { toBinary } from '@bufbuild/protobuf'
import type { Clock } from '@driftline/platform/clock'
import {
  type FlaggedRecord,
  FlaggedRecordSchema,
  type LogPattern,
  LogPatternSchema,
  type MetricKind,
  routingKey,
  topics,
} from '@driftline/proto'
import type { FilterDefinition } from './definitions/filter.ts'
import { filterDefinition } from './definitions/filter.ts'
import { createMetricFilter, createSampleFilter, filterReasons, KEPT } from './filter.ts'
import { createLogRows, type LogRows } from './log-rows.ts'
import type { OwnRecord } from './ordered-publisher.ts'
import { sampleRecords } from './sample-records.ts'
import type { SeriesBook } from './series-book.ts'

/** What became of a sample; its index is the code that `sample` answers. Those up to `too_frequent` were left out on purpose. */
export const sampleOutcomes = [...filterReasons, 'time_too_old', 'time_in_future', 'value_not_finite'] as const

const TOO_OLD = sampleOutcomes.indexOf('time_too_old')
const IN_FUTURE = sampleOutcomes.indexOf('time_in_future')
const NOT_FINITE = sampleOutcomes.indexOf('value_not_finite')

/** Whether a code of `sample` is a refusal: then the input deserves a dead letter. */
export const isRefusal = (code: number): boolean => code >= TOO_OLD

export interface CollectorConfig {
  readonly tenant: string
  /** Id of the source. */
  readonly source: string
  readonly filter?: FilterDefinition | undefined
  /** Older samples are refused: raw data would be deleted on arrival. Milliseconds. */
  readonly ageMsMax: number
  /** How far a source's clock may be ahead of ours, milliseconds. */
  readonly aheadMsMax: number
}

/** What is to be published together; unchanged by publishing, so that a publish that failed can be tried again. */
export interface Batch {
  /** Series of the samples, for their definitions. */
  readonly handles: ReadonlySet<number>
  readonly records: readonly OwnRecord[]
  readonly samples: number
  readonly rows: number
}

/**
 * Puts together what one source has to publish next: samples as columns, rows of logs, patterns, flagged records. Not
 * bounded by itself: whoever adds takes it when `sampleCount` or `byteLength` say so.
 */
export interface Collector {
  /** Adds a sample of a series, of milliseconds since 1970; answers 0, or why not as a code of `sampleOutcomes`. */
  sample(handle: number, timeMs: number, value: number): number
  /** Whether the lists of the source's filter let a metric through: ask before defining its series. */
  wants(metric: string): boolean
  /** Makes a series known to consumers without a sample of it. */
  know(handle: number): void
  readonly rows: LogRows
  pattern(pattern: LogPattern): void
  flag(record: FlaggedRecord): void
  readonly sampleCount: number
  /** About what the batch will take on the wire. */
  readonly byteLength: number
  /** How many samples had each outcome since the start, by code. */
  readonly outcomes: Float64Array
  /** Hands over what was added and begins anew; null when it was nothing. */
  take(): Batch | null
}

const INITIAL = 256
const SPAN_MS_MAX = 2_000_000_000

export function createCollector(
  config: CollectorConfig,
  { book, clock }: { readonly book: SeriesBook; readonly clock: Clock },
): Collector {
  const { tenant, aheadMsMax } = config
  // Times of a record are 32-bit offsets from its first one, so the oldest and the newest must not lie further apart.
  const ageMsMax = Math.min(config.ageMsMax, SPAN_MS_MAX - aheadMsMax)
  const definition = config.filter ?? filterDefinition.parse({})
  const filter = createSampleFilter(definition)
  const outcomes = new Float64Array(sampleOutcomes.length)
  const rows = createLogRows({ tenant, source: config.source })
  let columns = createColumns(INITIAL)
  let size = 0
  let others: OwnRecord[] = []
  let known: number[] = []

  const outcomeOf = (handle: number, timeMs: number, value: number, nowMs: number): number => {
    if (!Number.isFinite(value)) return NOT_FINITE
    // Written so that NaN is refused, too.
    if (!(timeMs >= nowMs - ageMsMax)) return TOO_OLD
    if (timeMs > nowMs + aheadMsMax) return IN_FUTURE
    return filter(book.filterState, handle, book.kinds()[handle]! as MetricKind, timeMs, value)
  }

  const other = (topic: (typeof topics)[keyof typeof topics], process: string, value: Uint8Array): void => {
    const message = topic.message.typeName
    others.push({ topic: topic.name, tenant, key: routingKey(tenant, process), message, value })
  }

  return {
    sample(handle, timeMs, value) {
      const nowMs = clock.nowMs()
      const outcome = outcomeOf(handle, timeMs, value, nowMs)
      outcomes[outcome]! += 1
      if (outcome !== KEPT) return outcome
      if (size === columns.handle.length) columns = widen(columns)
      columns.handle[size] = handle
      columns.timeMs[size] = Math.trunc(timeMs)
      columns.value[size] = value
      size += 1
      book.touch(handle, nowMs)
      return KEPT
    },
    wants: createMetricFilter(definition),
    know: (handle) => void known.push(handle),
    rows,
    pattern: (pattern) => other(topics.logPatterns, pattern.process, toBinary(LogPatternSchema, pattern)),
    flag: (record) => other(topics.flaggedRecords, record.process, toBinary(FlaggedRecordSchema, record)),
    get sampleCount() {
      return size
    },
    get byteLength() {
      return size * 20 + rows.byteLength
    },
    outcomes,
    take() {
      const logs = rows.take()
      if (size + logs.records.length + others.length + known.length === 0) return null
      const taken = { size, ...columns }
      const handles = new Set<number>(columns.handle.subarray(0, size))
      for (const handle of known) handles.add(handle)
      const records = [...logs.records, ...others, ...(size > 0 ? sampleRecords(tenant, taken, book) : [])]
      const batch = { handles, records, samples: size, rows: logs.rows }
      size = 0
      others = []
      known = []
      return batch
    },
  }
}

interface Columns {
  readonly handle: Int32Array
  readonly timeMs: Float64Array
  readonly value: Float64Array
}

function createColumns(length: number): Columns {
  return { handle: new Int32Array(length), timeMs: new Float64Array(length), value: new Float64Array(length) }
}

function widen(old: Columns): Columns {
  const wide = createColumns(old.handle.length * 2)
  wide.handle.set(old.handle)
  wide.timeMs.set(old.timeMs)
  wide.value.set(old.value)
  return wide
}
