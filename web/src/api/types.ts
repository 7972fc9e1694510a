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
  /** Mean deviation from its own normal over the last 4 min, robust standard deviations, signed; null without one. */
  readonly drift: number | null
  /** The KPI that is farthest from its normal now, as `kpiNames` knows it. */
  readonly driftKpi: string | null
  /** Its worst open anomaly in words. */
  readonly reason: string | null
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

/** A point per minute, at most 60, oldest first; null where nothing is known. `endsAt` is the start of the last minute. */
export interface DriftLineAnswer {
  readonly endsAt: string
  readonly deviations: readonly (number | null)[]
}

/** A process as the overview shows it at first; changes do not repeat the drift line. */
export interface OverviewItem extends ProcessItem {
  readonly driftLine: DriftLineAnswer
}

/** What is usual now, by KPI name, in the KPI's unit. */
export type Normals = Readonly<Record<string, { readonly centre: number | null; readonly spread: number | null }>>

export interface ProcessDetail extends ProcessItem {
  readonly driftLine: DriftLineAnswer
  readonly normal: Normals
  readonly firstSeen: string
  readonly learningUntil: string | null
  readonly intervalSeconds: number | null
}

/** Changes of channel `process:<id>`. */
export interface ProcessChanges
  extends Pick<
    ProcessDetail,
    'status' | 'active' | 'lastSeen' | 'category' | 'tags' | 'description' | 'metrics' | 'drift' | 'driftKpi' | 'reason'
  > {
  readonly driftPoint?: { readonly time: string; readonly deviation: number | null }
  readonly normal?: Normals
  readonly anomalies?: readonly Anomaly[]
}

export type Severity = 'info' | 'warning' | 'critical'
export type Verdict = 'real' | 'noise' | 'expected'

/** One excursion of a process from its normal, as it stands. */
export interface Anomaly {
  readonly id: string
  readonly processId: string
  readonly type: string
  readonly severity: Severity
  readonly description: string
  /** When the excursion began. */
  readonly timestamp: string
  /** Null while it lasts. */
  readonly endedAt: string | null
  /** KPI such as `cpu`, or a metric; null when it is about the whole process. */
  readonly metric: string | null
  readonly attributes: Readonly<Record<string, string>>
  /** UCUM. */
  readonly unit: string
  readonly value: number | null
  readonly worstValue: number | null
  readonly expected: { readonly low: number | null; readonly high: number | null; readonly centre: number | null }
  /** Robust standard deviations, or the score of its detector; 0 for rules. */
  readonly score: number
  readonly exhaustedAt: string | null
  readonly contributions: readonly { readonly metric: string; readonly share: number }[]
  readonly metrics: ProcessMetrics | null
  /** The business record or line that it is about; absent where it is about numbers over time. */
  readonly record?: unknown
  readonly verdict: Verdict | null
  readonly alertId: string | null
}

export type AlertStatus = 'open' | 'acknowledged' | 'resolved'

/** An episode that people handle, made from anomalies by a rule. */
export interface Alert {
  readonly id: string
  readonly anomalyId: string
  readonly anomalyIds: readonly string[]
  readonly processId: string
  readonly rule: string
  readonly type: string
  readonly severity: Severity
  readonly message: string
  readonly recipients: readonly string[]
  /** When it was opened. */
  readonly timestamp: string
  readonly status: AlertStatus
  readonly acknowledgedAt: string | null
  readonly acknowledgedBy: string | null
  readonly resolvedAt: string | null
  readonly resolvedBy: string | null
}

/** One message of an alert to one channel. */
export interface Delivery {
  readonly id: string
  readonly channel: string
  /** `opened`, `worsened`, `acknowledged` or `resolved`. */
  readonly event: string
  readonly state: 'pending' | 'delivered' | 'failed' | 'withdrawn'
  readonly attempts: number
  readonly createdAt: string
  readonly deliveredAt: string | null
  readonly nextAttemptAt: string | null
  readonly lastError: string | null
}

export interface AlertDetail extends Alert {
  readonly deliveries: readonly Delivery[]
}

/** Channel `alerts`: what is open and what lasts, then what changed, whole. */
export interface AlertsFrame {
  readonly alerts: readonly Alert[]
  readonly anomalies: readonly Anomaly[]
}

/** How the verdicts of people stand, per type. */
export interface DetectionQuality {
  readonly types: readonly {
    readonly type: string
    readonly found: number
    readonly real: number
    readonly noise: number
    readonly expected: number
    readonly precision: number | null
  }[]
  readonly from: string
  readonly to: string
}

/** What normal was, minute by minute. */
export interface BaselineAnswer {
  readonly processId: string
  readonly metric: string
  readonly unit: string
  /** Seconds. */
  readonly step: number
  readonly points: readonly {
    readonly time: string
    readonly value: number | null
    readonly centre: number | null
    readonly spread: number | null
    readonly deviation: number | null
  }[]
}

export type StatusCounts = Readonly<Record<Status | 'total', number>>

export interface OperationalDashboard {
  readonly processes: OverviewItem[]
  readonly counts: StatusCounts
  readonly alerts: readonly Alert[]
  /** Sum over processes of how far each is, up and down apart, in buckets of 5 min over 24 h. */
  readonly estateDrift: readonly EstateDrift[]
  readonly generatedAt: string
}

export interface EstateDrift {
  readonly time: string
  readonly up: number
  readonly down: number
}

export interface OverviewChanges {
  readonly processes: ProcessItem[]
  readonly counts: StatusCounts
  readonly drift?: readonly { readonly processId: string; readonly time: string; readonly deviation: number | null }[]
  readonly alerts?: readonly Alert[]
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

/** What people set about the detection of a process; what is left out is as the installation has it. */
export interface DetectionSettings {
  readonly enabled?: boolean
  readonly disabledTypes: readonly string[]
  readonly degradationShare?: number
  readonly errorSpikeMultiple?: number
  readonly exhaustionShare?: number
  readonly sensitivity?: number
  readonly thresholds: readonly {
    readonly metric: string
    readonly above?: number
    readonly below?: number
    readonly forSeconds: number
    readonly severity: Severity
  }[]
  readonly expressions: readonly { readonly name: string; readonly expression: string; readonly severity: Severity }[]
}

export interface Detection {
  readonly processId: string
  readonly settings: DetectionSettings
  /** 0 when nothing was ever set. */
  readonly version: number
  readonly effectiveAt: string | null
  readonly published: boolean
  readonly updatedAt: string | null
  readonly updatedBy: string | null
}
