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
  /** Event time of the newest sample of a process, 0 before the first: also what is no key figure is a sign of life. */
  newestOf(process: string): number
  /** The series of a metric without attributes. */
  find(process: string, metric: string): SeriesState | undefined
  all(): Iterable<SeriesState>
  size(): number
}

/** All series of a process. A sample reaches it without a look-up. */
interface Siblings {
  readonly series: Set<SeriesState>
  newestMs: number
}

interface Member {
  readonly series: SeriesState
  readonly siblings: Siblings
}

export function createSeriesRegistry(limit: number): SeriesRegistry {
  const byId = new Map<bigint, Member>()
  const byProcess = new Map<string, Siblings>()

  const forget = ({ series, siblings }: Member): void => {
    byId.delete(series.id)
    siblings.series.delete(series)
    if (siblings.series.size === 0) byProcess.delete(series.process)
  }

  /** Forgets a twentieth at once, so that a flood of new series does not sort the registry for each of them. */
  const makeRoom = (): void => {
    const oldest = [...byId.values()].sort((a, b) => a.series.timeMs - b.series.timeMs)
    for (const member of oldest.slice(0, Math.ceil(limit / 20))) forget(member)
  }

  return {
    define(definition) {
      if (byId.has(definition.id)) return
      if (byId.size >= limit) makeRoom()
      const series = { ...definition, value: Number.NaN, timeMs: 0 }
      const siblings = byProcess.get(series.process) ?? { series: new Set(), newestMs: 0 }
      siblings.series.add(series)
      byProcess.set(series.process, siblings)
      byId.set(series.id, { series, siblings })
    },
    record(id, timeMs, value) {
      const member = byId.get(id)
      if (!member) return false
      const { series, siblings } = member
      if (timeMs > siblings.newestMs) siblings.newestMs = timeMs
      if (timeMs >= series.timeMs) {
        series.timeMs = timeMs
        series.value = value
      }
      return true
    },
    ofProcess: (process) => [...(byProcess.get(process)?.series ?? [])],
    newestOf: (process) => byProcess.get(process)?.newestMs ?? 0,
    find(process, metric) {
      for (const series of byProcess.get(process)?.series ?? []) {
        if (series.metric === metric && series.attributes === '{}') return series
      }
      return undefined
    },
    *all() {
      for (const { series } of byId.values()) yield series
    },
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
