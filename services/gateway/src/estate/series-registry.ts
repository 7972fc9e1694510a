import { MetricKind } from '@driftline/proto'

/** What the id of a series means, with its newest value. */
export interface SeriesState {
  readonly id: bigint
  readonly process: string
  readonly metric: string
  readonly unit: string
  readonly kind: MetricKind
  /** A JSON object of strings with sorted keys. */
  readonly attributes: string
  value: number
  /** Event time of `value`, 0 before the first. */
  timeMs: number
}

/** Definitions of the series of one tenant, bounded: past the limit the longest unheard are forgotten. */
export interface SeriesRegistry {
  define(definition: Omit<SeriesState, 'value' | 'timeMs'>): void
  /** Takes a sample over; false for a series that nobody defined. */
  record(id: bigint, timeMs: number, value: number): boolean
  ofProcess(process: string): readonly SeriesState[]
  /** The series of a metric without attributes. */
  find(process: string, metric: string): SeriesState | undefined
  all(): Iterable<SeriesState>
  size(): number
}

export function createSeriesRegistry(limit: number): SeriesRegistry {
  const byId = new Map<bigint, SeriesState>()
  const byProcess = new Map<string, Set<SeriesState>>()

  const forget = (series: SeriesState): void => {
    byId.delete(series.id)
    const siblings = byProcess.get(series.process)
    siblings?.delete(series)
    if (siblings?.size === 0) byProcess.delete(series.process)
  }

  /** Forgets a twentieth at once, so that a flood of new series does not sort the registry for each of them. */
  const makeRoom = (): void => {
    const oldest = [...byId.values()].sort((a, b) => a.timeMs - b.timeMs)
    for (const series of oldest.slice(0, Math.ceil(limit / 20))) forget(series)
  }

  return {
    define(definition) {
      if (byId.has(definition.id)) return
      if (byId.size >= limit) makeRoom()
      const series = { ...definition, value: Number.NaN, timeMs: 0 }
      byId.set(series.id, series)
      const siblings = byProcess.get(series.process)
      if (siblings) siblings.add(series)
      else byProcess.set(series.process, new Set([series]))
    },
    record(id, timeMs, value) {
      const series = byId.get(id)
      if (!series) return false
      if (timeMs >= series.timeMs) {
        series.timeMs = timeMs
        series.value = value
      }
      return true
    },
    ofProcess: (process) => [...(byProcess.get(process) ?? [])],
    find(process, metric) {
      for (const series of byProcess.get(process) ?? []) {
        if (series.metric === metric && series.attributes === '{}') return series
      }
      return undefined
    },
    all: () => byId.values(),
    size: () => byId.size,
  }
}

const KIND_NAMES = {
  [MetricKind.UNSPECIFIED]: 'unspecified',
  [MetricKind.GAUGE]: 'gauge',
  [MetricKind.DELTA]: 'delta',
  [MetricKind.CUMULATIVE]: 'cumulative',
} as const

export function metricKindName(kind: MetricKind): (typeof KIND_NAMES)[MetricKind] {
  return KIND_NAMES[kind] ?? 'unspecified'
}
