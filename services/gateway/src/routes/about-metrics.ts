import { groupMetrics, hostMetrics } from '@driftline/proto'

const ABOUT = new Map([...Object.values(groupMetrics), ...Object.values(hostMetrics)].map((m) => [m.name, m.about]))

/** What a metric of our own sources says, for people; null for others. */
export function aboutMetric(name: string): string | null {
  return ABOUT.get(name as Parameters<typeof ABOUT.get>[0]) ?? null
}
