import { createGlob, MetricKind } from '@driftline/proto'
import type { FilterDefinition } from './definitions/filter.ts'

/** Why a sample was left out on purpose; the number is its code. */
export const filterReasons = [
  'kept',
  'duplicate',
  'unchanged',
  'within_noise_band',
  'sampled_out',
  'too_frequent',
] as const
export const KEPT = 0

/** What filters remember of each series, by handle. A series belongs to one source, so one filter writes its row. */
export interface FilterState {
  readonly keptTimeMs: Float64Array
  readonly keptValue: Float64Array
  readonly seenTimeMs: Float64Array
  readonly seenValue: Float64Array
  /** Share of a sample that is due, for sampling. */
  readonly credit: Float64Array
  /** Makes room for a handle and forgets what its row held. */
  reset(handle: number): void
}

/** Whether a sample is kept; changes the row of the series. */
export type SampleFilter = (
  state: FilterState,
  handle: number,
  kind: MetricKind,
  timeMs: number,
  value: number,
) => number

const columns = ['keptTimeMs', 'keptValue', 'seenTimeMs', 'seenValue', 'credit'] as const

export function createFilterState(): FilterState {
  const state = {
    keptTimeMs: new Float64Array(1024),
    keptValue: new Float64Array(1024),
    seenTimeMs: new Float64Array(1024),
    seenValue: new Float64Array(1024),
    credit: new Float64Array(1024),
    reset(handle: number): void {
      while (handle >= state.credit.length) {
        for (const name of columns) {
          const wide = new Float64Array(state[name].length * 2)
          wide.set(state[name])
          state[name] = wide
        }
      }
      state.keptTimeMs[handle] = Number.NEGATIVE_INFINITY
      state.seenTimeMs[handle] = Number.NEGATIVE_INFINITY
      state.keptValue[handle] = Number.NaN
      state.seenValue[handle] = Number.NaN
      state.credit[handle] = Number.NaN
    },
  }
  return state
}

/**
 * Levels are filtered; what is counted is not, because each of its samples is a part of a sum. A level is kept at least
 * every `keepEverySeconds`, so that whoever waits for it can tell a steady value from silence.
 */
export function createSampleFilter(definition: FilterDefinition): SampleFilter {
  const { duplicates, unchanged, noiseBand, samplingRate, minIntervalSeconds = 0 } = definition
  const keepEveryMs = definition.keepEverySeconds * 1000
  const minIntervalMs = minIntervalSeconds * 1000
  const absolute = noiseBand?.absolute ?? 0
  const share = noiseBand?.share ?? 0
  const judge: SampleFilter = (state, handle, _kind, timeMs, value) => {
    const sinceKeptMs = timeMs - state.keptTimeMs[handle]!
    if (sinceKeptMs < minIntervalMs && sinceKeptMs >= 0) return 5
    const before = state.keptValue[handle]!
    if (sinceKeptMs < keepEveryMs && sinceKeptMs >= 0) {
      if (unchanged && value === before) return 2
      const distance = Math.abs(value - before)
      if (distance < absolute || distance < share * Math.abs(before)) return 3
    }
    if (samplingRate === 1) return KEPT
    const saved = state.credit[handle]!
    const credit = Number.isNaN(saved) ? 1 : saved + samplingRate
    const keeps = credit >= 1 || sinceKeptMs >= keepEveryMs
    state.credit[handle] = keeps ? Math.max(0, credit - 1) : credit
    return keeps ? KEPT : 4
  }
  return (state, handle, kind, timeMs, value) => {
    if (kind !== MetricKind.GAUGE) return KEPT
    const repeats = timeMs === state.seenTimeMs[handle] && value === state.seenValue[handle]
    state.seenTimeMs[handle] = timeMs
    state.seenValue[handle] = value
    if (repeats && duplicates) return 1
    const outcome = judge(state, handle, kind, timeMs, value)
    if (outcome !== KEPT) return outcome
    state.keptTimeMs[handle] = timeMs
    state.keptValue[handle] = value
    return KEPT
  }
}

/** Whether a metric passes the lists of a definition. */
export function createMetricFilter({ only, except }: FilterDefinition): (metric: string) => boolean {
  const wanted = only?.map(createGlob)
  const unwanted = except?.map(createGlob) ?? []
  return (metric) =>
    (wanted === undefined || wanted.some((matches) => matches(metric))) && !unwanted.some((matches) => matches(metric))
}
