import { MetricKind } from '@driftline/proto'

/** How a metric of Prometheus is to be read. */
export interface Reading {
  readonly kind: MetricKind
  readonly unit: string
}

const CUMULATIVE_SUFFIX = /_(?:total|count|sum|bucket)$/
/** Units that the naming rules of Prometheus put into names, in UCUM. */
const units: Readonly<Record<string, string>> = {
  seconds: 's',
  bytes: 'By',
  ratio: '1',
  percent: '%',
  celsius: 'Cel',
  volts: 'V',
  amperes: 'A',
  watts: 'W',
  joules: 'J',
  grams: 'g',
  meters: 'm',
  hertz: 'Hz',
}

/** Types of the protocol's metadata, by number. */
const COUNTER = 1
const GAUGE = 2
const HISTOGRAM = 3
const SUMMARY = 5

interface Family {
  readonly type: number
  readonly unit: string
}

/** What senders of one source said about their metrics, at most so many. */
export interface MetricFamilies {
  /** Answers whether series of the family are read another way from now on. */
  learn(name: string, type: number, unit: string): boolean
  readingOf(metric: string): Reading
}

export function createMetricFamilies(maxSize: number): MetricFamilies {
  const families = new Map<string, Family>()
  const readingOf = (metric: string): Reading => {
    const base = metric.replace(/_(?:count|sum|bucket)$/, '')
    const family = families.get(metric) ?? families.get(base)
    return { kind: kindOf(metric, family), unit: unitOf(metric, family) }
  }
  return {
    readingOf,
    learn(name, type, unit) {
      const before = families.get(name)
      if (before?.type === type && before.unit === unit) return false
      if (before === undefined && families.size >= maxSize) return false
      const members = [name, `${name}_count`, `${name}_sum`]
      const readings = members.map(readingOf)
      families.set(name, { type, unit: units[unit] ?? unit })
      return members.some((member, index) => {
        const now = readingOf(member)
        return now.kind !== readings[index]!.kind || now.unit !== readings[index]!.unit
      })
    },
  }
}

function kindOf(metric: string, family: Family | undefined): MetricKind {
  if (family?.type === COUNTER) return MetricKind.CUMULATIVE
  if (family?.type === GAUGE) return MetricKind.GAUGE
  if (family?.type === HISTOGRAM || family?.type === SUMMARY) {
    // What is left of a summary without its suffixes are quantiles.
    return /_(?:count|sum|bucket)$/.test(metric) ? MetricKind.CUMULATIVE : MetricKind.GAUGE
  }
  return CUMULATIVE_SUFFIX.test(metric) ? MetricKind.CUMULATIVE : MetricKind.GAUGE
}

function unitOf(metric: string, family: Family | undefined): string {
  if (/_(?:count|bucket)$/.test(metric)) return ''
  if (family !== undefined && family.unit !== '') return family.unit
  const words = metric.replace(CUMULATIVE_SUFFIX, '').split('_')
  const last = words.at(-1) ?? ''
  return Object.hasOwn(units, last) ? units[last]! : ''
}
