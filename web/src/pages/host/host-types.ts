import type { ProcessMetrics, Status } from '../../api/types.ts'
import type { ProcessChanges, ProcessRow } from '../../tree/process-table.ts'

/** What does not change while a host runs, as the gateway says it. */
export interface HostFacts {
  readonly osName: string
  readonly osVersion: string
  readonly kernel: string
  readonly architecture: string
  readonly logicalCpus: number
  readonly memoryBytes: number
  readonly bootTime: string | null
  readonly agentVersion: string
  readonly intervalSeconds: number
}

/** Answer of `/hosts/{host}/processes`. */
export interface HostTableAnswer {
  readonly host: string
  readonly time: string | null
  readonly description: HostFacts | null
  readonly items: readonly ProcessRow[]
}

/** Snapshot of channel `host:<host>/processes`. */
export interface HostTableSnapshot {
  readonly host: string
  readonly time: string | null
  readonly description: HostFacts | null
  readonly rows: readonly ProcessRow[]
}

export interface HostTableChanges extends ProcessChanges {
  readonly time: string
}

/** An item of `/hosts`. */
export interface HostEntry {
  readonly host: string
  readonly processId: string
  readonly status: Status
  readonly description: HostFacts | null
  readonly processCount: number
  readonly metrics: ProcessMetrics | null
  readonly lastSeen: string | null
}

/** `Ubuntu 24.04`; agents that cannot tell leave parts out. */
export function osWords(facts: HostFacts): string {
  const words = `${facts.osName} ${facts.osVersion}`.trim()
  return words || facts.kernel
}
