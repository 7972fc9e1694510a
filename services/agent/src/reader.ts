import type { Metric } from '@driftline/proto/metrics'
import type { InstanceTable } from './table.ts'

/** What does not change while the host runs; as `HostDescription` of the wire. */
export interface HostFacts {
  readonly osName: string
  readonly osVersion: string
  readonly kernel: string
  readonly architecture: string
  readonly logicalCpus: number
  readonly memoryBytes: number
  readonly bootTimeMs: number
}

/** Takes the values of host metrics. A value that is not finite is left out of the batch. */
export interface HostSink {
  /** A number for a series, for this scan: one that is not asked for during minutes may be given to another series. */
  series(metric: Metric, attributes?: Readonly<Record<string, string>>): number
  set(series: number, value: number): void
}

/** The seam between the agent and the operating system. */
export interface ProcessReader {
  /** Once, before the first scan. Errors: `data_dir_unusable` when the source of processes cannot be read. */
  facts(): Promise<HostFacts>
  /**
   * Brings the table up to date. Rates are over the time since the scan before; the first scan has none.
   * The caller has called `table.beginScan()`.
   */
  scanProcesses(table: InstanceTable): Promise<void>
  scanHost(host: HostSink): Promise<void>
  close(): void
}
