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
  /** Start of the bucket that the figures are of. */
  readonly timestamp: string
  readonly values: RawValues
}

/** The values behind the shares: CPU in cores, memory in bytes. */
interface RawValues {
  readonly cpuCores: number | null
  readonly memoryBytes: number | null
  readonly readBytesPerSecond: number | null
  readonly writeBytesPerSecond: number | null
  readonly networkReceiveBytesPerSecond: number | null
  readonly networkTransmitBytesPerSecond: number | null
  readonly instances: number | null
  /** Load average over 1 min, of hosts that have one. */
  readonly load1: number | null
}

/** A process as lists and the overview show it. */
export interface ProcessItem {
  readonly processId: string
  readonly kind: ProcessKind
  /** Last name of the id, unescaped. */
  readonly name: string
  readonly host: string | null
  readonly status: Status
  /** Deviation from its own normal in robust standard deviations; null without a baseline. */
  readonly drift: number | null
  readonly category: string | null
  readonly tags: readonly string[]
  readonly description: string | null
  /** False when switched off, or when all its instances ended an hour ago. */
  readonly active: boolean
  readonly metrics: ProcessMetrics | null
  readonly lastSeen: string
  /** When the last instance of a group ended; null while it has one. */
  readonly endedAt: string | null
}

/** CPU in cores, a point each 5 s up to the moment shown, oldest first, at most 60; null where nothing was heard. */
type Trail = readonly (number | null)[]

export interface ProcessDetail extends ProcessItem {
  readonly firstSeen: string
  readonly learningUntil: string | null
  readonly intervalSeconds: number | null
}

export type StatusCounts = Readonly<Record<Status | 'total', number>>

export interface OperationalDashboard {
  readonly processes: (ProcessItem & { readonly trail: Trail })[]
  readonly counts: StatusCounts
  readonly alerts: readonly unknown[]
  readonly generatedAt: string
}

export interface OverviewChanges {
  readonly processes: ProcessItem[]
  readonly counts: StatusCounts
  readonly removed: string[]
}

type ProcessState = 'unknown' | 'running' | 'sleeping' | 'disk-sleep' | 'stopped' | 'zombie' | 'idle'

/** One operating-system process in a host's table. `cpu` in cores; `group` is the process id it counts to. */
export interface ProcessRow {
  readonly pid: number
  readonly ppid: number
  /** With the pid it names an instance. */
  readonly startTime: string
  readonly name: string
  /** Redacted by the agent; empty for kernel threads. */
  readonly command: string
  readonly user: string
  readonly state: ProcessState
  readonly cpu: number | null
  readonly rssBytes: number | null
  readonly virtualBytes: number | null
  readonly readBytesPerSecond: number | null
  readonly writeBytesPerSecond: number | null
  readonly threads: number | null
  readonly openFiles: number | null
  readonly group: string
  readonly container: string | null
  readonly kernelThread: boolean
}

/** Channel `host:<host>/processes`: the whole table, then what changed. */
export interface HostSnapshot {
  readonly host: string
  readonly time: string | null
  readonly description: HostDescription | null
  readonly rows: ProcessRow[]
}

export interface HostChanges {
  readonly time: string
  readonly upserts: (Partial<ProcessRow> & { pid: number })[]
  readonly removed: number[]
}

/** `GET /hosts/{host}/processes`: never paged. */
export interface HostTable {
  readonly host: string
  readonly time: string | null
  readonly description: HostDescription | null
  readonly items: ProcessRow[]
  readonly nextCursor: null
}

export interface HostDescription {
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

export interface Host {
  readonly host: string
  readonly processId: string
  readonly status: Status
  readonly description: HostDescription | null
  readonly processCount: number
  readonly metrics: ProcessMetrics | null
  readonly lastSeen: string
}

export type Role = 'viewer' | 'operator' | 'admin'

export interface CurrentUser {
  readonly kind: 'user' | 'api-key'
  readonly userId: string | null
  readonly username: string
  readonly role: Role
  readonly tenant: string
  readonly permissions: readonly string[]
}

export interface CurrentSession {
  readonly expiresAt: string | null
  readonly user: CurrentUser
}

export interface User {
  readonly id: string
  readonly username: string
  readonly role: Role
  readonly active: boolean
  readonly createdAt: string
  readonly lastSignInAt: string | null
}

/** A role, or `ingest`, which may only send data. */
export type KeyRole = Role | 'ingest'

export interface ApiKey {
  readonly id: string
  readonly name: string
  readonly role: KeyRole
  readonly prefix: string
  readonly createdBy: string
  readonly createdAt: string
  readonly lastUsedAt: string | null
  readonly revokedAt: string | null
}

export interface ApiKeyCreated extends ApiKey {
  /** Shown this once. */
  readonly key: string
}

export interface SourceItem {
  readonly source: string
  readonly kind: 'agent' | 'mqtt-topic'
  readonly name: string
  readonly status: 'ok' | 'silent'
  readonly version: string | null
  readonly samplesPerSecond: number
  readonly lastEvent: string
  readonly lagSeconds: number
  readonly missedBatches: number
}

export interface DeadLetter {
  readonly time: string
  readonly service: string
  readonly source: string
  readonly reason: string
  readonly detail: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly payloadSize: number
  /** Its first bytes, base64. */
  readonly payload: string
}

/** Driftline about itself. */
export interface SystemStatus {
  readonly version: string
  readonly startedAt: string
  /** When the first data came; null before it. */
  readonly dataSince: string | null
  /** When the last host has been learned; null when all are. */
  readonly learningUntil: string | null
  readonly samplesPerSecond: number
  readonly sourceToScreen: { readonly medianMs: number | null; readonly p99Ms: number | null }
  readonly spooledBatches: number
  readonly deadLetters: { readonly last24h: number | null; readonly total: number | null }
  readonly storage: {
    readonly bytes: number | null
    readonly rows: number | null
    readonly tables: readonly { readonly table: string; readonly bytes: number; readonly rows: number }[]
  }
  readonly liveClients: number
  readonly slowClientsDropped: number
  readonly estate: { readonly hosts: number; readonly processes: number; readonly series: number }
  readonly caches: readonly {
    readonly name: string
    readonly about: string
    readonly lifetimeSeconds: number
    readonly entries: number
    readonly limit: number
    readonly hits: number
    readonly misses: number
  }[]
  /** Where agents connect; null for what the server does not know. */
  readonly agents: {
    readonly address: string | null
    readonly port: number | null
    readonly tls: boolean | null
    readonly loopbackOnly: boolean | null
  }
  readonly warnings: readonly string[]
}

export interface Retention {
  readonly rawSeconds: number
  readonly rollupSeconds: number
  readonly cost: {
    readonly rawBytes: number | null
    readonly rollupBytes: number | null
    readonly bytesPerSample: number | null
    readonly bytesPerDay: number | null
  }
}
