import { parseProcessId } from '@driftline/proto'
import type { SeriesState } from '../estate/series-registry.ts'
import type { TenantEstate } from '../estate/tenant-estate.ts'

/** Units of OpenTelemetry as Prometheus writes them at the end of a name; others are left away. */
const UNIT_SUFFIXES: Readonly<Record<string, string>> = {
  By: '_bytes',
  s: '_seconds',
  ms: '_milliseconds',
  'By/s': '_bytes_per_second',
  '1': '_ratio',
}

/** A value older than this is not exported: Prometheus would draw a dead process as a living one. */
const FRESH_MS = 60_000

/**
 * The collected metrics of one tenant in Prometheus' text format. Names follow OpenTelemetry's rules for Prometheus
 * (`process.memory.usage` in `By` is `process_memory_usage_bytes`); labels are `host`, `process` and the attributes.
 */
export function renderCollected(estate: TenantEstate, nowMs: number): string {
  const families = new Map<string, SeriesState[]>()
  for (const series of estate.series.all()) {
    if (nowMs - series.timeMs > FRESH_MS || !Number.isFinite(series.value)) continue
    const name = prometheusName(series.metric, series.unit)
    const family = families.get(name)
    if (family) family.push(series)
    else families.set(name, [series])
  }
  const lines: string[] = []
  for (const [name, family] of [...families].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(`# TYPE ${name} gauge`)
    for (const series of family) lines.push(`${name}{${labelsOf(series)}} ${series.value}`)
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

export function prometheusName(metric: string, unit: string): string {
  const base = metric.replaceAll(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_')
  const suffix = UNIT_SUFFIXES[unit] ?? ''
  return suffix !== '' && !base.endsWith(suffix) ? base + suffix : base
}

function labelsOf(series: SeriesState): string {
  const { kind, names } = parseProcessId(series.process)
  const labels: [string, string][] = [['process', series.process]]
  if (kind === 'host' || kind === 'os') labels.unshift(['host', names[0] ?? ''])
  for (const [key, value] of Object.entries(JSON.parse(series.attributes) as Record<string, string>)) {
    labels.push([key.replaceAll(/[^A-Za-z0-9_]/g, '_'), value])
  }
  return labels.map(([key, value]) => `${key}="${escapeLabel(value)}"`).join(',')
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}
