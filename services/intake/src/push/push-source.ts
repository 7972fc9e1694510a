import { randomInt } from 'node:crypto'
import { createDeadLetters, type DeadLetters, letterAllowance } from '@driftline/ingest/dead-letters'
import { type FilterDefinition, filterDefinition } from '@driftline/ingest/definitions/filter'
import type { PushDefinition, PushDoor } from '@driftline/ingest/definitions/push'
import type { OrderedPublisher } from '@driftline/ingest/ordered-publisher'
import { createRecordRules, type RecordRules } from '@driftline/ingest/record-rules'
import type { KnownSeries, SeriesBook } from '@driftline/ingest/series-book'
import type { SourceMeter } from '@driftline/ingest/source-status'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { createMappedKpis, type MappedKpis } from './mapped-kpis.ts'
import { createHistogramBook, type HistogramBook } from './otlp/histogram-book.ts'
import type { Refused } from './point-sink.ts'
import { createMetricFamilies, type MetricFamilies } from './remote-write/metric-families.ts'
import { type ByteKeys, createByteKeys } from './wire/byte-keys.ts'

export interface SourceName {
  readonly tenant: string
  readonly door: PushDoor
  /** Id of the API key. */
  readonly key: string
}

/** Gets what a request brought, as long as somebody looks. */
export interface Tap {
  sample(series: KnownSeries, timeMs: number, value: number, subject: string): void
  row(row: TappedRow, subject: string): void
  refused(refused: Refused, payload: Uint8Array, subject: string): void
}

export interface TappedRow {
  readonly process: string
  readonly timeMs: number
  readonly body: string
  /** JSON object as text, or empty. */
  readonly attributes: string
}

/** What one key sends through one door: a source that appears by itself. */
export interface PushSource {
  readonly tenant: string
  /** `push:<door>:<key id>` */
  readonly id: string
  readonly door: PushDoor
  readonly key: string
  readonly meter: SourceMeter
  readonly letters: DeadLetters
  /** Handles of series by the bytes that described them; members of the book of histograms likewise. */
  readonly keys: ByteKeys
  readonly memberKeys: ByteKeys
  readonly families: MetricFamilies
  readonly histograms: HistogramBook
  /** What people set about the source. */
  readonly filter: FilterDefinition
  readonly rules: RecordRules
  readonly definition: PushDefinition | null
  readonly kpis: MappedKpis
  /** Previews that look at what comes in. */
  readonly taps: Set<Tap>
  /** Switched off by a person: nothing is taken. */
  off: boolean
  /** Drops handles that the book has taken back. Call it before each use of the caches. */
  refresh(): void
  /** Takes what people set; null for nothing. */
  define(definition: PushDefinition | null): void
}

export interface PushSourceDeps {
  readonly book: SeriesBook
  readonly letters: OrderedPublisher
  readonly metrics: SelfMetrics
  readonly meter: SourceMeter
}

const LETTERS = { service: 'intake', ...letterAllowance }
const FAMILIES_MAX = 20_000
const noFilter = filterDefinition.parse({})

export function createPushSource(
  name: SourceName & { readonly seriesMax: number },
  { book, letters, metrics, meter }: PushSourceDeps,
): PushSource {
  const { tenant, door, key, seriesMax } = name
  const seed = randomInt(2 ** 32)
  const keys = createByteKeys({ maxSize: 2 * seriesMax, seed })
  const memberKeys = createByteKeys({ maxSize: 2 * seriesMax, seed })
  const histograms = createHistogramBook(Math.ceil(seriesMax / 5))
  const kpis = createMappedKpis(book)
  let generation = book.generation
  let definition: PushDefinition | null = null
  let filter = noFilter
  let rules = createRecordRules([])

  const dropHandles = (): void => {
    keys.clear()
    histograms.forgetHandles()
    kpis.forgetHandles()
  }

  return {
    tenant,
    id: `push:${door}:${key}`,
    door,
    key,
    meter,
    letters: createDeadLetters(LETTERS, { publisher: letters, metrics }),
    keys,
    memberKeys,
    families: createMetricFamilies(FAMILIES_MAX),
    histograms,
    kpis,
    taps: new Set(),
    off: false,
    get filter() {
      return filter
    },
    get rules() {
      return rules
    },
    get definition() {
      return definition
    },
    refresh() {
      if (generation !== book.generation) {
        generation = book.generation
        dropHandles()
      }
      // A sender that never says the same twice must not leave the caches full for others that do.
      if (keys.size > 1.8 * seriesMax) keys.clear()
      if (memberKeys.size > 1.8 * seriesMax) {
        memberKeys.clear()
        histograms.clear()
      }
    },
    define(next) {
      definition = next
      filter = next?.filter ?? noFilter
      rules = createRecordRules(next?.rules ?? [])
      kpis.map(next?.kpis ?? {})
      dropHandles()
      const [problem] = rules.problems
      if (problem !== undefined) meter.state('waiting', `The rule "${problem.rule}" cannot be used: ${problem.message}`)
    },
  }
}
