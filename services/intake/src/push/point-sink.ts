import { MetricKind } from '@driftline/proto'

/** What a series is, before it has an id. */
export interface SeriesText {
  readonly process: string
  readonly metric: string
  /** UCUM; empty for plain numbers. */
  readonly unit: string
  readonly kind: MetricKind
  /** Made without a prototype, so that no name is special. */
  readonly attributes: Readonly<Record<string, string>>
}

/** Something that is not taken. */
export interface Refusal {
  readonly reason: string
  /** For people. */
  readonly detail: string
  /** Samples or records that are lost by it. */
  readonly count: number
  /** What it was, for a dead letter; asked for only when one is written, and not after `refuse` has returned. */
  payload(): Uint8Array
  /** Whether the payload is an item of the samples or records door, so that it can be sent again; no by default. */
  readonly replayable?: boolean
  /** The body as a whole, not one of its items. */
  readonly isBody?: boolean
}

/** Where the decoders of a request put what they find: series once, then numbers. */
export interface PointSink {
  /** A handle of the series, from 0; or why there is none. */
  define(series: SeriesText): number | Refused
  /** False when the sample was refused; the sink has noted it then. */
  add(handle: number, timeMs: number, value: number): boolean
  /** Something left out on purpose, such as a marker without a value. */
  skip(reason: string, count: number): void
  refuse(refusal: Refusal): void
}

export interface Refused {
  readonly reason: string
  readonly detail: string
}

/** What a decoder says of a body that it could not read to its end; null when it could. */
export type BodyProblem = { readonly reason: 'body_malformed'; readonly detail: string } | null

const kindNames: Readonly<Partial<Record<MetricKind, string>>> = {
  [MetricKind.GAUGE]: 'gauge',
  [MetricKind.DELTA]: 'delta',
  [MetricKind.CUMULATIVE]: 'cumulative',
}

/** A sample as the samples door takes it, so that a dead letter can be read, corrected and sent again. */
export function sampleLetter(series: SeriesText, timeMs: number | null, value: number): Uint8Array {
  const { process, metric, unit, attributes } = series
  const kind = kindNames[series.kind]
  const time = timeMs !== null && Math.abs(timeMs) <= 8.64e15 ? new Date(timeMs).toISOString() : timeMs
  const item = { process, metric, value: Number.isFinite(value) ? value : String(value), time, unit, kind, attributes }
  return Buffer.from(JSON.stringify(item))
}
