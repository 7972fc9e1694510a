import { MetricKind, parseProcessId } from '@driftline/proto'
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

/** More series than this are not exported; those of hosts and groups come first, what is pushed last. */
const SERIES_MAX = 50_000
const LEFT_OUT = 'driftline_collected_series_left_out'
const RANKS: Readonly<Record<string, number>> = { host: 0, os: 0, device: 1, flow: 1, log: 2, service: 3 }

/** A value older than this is not exported: Prometheus would draw a dead process as a living one. */
const FRESH_MS = 60_000

/**
 * The collected metrics of one tenant in Prometheus' text format. Names follow OpenTelemetry's rules for Prometheus
 * (`process.memory.usage` in `By` is `process_memory_usage_bytes`); labels are `host`, `process` and the attributes.
 * `ownNames` are of the gateway's own metrics, which stand before these in the same answer and may not be met again.
 */
export function renderCollected(
  estate: TenantEstate,
  nowMs: number,
  ownNames: ReadonlySet<string> = new Set(),
  seriesMax = SERIES_MAX,
): string {
  const families = new Map<string, Family>()
  const taken = new Set([...ownNames, LEFT_OUT])
  const { chosen, leftOut } = chooseSeries(estate, nowMs, seriesMax)
  for (const series of chosen) {
    const name = prometheusName(series.metric, series.unit)
    const counter = series.kind === MetricKind.CUMULATIVE
    const family = familyFor(families, name, { metric: series.metric, unit: series.unit, counter }, taken)
    const labels = labelsOf(series)
    // Attributes that differ in letters which Prometheus has not are one series there: the newest value counts.
    const same = family.samples.get(labels)
    if (!same || same.timeMs <= series.timeMs) family.samples.set(labels, series)
  }
  const lines = leftOut === 0 ? [] : [`# TYPE ${LEFT_OUT} gauge`, `${LEFT_OUT}{} ${leftOut}`]
  for (const [name, { counter, samples }] of [...families].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(`# TYPE ${name} ${counter ? 'counter' : 'gauge'}`)
    for (const [labels, { value }] of samples) lines.push(`${name}{${labels}} ${value}`)
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

/** Those that were heard lately, bounded: one sender of many series must not make the answer unreadable. */
function chooseSeries(
  estate: TenantEstate,
  nowMs: number,
  seriesMax: number,
): { chosen: Iterable<SeriesState>; leftOut: number } {
  const byRank: SeriesState[][] = [[], [], [], []]
  const known = new Set([...estate.series.all()].map(({ process }) => process))
  let count = 0
  for (const series of estate.series.all()) {
    if (nowMs - series.timeMs > FRESH_MS || !Number.isFinite(series.value)) continue
    // Read from this very answer by a poll of it: given again, each reading would add a copy of all before.
    if (known.has(processAttribute(series) ?? '')) continue
    const kind = series.process.slice(0, series.process.indexOf(':'))
    byRank[RANKS[kind] ?? 3]!.push(series)
    count++
  }
  const chosen = byRank.flat()
  return { chosen: count <= seriesMax ? chosen : chosen.slice(0, seriesMax), leftOut: Math.max(0, count - seriesMax) }
}

/** What an attribute called `process` says; only those that have one are parsed. */
function processAttribute({ attributes }: SeriesState): string | undefined {
  if (!attributes.includes('"process":')) return undefined
  return (JSON.parse(attributes) as Record<string, string>)['process']
}

interface Meaning {
  readonly metric: string
  readonly unit: string
  readonly counter: boolean
}

/** All that stands under one name; a family has one type, and one metric of the agents behind it. */
interface Family extends Meaning {
  readonly samples: Map<string, SeriesState>
}

/** Metrics whose names become the same are told apart by a number, as `a.b` and `a_b`: `a_b`, `a_b_2`. */
function familyFor(families: Map<string, Family>, name: string, meaning: Meaning, taken: ReadonlySet<string>): Family {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}_${number}`
    if (taken.has(candidate)) continue
    const family = families.get(candidate)
    if (family && !isSame(family, meaning)) continue
    if (family) return family
    const added = { ...meaning, samples: new Map<string, SeriesState>() }
    families.set(candidate, added)
    return added
  }
}

function isSame(a: Meaning, b: Meaning): boolean {
  return a.metric === b.metric && a.unit === b.unit && a.counter === b.counter
}

export function prometheusName(metric: string, unit: string): string {
  const base = metric.replaceAll(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_')
  const suffix = UNIT_SUFFIXES[unit] ?? ''
  return suffix !== '' && !base.endsWith(suffix) ? base + suffix : base
}

function labelsOf(series: SeriesState): string {
  const { kind, names } = parseProcessId(series.process)
  const labels = new Map<string, string>()
  if (kind === 'host' || kind === 'os') labels.set('host', names[0] ?? '')
  labels.set('process', series.process)
  for (const [key, value] of Object.entries(JSON.parse(series.attributes) as Record<string, string>)) {
    labels.set(freeLabel(labels, key), value)
  }
  return [...labels].map(([key, value]) => `${key}="${escapeLabel(value)}"`).join(',')
}

/** `host` and `process` are ours always, so that a label means the same for every series. */
const OWN_LABELS = new Set(['host', 'process'])

/** A label that Prometheus takes: no digit first, no `__` first, which it keeps for itself, and none twice. */
function freeLabel(taken: ReadonlyMap<string, string>, attribute: string): string {
  const plain = attribute.replaceAll(/[^A-Za-z0-9_]/g, '_').replace(/^_{2,}/, '_')
  const label = /^\d/.test(plain) ? `_${plain}` : plain
  const base = OWN_LABELS.has(label) || /^_?$/.test(label) ? `attribute_${label}` : label
  let free = base
  for (let number = 2; taken.has(free); number++) free = `${base}_${number}`
  return free
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}
