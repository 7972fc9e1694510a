import { agentMetrics, groupMetrics, hostMetrics, type Metric } from '@driftline/proto'

const METRICS = [groupMetrics, hostMetrics, agentMetrics].flatMap((metrics): Metric[] => Object.values(metrics))
const ABOUT = new Map(METRICS.map(({ name, about }) => [name, about]))

/** What a metric of our own sources says, for people; null for others. */
export function aboutMetric(name: string): string | null {
  return ABOUT.get(name) ?? null
}
