import { kpiNumber, kpis } from '@driftline/proto'

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

/**
 * The same for groups of programs, where a minute has few events: how long a `grep` takes says little.
 */
const meaningfulOfPrograms: Readonly<Record<string, number>> = {
  ...meaningful,
  execution_time: 4000,
  throughput: 0.4,
}

const amountsOf = (table: Readonly<Record<string, number>>): readonly number[] =>
  kpis.map(({ name }) => table[name] ?? 0)
const [ofAll, ofPrograms] = [amountsOf(meaningful), amountsOf(meaningfulOfPrograms)]

/** The least spread of a KPI by its number, in its unit. */
export const resolutionOf = (kpi: number, isOfPrograms: boolean): number =>
  ((isOfPrograms ? ofPrograms : ofAll)[kpi] ?? 0) / 4

/** Counts of which a few more or less are nothing; for other plain series the resolution is read off their values. */
const units: ReadonlyMap<string, number> = new Map([
  ['{thread}', 2],
  ['{file_descriptor}', 4],
])

export const resolutionOfUnit = (unit: string): number => units.get(unit) ?? 0

const executionTime = kpiNumber('execution_time')

/**
 * The least spread as a share of the centre after so many minutes: a few of them that happen to be alike say little of
 * the next ones. Plain series are often far from zero, so that a share of them is much.
 */
export function centreShare(minutes: number, kpi: number, isOfPrograms: boolean): number {
  if (kpi === executionTime && isOfPrograms) return 0.25
  return minutes >= SETTLED_MINUTES
    ? LEAST_SHARE
    : Math.max(LEAST_SHARE, ((kpi < 0 ? 0.1 : 0.4) * Math.sqrt(Math.sqrt(minutes))) / minutes)
}

const LEAST_SHARE = 0.01
const SETTLED_MINUTES = 180
