import type { Aggregation, LogFormat, LogMetric, LooksLike } from '../../api/source-types.ts'

/** Formats as people know them. */
export const formatNames: Readonly<Record<LogFormat, string>> = {
  auto: 'Found by itself',
  json: 'JSON',
  logfmt: 'logfmt',
  common: 'Apache and nginx, common',
  combined: 'Apache and nginx, combined',
  'nginx-error': 'nginx, errors',
  'apache-error': 'Apache, errors',
  rfc3164: 'Syslog, RFC 3164',
  rfc5424: 'Syslog, RFC 5424',
  pattern: 'Own pattern',
  plain: 'Plain text',
}
export const formatChoices = (Object.keys(formatNames) as LogFormat[]).map((value) => ({
  value,
  name: formatNames[value],
}))
export const isLogFormat = (name: string): name is LogFormat => name in formatNames

export const aggregationChoices: readonly { readonly value: Aggregation; readonly name: string }[] = [
  { value: 'sum', name: 'sum' },
  { value: 'count', name: 'number of lines' },
  { value: 'mean', name: 'mean' },
  { value: 'min', name: 'least' },
  { value: 'max', name: 'most' },
  { value: 'last', name: 'last' },
  { value: 'quantiles', name: 'p50, p95, p99' },
]

/** How a field is most often added up: money and bytes are summed, durations have quantiles. */
const usual: Partial<Record<LooksLike, Aggregation>> = {
  duration: 'quantiles',
  amount: 'sum',
  size: 'sum',
  number: 'mean',
}

/** Fields that can be a metric, and what a click makes of them. */
export function metricOfField(field: { name: string; looksLike: LooksLike; unit: string }): LogMetric | null {
  const aggregation = usual[field.looksLike]
  if (!aggregation) return null
  const name = field.name.replace(/^\$\./, '').replace(/[^A-Za-z0-9._-]+/g, '_')
  return { field: field.name, metric: `log.${name}`, unit: field.unit, aggregation }
}

/** Time zones that the browser knows, its own and UTC first. */
export function timeZones(): string[] {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone
  return [...new Set(['UTC', own, ...Intl.supportedValuesOf('timeZone')].filter(Boolean))]
}
