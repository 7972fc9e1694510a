import { type KpiName, kpis } from '@driftline/proto'

/** What an excursion of a KPI has to amount to, over what is usual and in the KPI's own unit. */
interface Amounts {
  /** Worth an anomaly at all; four floors of the spread, so that it also holds for what never moves. */
  readonly info: number
  /** Worth somebody's attention. */
  readonly warning: number
  /** Worth waking somebody, when it is also three times what is usual, or a third of it. */
  readonly critical: number
}

const MB = 1024 * 1024

/** KPIs that are not here are not watched: age is no performance, and errors have a detector of their own. */
const table: Readonly<Partial<Record<KpiName, Amounts>>> = {
  execution_time: { info: 20, warning: 100, critical: 5000 },
  success_rate: { info: 0.02, warning: 0.1, critical: 0.5 },
  throughput: { info: 0.2, warning: 1, critical: 20 },
  cpu: { info: 0.05, warning: 0.1, critical: 0.8 },
  memory: { info: 16 * MB, warning: 64 * MB, critical: 2048 * MB },
  disk_read: { info: 64_000, warning: 1_000_000, critical: 100_000_000 },
  disk_write: { info: 64_000, warning: 1_000_000, critical: 100_000_000 },
  network_receive: { info: 64_000, warning: 500_000, critical: 50_000_000 },
  network_transmit: { info: 64_000, warning: 500_000, critical: 50_000_000 },
  io_share: { info: 0.05, warning: 0.25, critical: 0.7 },
  instances: { info: 4, warning: 10, critical: 200 },
}

/** By number of the KPI; null for those that are not watched. */
export const amounts: readonly (Amounts | null)[] = kpis.map(({ name }) => table[name] ?? null)
