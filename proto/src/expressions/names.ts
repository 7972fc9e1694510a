import { type KpiName, kpiNumber, kpis } from '../kpis.ts'

/** Where the numbers of a name come from: a KPI of the process, or a metric. */
export interface ExpressionInput {
  readonly source: 'kpi' | 'metric'
  readonly name: string
}

/** One way to read a name. */
export interface Reading {
  readonly input: ExpressionInput
  /** UCUM; null while nobody knows. */
  readonly unit: string | null
}

/** Short names, and what they may mean: the first that fits what it is compared with. */
const SHORT: ReadonlyMap<string, readonly KpiName[]> = new Map([
  ['cpu', ['cpu', 'cpu_share']],
  ['memory', ['memory', 'memory_share']],
  ['io', ['io_share']],
  ['network', ['network_share']],
])

/** Tells the unit of a metric (UCUM, empty for plain numbers); undefined for one that has not been seen. */
export type UnitOf = (metric: string) => string | undefined

/** What a name may mean: a metric that is known goes before a KPI of that name. */
export function readingsOf(name: string, unitOf: UnitOf): readonly Reading[] {
  const unit = unitOf(name)
  if (unit !== undefined) return [{ input: { source: 'metric', name }, unit }]
  const meant = SHORT.get(name) ?? (kpiNumber(name) === -1 ? [] : [name])
  if (meant.length === 0) return [{ input: { source: 'metric', name }, unit: null }]
  return meant.map((kpi) => ({ input: { source: 'kpi', name: kpi }, unit: kpis[kpiNumber(kpi)]!.unit }))
}
