import type { ProcessKind } from '../process-id.ts'

export type Status = 'ok' | 'warning' | 'critical' | 'silent' | 'learning'

/** KPIs of one process at one moment; null is "no data". Times in ms, rates per second, shares 0..1 of the limit. */
export interface ProcessMetrics {
  readonly processId: string
  readonly executionTime: number | null
  readonly successRate: number | null
  readonly errorRate: number | null
  readonly throughput: number | null
  readonly resourceUtilization: {
    readonly cpu: number | null
    readonly memory: number | null
    readonly io: number | null
    readonly network: number | null
  }
  readonly timestamp: string | null
  readonly values?: RawValues
}

/** The values behind the shares: CPU in cores, memory in bytes. */
export interface RawValues {
  readonly cpuCores: number | null
  readonly memoryBytes: number | null
  readonly readBytesPerSecond: number | null
  readonly writeBytesPerSecond: number | null
  readonly networkReceiveBytesPerSecond: number | null
  readonly networkTransmitBytesPerSecond: number | null
  readonly instances: number | null
}

/** A process in the overview. */
export interface OverviewProcess {
  readonly processId: string
  readonly kind: ProcessKind
  readonly name: string
  readonly status: Status
  readonly category: string | null
  readonly tags: readonly string[]
  readonly active: boolean
  readonly metrics: ProcessMetrics | null
  readonly lastSeen: string | null
}

export interface OperationalDashboard {
  readonly processes: OverviewProcess[]
  readonly counts: Partial<Record<Status, number>>
  readonly alerts: readonly unknown[]
  readonly generatedAt: string
}

export interface OverviewChanges {
  readonly processes: OverviewProcess[]
  readonly counts: Partial<Record<Status, number>>
  readonly removed: string[]
}

/** One operating-system process in a host's table. `cpu` in cores; `group` is the process id it counts to. */
export interface ProcessRow {
  readonly pid: number
  readonly ppid: number
  readonly startTime: string
  readonly name: string
  readonly command: string
  readonly user: string
  readonly state: string
  readonly cpu: number
  readonly rssBytes: number
  readonly virtualBytes: number
  readonly readBytesPerSecond: number
  readonly writeBytesPerSecond: number
  readonly threads: number
  readonly openFiles: number | null
  readonly group: string
  readonly container: string | null
  readonly kernelThread: boolean
}

/** Channel `host:<host>/processes`: the whole table, then what changed. */
export interface HostSnapshot {
  readonly host: string
  readonly time: string
  readonly description: HostDescription | null
  readonly rows: ProcessRow[]
}

export interface HostChanges {
  readonly time: string
  readonly upserts: (Partial<ProcessRow> & { pid: number })[]
  readonly removed: number[]
}

export interface HostDescription {
  readonly hostname?: string
  readonly os?: string
  readonly kernel?: string
  readonly cores?: number
  readonly memoryBytes?: number
  readonly bootTime?: string
  readonly agentVersion?: string
}

export interface Host {
  readonly host: string
  readonly processId?: string
  readonly status?: Status
  readonly lastSeen?: string | null
  readonly description?: HostDescription | null
  readonly metrics?: ProcessMetrics | null
}

export type Role = 'viewer' | 'operator' | 'admin'

export interface User {
  readonly id: string
  readonly username: string
  readonly displayName?: string | null
  readonly role: Role
  readonly createdAt?: string
}
