import { type Collector, isRefusal, sampleOutcomes } from '@driftline/ingest/collector'
import type { ScrapeConfig } from '@driftline/ingest/definitions/poll'
import type { Refused } from '@driftline/ingest/refused'
import type { SeriesBook } from '@driftline/ingest/series-book'
import { MetricKind } from '@driftline/proto'
import { RE2JS } from 're2js'
import { CheckFailure } from '../check-type.ts'
import { type MetricType, readExposition, readLabels } from './exposition.ts'
import type { Mapped, MapperPlace } from './poll-mapper.ts'

const REFUSED_MAX = 20
/** Series of one target whose handles are kept. */
const HANDLES_MAX = 50_000
const LEFT_OUT = -1000

/**
 * Makes samples of what a target says in the format of Prometheus. Handles of series are kept by the text of their
 * labels, so that a scrape like the one before costs one look-up per line.
 */
export function createScrapeMapper(
  place: MapperPlace,
  config: Pick<ScrapeConfig, 'keep' | 'drop' | 'honourTimes'>,
  { book, collector }: { readonly book: SeriesBook; readonly collector: Collector },
): { take(text: string, isOpenMetrics: boolean, atMs: number): Mapped } {
  const isWanted = nameFilter(config)
  const handles = new Map<string, number>()
  let generation = book.generation

  const define = (name: string, labels: string, kind: MetricKind, unit: string): number | Refused => {
    if (!isWanted(name) || !collector.wants(name)) return LEFT_OUT
    const attributes = readLabels(labels)
    if (attributes === null) return { reason: 'attributes_invalid', detail: `Labels of ${name} cannot be read` }
    const handle = book.define({ ...place, metric: name, attributes, unit, kind })
    return handle < 0 ? book.refusal(handle) : handle
  }

  return {
    take(text, isOpenMetrics, atMs) {
      if (generation !== book.generation) {
        handles.clear()
        generation = book.generation
      }
      const refused: (Refused & { place: string })[] = []
      const types = new Map<string, MetricType>()
      const units = new Map<string, string>()
      let refusedTotal = 0
      let samples = 0
      let newestMs = Number.NEGATIVE_INFINITY
      const refuse = (why: Refused, at: string): void => {
        refusedTotal += 1
        if (refused.length < REFUSED_MAX) refused.push({ ...why, place: at })
      }
      readExposition(text, isOpenMetrics, {
        type: (name, type) => void types.set(name, type),
        unit: (name, unit) => void units.set(name, unit),
        wrong: (line, why) => refuse({ reason: 'line_invalid', detail: `Line ${line} ${why}` }, `line ${line}`),
        sample(name, labels, value, timeMs) {
          const key = `${name}{${labels}`
          let handle = handles.get(key)
          if (handle === undefined) {
            const family = familyOf(name, types)
            const defined = define(name, labels, kindOf(name, types.get(family)), unitOf(units.get(family)))
            if (typeof defined !== 'number') return refuse(defined, name)
            handle = defined
            if (handles.size < HANDLES_MAX) handles.set(key, handle)
          }
          // Infinity and NaN are what a target says when it knows nothing: such a moment has no sample.
          if (handle === LEFT_OUT || !Number.isFinite(value)) return
          const at = config.honourTimes && !Number.isNaN(timeMs) ? timeMs : atMs
          const code = collector.sample(handle, at, value)
          if (code === 0) {
            samples += 1
            newestMs = Math.max(newestMs, at)
          } else if (isRefusal(code)) refuse({ reason: sampleOutcomes[code]!, detail: name }, name)
        },
      })
      return { samples, refused, refusedTotal, newestMs }
    },
  }
}

/** Errors: CheckFailure `config_invalid` for a pattern that cannot be read. */
function nameFilter({ keep, drop }: Pick<ScrapeConfig, 'keep' | 'drop'>): (name: string) => boolean {
  const compile = (pattern: string): RE2JS => {
    try {
      return RE2JS.compile(pattern)
    } catch (cause) {
      throw new CheckFailure('config_invalid', `${pattern} is no RE2 pattern`, { retry: 'never', cause })
    }
  }
  const kept = keep.map(compile)
  const dropped = drop.map(compile)
  return (name) =>
    (kept.length === 0 || kept.some((pattern) => pattern.matches(name))) &&
    !dropped.some((pattern) => pattern.matches(name))
}

/** Suffixes of the series of one family. */
const SUFFIX = /_(bucket|sum|count|gsum|gcount|total|created)$/

function familyOf(name: string, types: ReadonlyMap<string, MetricType>): string {
  return types.has(name) ? name : name.replace(SUFFIX, '')
}

function kindOf(name: string, type: MetricType | undefined): MetricKind {
  if (type === 'counter') return name.endsWith('_created') ? MetricKind.GAUGE : MetricKind.CUMULATIVE
  if (type === 'histogram' || type === 'summary') {
    return /_(bucket|sum|count)$/.test(name) ? MetricKind.CUMULATIVE : MetricKind.GAUGE
  }
  if (type === undefined || type === 'unknown' || type === 'untyped') {
    return name.endsWith('_total') ? MetricKind.CUMULATIVE : MetricKind.GAUGE
  }
  return MetricKind.GAUGE
}

const UNITS: Readonly<Record<string, string>> = { seconds: 's', bytes: 'By', ratio: '1', celsius: 'Cel', meters: 'm' }

/** OpenMetrics names units in words; UCUM has no word for most others. */
function unitOf(word: string | undefined): string {
  return word !== undefined && Object.hasOwn(UNITS, word) ? UNITS[word]! : ''
}
