import { type KpiName, kpis } from '@driftline/proto'

/**
 * The KPIs that forests look at. Left out are the execution time, which only grows for what keeps running; the success
 * rate, which says what the error rate says; and shares of a limit, which repeat the value.
 */
export const featureNames = [
  'error_rate',
  'throughput',
  'cpu',
  'memory',
  'disk_read',
  'disk_write',
  'network_receive',
  'network_transmit',
  'io_share',
  'instances',
] as const satisfies readonly KpiName[]

export const featureCount = featureNames.length

/** The feature of a KPI's number; -1 where there is none. */
export const featureOfKpi = Int8Array.from(kpis, ({ name }) => (featureNames as readonly string[]).indexOf(name))

/**
 * The scale of a feature: plain below `unit` and logarithmic far above it (plain throughout when it is 0), because most
 * KPIs range over orders of magnitude, and a tree splits ranges evenly. Differences below `least` on that scale are no
 * news to anyone: about 5 % of a core where little is used, a tenth of the memory.
 */
const scales: Readonly<Record<(typeof featureNames)[number], { readonly unit: number; readonly least: number }>> = {
  error_rate: { unit: 0, least: 0.1 },
  throughput: { unit: 1, least: 0.1 },
  cpu: { unit: 0.25, least: 0.2 },
  memory: { unit: 67_108_864, least: 0.1 },
  disk_read: { unit: 65_536, least: 0.5 },
  disk_write: { unit: 65_536, least: 0.5 },
  network_receive: { unit: 16_384, least: 0.5 },
  network_transmit: { unit: 16_384, least: 0.5 },
  io_share: { unit: 0, least: 0.05 },
  instances: { unit: 4, least: 0.3 },
}
const units = Float64Array.from(featureNames, (name) => scales[name].unit)

/** A KPI's value on the scale of its feature; NaN stays NaN. */
export function scaled(feature: number, value: number): number {
  const unit = units[feature]!
  // A share far beyond 1 is a mistake of its source, and must not stretch the range of all others.
  if (unit === 0) return Math.min(10, Math.max(-10, value))
  return Math.sign(value) * Math.log1p(Math.abs(value) / unit)
}

/** The smallest difference that means anything, on the scale of a feature. */
export const leastOf = (name: string): number => scales[name as (typeof featureNames)[number]]?.least ?? 0
