import type { PushDefinition } from '@driftline/ingest/definitions/push'
import type { SeriesBook } from '@driftline/ingest/series-book'
import { MetricKind, processMetrics } from '@driftline/proto'
import type { SeriesText } from './point-sink.ts'

type Kpis = NonNullable<PushDefinition['kpis']>

/** Metrics of a source that people named as KPIs of their processes. */
export interface MappedKpis {
  map(kpis: Kpis): void
  /** Notes a series whose metric is one of them. */
  note(handle: number, series: SeriesText): void
  /** Takes a sample, if it is of such a series. */
  observe(handle: number, timeMs: number, value: number): void
  /** KPIs since the last call: one sample per process and KPI. */
  flush(add: (series: SeriesText, timeMs: number, value: number) => void): void
  forgetHandles(): void
}

type Role = keyof Kpis

interface Noted {
  /** What the series is, whatever its handle. */
  readonly name: string
  readonly role: Role
  readonly process: string
  readonly kind: MetricKind
  /** What a value is multiplied by: durations come to seconds. */
  readonly factor: number
  /** Value of a cumulative metric before. */
  last: number
}

interface Tally {
  timeMs: number
  executions: number
  seconds: number
  events: number | null
  failed: number | null
}

const secondsOf: Readonly<Record<string, number>> = { s: 1, ms: 0.001, us: 1e-6, ns: 1e-9, min: 60, h: 3600 }
const RESTING_MAX = 50_000
const roles: readonly Role[] = ['executionTime', 'events', 'failedEvents']

export function createMappedKpis(book: SeriesBook): MappedKpis {
  const noted = new Map<number, Noted>()
  /** Those whose handles are good no more: what they counted last stays known. */
  let resting = new Map<string, Noted>()
  const tallies = new Map<string, Tally>()
  let kpis: Kpis = {}
  return {
    map(next) {
      kpis = next
    },
    note(handle, { metric, process, unit, kind, attributes }) {
      if (noted.has(handle)) return
      const role = roles.find((each) => kpis[each] === metric)
      // A KPI of its own name would be counted twice.
      if (role === undefined || book.get(handle).metric.startsWith('process.e')) return
      const factor = role === 'executionTime' && Object.hasOwn(secondsOf, unit) ? secondsOf[unit]! : 1
      const name = JSON.stringify([process, metric, unit, kind, role, Object.entries(attributes).sort()])
      noted.set(handle, resting.get(name) ?? { name, role, process, kind, factor, last: Number.NaN })
    },
    observe(handle, timeMs, value) {
      const of = noted.get(handle)
      if (of === undefined) return
      const tally = tallies.get(of.process) ?? { timeMs, executions: 0, seconds: 0, events: null, failed: null }
      tallies.set(of.process, tally)
      tally.timeMs = Math.max(tally.timeMs, timeMs)
      if (of.role === 'executionTime') {
        tally.executions += 1
        tally.seconds += value * of.factor
        return
      }
      const since = of.kind === MetricKind.CUMULATIVE ? sinceLast(of, value) : value
      if (of.role === 'events') tally.events = (tally.events ?? 0) + since
      else tally.failed = (tally.failed ?? 0) + since
    },
    flush(add) {
      for (const [process, { timeMs, executions, seconds, events, failed }] of tallies) {
        const tell = (metric: (typeof processMetrics)[keyof typeof processMetrics], value: number): void =>
          add({ process, metric: metric.name, unit: metric.unit, kind: metric.kind, attributes: {} }, timeMs, value)
        if (executions > 0) tell(processMetrics.executionTime, seconds / executions)
        if (events !== null) tell(processMetrics.events, events)
        if (failed !== null) tell(processMetrics.failedEvents, failed)
      }
      tallies.clear()
    },
    forgetHandles() {
      if (resting.size > RESTING_MAX) resting = new Map()
      for (const each of noted.values()) resting.set(each.name, each)
      noted.clear()
    },
  }
}

/** What a counter counted since it was last seen; nothing the first time, and all of it after a restart. */
function sinceLast(of: Noted, value: number): number {
  const before = of.last
  of.last = value
  if (Number.isNaN(before)) return 0
  return value < before ? value : value - before
}

/** What a metric is to its process, by what people named, in the words of previews. */
export function roleOf(kpis: Kpis, metric: string): 'executionTime' | 'events' | 'success' | 'level' {
  const role = roles.find((each) => kpis[each] === metric)
  if (role === undefined) return 'level'
  return role === 'failedEvents' ? 'success' : role
}
