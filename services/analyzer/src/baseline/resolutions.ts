import { kpis } from '@driftline/proto'

/**
 * What a KPI has to move by before it is worth a word, in its own unit. A quarter of it is the floor of the spread, so
 * that four robust standard deviations are never less. Below these, idle programs are always in motion.
 */
const meaningful: Readonly<Record<string, number>> = {
  execution_time: 20,
  success_rate: 0.02,
  error_rate: 0.02,
  throughput: 0.2,
  cpu: 0.05,
  memory: 16 * 1024 * 1024,
  disk_read: 64_000,
  disk_write: 64_000,
  network_receive: 64_000,
  network_transmit: 64_000,
  io_share: 0.05,
  instances: 4,
}

/** By number of the KPI; 0 for those that are not in the table. */
const meaningfulAmount: readonly number[] = kpis.map(({ name }) => meaningful[name] ?? 0)

/** The least spread of a KPI by its number; 0 for plain series, whose resolution is read off their values. */
export const resolutionOf = (kpi: number): number => (kpi < 0 ? 0 : (meaningfulAmount[kpi] ?? 0) / 4)
