import { processMetrics } from '@driftline/proto'
import type { PointSink, SeriesText } from '../point-sink.ts'
import { type Buckets, quantileOf, sumOf } from './quantiles.ts'

/** KPIs of services from the histograms in which the semantic conventions count what a server answered. */
export interface ServiceKpis {
  /** Takes what a histogram counted in an interval, when it is one of those. */
  observe(series: SeriesText, timeMs: number, count: number, buckets: Buckets | null): void
  /** Adds one sample per KPI and process for what was observed since the last call. */
  flush(sink: PointSink): void
}

/** Work that a service does for others, and how long a unit of the metric is in seconds when it does not say. */
const served: Readonly<Record<string, number>> = {
  'http.server.request.duration': 1,
  'http.server.duration': 0.001,
  'rpc.server.call.duration': 1,
  'rpc.server.duration': 0.001,
  'messaging.process.duration': 1,
}
const secondsOf: Readonly<Record<string, number>> = { s: 1, ms: 0.001, us: 1e-6, ns: 1e-9, min: 60 }
/** Codes of gRPC for which the server is to blame. */
const FAILED_RPC = /^(?:2|4|12|13|14|15|UNKNOWN|DEADLINE_EXCEEDED|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS)$/

interface Tally {
  timeMs: number
  events: number
  failed: number
  /** Counts by upper bound in seconds, of all histograms of the process. */
  readonly counts: Map<number, number>
}

/** Bounds of all histograms of a process that differ; beyond it, times are of the first ones. */
const BOUNDS_MAX = 2048

export function createServiceKpis(): ServiceKpis {
  const tallies = new Map<string, Tally>()
  return {
    observe(series, timeMs, count, buckets) {
      const fallback = Object.hasOwn(served, series.metric) ? served[series.metric] : undefined
      if (fallback === undefined || count <= 0) return
      const seconds = Object.hasOwn(secondsOf, series.unit) ? secondsOf[series.unit]! : fallback
      const tally = tallies.get(series.process) ?? { timeMs, events: 0, failed: 0, counts: new Map() }
      tallies.set(series.process, tally)
      tally.timeMs = Math.max(tally.timeMs, timeMs)
      tally.events += count
      if (hasFailed(series.attributes)) tally.failed += count
      if (buckets !== null) addBuckets(tally, buckets, seconds)
    },
    flush(sink) {
      for (const [process, tally] of tallies) tell(sink, process, tally)
      tallies.clear()
    },
  }
}

function hasFailed(attributes: SeriesText['attributes']): boolean {
  const status = attributes['http.response.status_code'] ?? attributes['http.status_code']
  // A client's mistake has an error type as well, and is no failure of the server.
  if (status !== undefined) return Number(status) >= 500
  const rpc = attributes['rpc.response.status_code'] ?? attributes['rpc.grpc.status_code']
  if (rpc !== undefined) return FAILED_RPC.test(rpc)
  return attributes['error.type'] !== undefined
}

function addBuckets(tally: Tally, { upper, counts }: Buckets, seconds: number): void {
  for (let i = 0; i < counts.length; i++) {
    const bound = upper[i]! * seconds
    const before = tally.counts.get(bound)
    if (before === undefined && tally.counts.size >= BOUNDS_MAX) continue
    tally.counts.set(bound, (before ?? 0) + counts[i]!)
  }
}

function tell(sink: PointSink, process: string, { timeMs, events, failed, counts }: Tally): void {
  const add = ({ name, unit, kind }: (typeof processMetrics)[keyof typeof processMetrics], value: number): void => {
    const handle = sink.define({ process, metric: name, unit, kind, attributes: {} })
    if (typeof handle === 'number') sink.add(handle, timeMs, value)
  }
  add(processMetrics.events, events)
  add(processMetrics.failedEvents, failed)
  const upper = Float64Array.from(counts.keys()).sort()
  const sorted = Float64Array.from(upper, (bound) => counts.get(bound)!)
  const median = sumOf(sorted) > 0 ? quantileOf({ floor: 0, upper, counts: sorted }, 0.5) : null
  if (median !== null) add(processMetrics.executionTime, median)
}
