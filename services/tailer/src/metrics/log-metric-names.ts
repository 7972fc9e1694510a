import { logMetrics, type Metric, MetricKind, processMetrics } from '@driftline/proto'

/** Beside those that all sources of lines share: how many lines of a second told a duration. */
export const durationCount: Metric = {
  name: 'log.duration.count',
  unit: '{line}',
  kind: MetricKind.DELTA,
  about: 'Lines that told how long something took',
}

/** Which share of values lies below, and how it is written in the attribute `quantile`. */
export const quantiles: readonly { readonly share: number; readonly text: string }[] = [
  { share: 0.5, text: '0.5' },
  { share: 0.95, text: '0.95' },
  { share: 0.99, text: '0.99' },
]

/** A line of numbers that lines of logs make; its place in `LogMetrics.series` is its number. */
export interface LogSeries {
  readonly metric: string
  readonly unit: string
  readonly kind: MetricKind
  readonly attributes: Readonly<Record<string, string>>
}

const of = (metric: Metric, attributes: Readonly<Record<string, string>> = {}): LogSeries => ({
  metric: metric.name,
  unit: metric.unit,
  kind: metric.kind,
  attributes,
})

/** Classes of `log.level`, in the order of OpenTelemetry's severity numbers by fours; none comes first. */
const LEVELS = ['none', 'trace', 'debug', 'info', 'warn', 'error', 'fatal']
/** Classes of HTTP statuses by their first digit; anything else comes first. */
const STATUS_CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx']

export const CLASSES = 8

/** Series that every source has, each at a fixed number. */
export const fixedSeries: readonly LogSeries[] = [
  of(processMetrics.events),
  of(processMetrics.failedEvents),
  of(processMetrics.executionTime),
  of(durationCount),
  ...quantiles.map(({ text }) => of(logMetrics.duration, { quantile: text })),
  ...LEVELS.map((level) => of(logMetrics.lines, { 'log.level': level })),
  ...STATUS_CLASSES.map((status) => of(logMetrics.lines, { 'http.response.status_class': status })),
]

export const seriesNumber = {
  events: 0,
  failed: 1,
  executionTime: 2,
  durationCount: 3,
  duration: 4,
  levels: 4 + quantiles.length,
  statusClasses: 4 + quantiles.length + LEVELS.length,
} as const
