/** A key performance indicator that baselines and detectors watch. */
export interface Kpi {
  /** Its name in baselines, anomalies and expressions. */
  readonly name: string
  /** For people, as it begins a sentence. */
  readonly label: string
  /** UCUM. */
  readonly unit: string
  /** Which way is bad for the process; `either` where both tell of trouble. */
  readonly worse: 'up' | 'down' | 'either'
  /** Whether a baseline is kept. Shares repeat the value they are a share of, so they have limits instead. */
  readonly baseline: boolean
}

const kpi = (name: string, label: string, unit: string, worse: Kpi['worse'], baseline: boolean): Kpi => ({
  name,
  label,
  unit,
  worse,
  baseline,
})

/** In the order of the arrays of KpiBatch and of the fields of KpiValues: the place in this list is a KPI's number. */
export const kpis = [
  kpi('execution_time', 'Execution time', 'ms', 'up', true),
  kpi('success_rate', 'Success rate', '1', 'down', true),
  kpi('error_rate', 'Error rate', '1', 'up', true),
  kpi('throughput', 'Throughput', '/s', 'either', true),
  kpi('cpu', 'CPU', '{cpu}', 'up', true),
  kpi('memory', 'Memory', 'By', 'up', true),
  kpi('disk_read', 'Disk read', 'By/s', 'up', true),
  kpi('disk_write', 'Disk write', 'By/s', 'up', true),
  kpi('network_receive', 'Network receive', 'By/s', 'either', true),
  kpi('network_transmit', 'Network transmit', 'By/s', 'either', true),
  kpi('cpu_share', 'CPU share', '1', 'up', false),
  kpi('memory_share', 'Memory share', '1', 'up', false),
  kpi('io_share', 'Disk busy', '1', 'up', true),
  kpi('network_share', 'Network share', '1', 'up', false),
  kpi('instances', 'Instances', '{process}', 'either', true),
] as const satisfies readonly Kpi[]

export type KpiName = (typeof kpis)[number]['name']

const numbers = new Map<string, number>(kpis.map(({ name }, at) => [name, at]))

/** The number of a KPI; -1 for what is none. */
export const kpiNumber = (name: string): number => numbers.get(name) ?? -1

/**
 * Whether a line of a BaselineBatch is part of its process's drift. Of hosts and their groups the KPIs are: their other
 * series repeat them or say little. Of what sends its own series (devices, services) all are.
 */
export const isPartOfDrift = (process: string, attributes: string): boolean =>
  attributes === '' || !/^(host|os):/.test(process)
