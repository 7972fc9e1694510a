import type { BodyProblem, PointSink } from '../point-sink.ts'
import type { ByteKeys } from '../wire/byte-keys.ts'
import { BYTES, expectType, readLength, readTag, skip, type Wire, WireError, wireOf } from '../wire/wire.ts'
import type { HistogramBook } from './histogram-book.ts'
import { type MetricPlace, readMetric } from './read-metric.ts'
import { createScopeReader, type ScopeReader } from './scope-reader.ts'

export interface MetricsContext {
  /** Handles of series by the bytes that describe them. */
  readonly keys: ByteKeys
  /** Members of the book, likewise. */
  readonly memberKeys: ByteKeys
  readonly histograms: HistogramBook
  readonly sink: PointSink
  /** What a process id in the attribute `driftline.process` is taken for; null when the sender may not name it. */
  processOf(explicit: string): string | null
}

const METRICS = 2

/**
 * Reads an ExportMetricsServiceRequest. A series that was seen before costs a hash over the bytes of its resource,
 * metric and attributes, and no text. Adds to the sink until it meets bytes that are no protobuf.
 */
export function decodeMetrics(bytes: Uint8Array, context: MetricsContext): BodyProblem {
  const wire = wireOf(bytes)
  const scopes = createScopeReader(wire, context.processOf)
  try {
    eachMessage(wire, wire.end, 1, (end) => readResource(wire, end, scopes, context))
    context.histograms.flush(context.sink)
    return null
  } catch (error) {
    if (error instanceof WireError) return { reason: 'body_malformed', detail: error.message }
    throw error
  }
}

function readResource(wire: Wire, end: number, scopes: ScopeReader, context: MetricsContext): void {
  const { keys } = context
  scopes.enterResource(end)
  keys.begin()
  keys.fold(wire.view, scopes.resourceStart(), scopes.resourceEnd())
  const low = keys.low()
  const high = keys.high()
  eachMessage(wire, end, 2, (scopeEnd) => {
    scopes.enterScope(scopeEnd)
    keys.resume(low, high)
    keys.fold(wire.view, scopes.scopeStart(), scopes.scopeEnd())
    const place: MetricPlace = { wire, low: keys.low(), high: keys.high(), scopes, context }
    eachMessage(wire, scopeEnd, METRICS, (metricEnd) => readMetric(place, metricEnd))
  })
}

/** Calls `read` for each message in field `number` from here to `end`; it leaves the place anywhere. */
export function eachMessage(wire: Wire, end: number, number: number, read: (end: number) => void): void {
  const outer = wire.end
  wire.end = end
  while (wire.at < end) {
    const tag = readTag(wire)
    if (tag >>> 3 !== number) skip(wire, tag)
    else {
      expectType(tag, BYTES)
      const messageEnd = readLength(wire)
      read(messageEnd)
      wire.at = messageEnd
      wire.end = end
    }
  }
  wire.end = outer
}
