import { kpiNumber, type KpiName as ProtoKpi } from '@driftline/proto'
import type { KpiValues } from '../estate/kpi-columns.ts'
import type { KpiName } from '../schemas/analytics.ts'

export interface Normal {
  readonly centre: number | null
  readonly spread: number | null
}
/** What is usual of a KPI, by its number. */
export type NormalOf = (kpi: number) => Normal

const unknown: Normal = { centre: null, spread: null }

/**
 * What is usual in the client's terms. Baselines of CPU and memory are in cores and bytes: as shares they are scaled by
 * the limit that the newest share tells. Network is what is received and sent together.
 */
export function clientNormals(normalOf: NormalOf, newest: KpiValues | null): Record<KpiName, Normal> {
  const of = (name: ProtoKpi): Normal => normalOf(kpiNumber(name))
  const amountOf = (name: ProtoKpi): number => newest?.[kpiNumber(name)] ?? Number.NaN
  const scaled = (amounts: readonly ProtoKpi[], share: ProtoKpi): Normal => {
    const limit = amounts.reduce((sum, name) => sum + amountOf(name), 0) / amountOf(share)
    return Number.isFinite(limit) && limit > 0 ? sharesOf(amounts.map(of), limit) : unknown
  }
  return {
    executionTime: of('execution_time'),
    successRate: of('success_rate'),
    errorRate: of('error_rate'),
    throughput: of('throughput'),
    cpu: scaled(['cpu'], 'cpu_share'),
    memory: scaled(['memory'], 'memory_share'),
    io: of('io_share'),
    network: scaled(['network_receive', 'network_transmit'], 'network_share'),
  }
}

/** Centres add up; spreads add up as those of independent numbers do. */
function sharesOf(parts: readonly Normal[], limit: number): Normal {
  let centre = 0
  let squares = 0
  for (const part of parts) {
    if (part.centre === null || part.spread === null) return unknown
    centre += part.centre
    squares += part.spread ** 2
  }
  return { centre: centre / limit, spread: Math.sqrt(squares) / limit }
}
