// Every type that a caller sees. This file imports nothing, so that its declarations stand alone.

/** Shares from 0 to 1 of the limit: the cgroup's where there is one, else the host's. Null: no data. */
export interface ResourceUtilization {
  cpu: number | null
  memory: number | null
  io: number | null
  network: number | null
}

/** The figures of a process over one bucket. Null: no data, never 0. */
export interface ProcessMetrics {
  processId: string
  /** Milliseconds. */
  executionTime: number | null
  /** 0 to 1. */
  successRate: number | null
  /** 0 to 1. */
  errorRate: number | null
  /** Events per second. */
  throughput: number | null
  resourceUtilization: ResourceUtilization
  timestamp: Date
}

export type KpiName = 'executionTime' | 'successRate' | 'errorRate' | 'throughput' | 'cpu' | 'memory' | 'io' | 'network'

/** What is usual: the centre, and the robust standard deviation around it. Null while it is being learnt. */
export interface Normal {
  centre: number | null
  spread: number | null
}

/** Figures over a range: one point per step that has data, oldest first. */
export interface PerformanceMetrics {
  processId: string
  from: Date
  to: Date
  /** Seconds. */
  step: number
  points: ProcessMetrics[]
  baseline: Partial<Record<KpiName, Normal>>
}

export type Severity = 'info' | 'warning' | 'critical'

/** One excursion of a process from its normal. */
export interface Anomaly {
  id: string
  processId: string
  /** Such as `performance_degradation`. */
  type: string
  severity: Severity
  /** In words, with numbers and units. */
  description: string
  /** When it began. */
  timestamp: Date
  /** Null while it lasts. */
  endedAt: Date | null
  /** KPI or metric that left its normal; null when it is about the process as a whole. */
  metric: string | null
  value: number | null
  expected: { low: number | null; high: number | null; centre: number | null }
  /** Figures of the process at its last record; null when there were none. */
  metrics: ProcessMetrics | null
}

export type AlertStatus = 'open' | 'acknowledged' | 'resolved'

/** An episode that people handle. */
export interface Alert {
  id: string
  anomalyId: string
  processId: string
  severity: Severity
  message: string
  /** Where it went, such as `email:ops@example.org`. */
  recipients: string[]
  timestamp: Date
  status: AlertStatus
}

export interface KpiTrend {
  current: number | null
  average: number | null
  minimum: number | null
  maximum: number | null
  /** In units of the KPI per hour. */
  changePerHour: number | null
  trend: 'rising' | 'falling' | 'steady' | null
}

export interface AnalyticsResult {
  processId: string
  period: { from: Date; to: Date }
  kpis: Partial<Record<KpiName, KpiTrend>>
  /** Count by type. */
  anomalies: Record<string, number>
  /** Findings in words. */
  insights: string[]
  /** Null while there is no model. */
  forecast: null
  recommendations: string[]
}

export type ProcessStatus = 'ok' | 'warning' | 'critical' | 'silent' | 'learning'

export interface VisibleProcess {
  processId: string
  name: string
  status: ProcessStatus
  /** Mean deviation from its own normal over the last four minutes, robust standard deviations, signed. */
  drift: number | null
  metrics: ProcessMetrics | null
}

export interface OperationalDashboard {
  processes: VisibleProcess[]
  counts: Record<string, number>
  /** Open alerts. */
  alerts: Alert[]
  /** Drift of the whole estate over 24 h. */
  estateDrift: { time: Date; up: number; down: number }[]
  generatedAt: Date
}

/** A range of time; the last hour when left out. */
export interface Range {
  readonly from?: Date
  readonly to?: Date
}

export interface ClientConfig {
  /** Host and port of the monitor service, such as `127.0.0.1:8091`. */
  readonly address: string
  /** An API key with at least the right to read, or a session token. */
  readonly apiKey: string
  /** False: no encryption (the default, for loopback); true: TLS; or the PEM text of the authority to trust. */
  readonly tls?: boolean | string
  /** How long an answer may take, milliseconds; 10,000. */
  readonly timeoutMs?: number
}

/** Why an operation failed. `unavailable` and `timeout` may succeed when tried again. */
export type DriftlineErrorCode =
  | 'not_found'
  | 'invalid_argument'
  | 'unauthenticated'
  | 'forbidden'
  | 'rate_limited'
  | 'unavailable'
  | 'timeout'
  | 'internal'

/** The six operations. Each rejects with a DriftlineError. */
export interface DriftlineClient {
  /** The newest figures of a process. Errors: `not_found`. */
  monitorProcess(processId: string): Promise<ProcessMetrics>
  /** Figures over a range, with the baseline. `step` in seconds. Errors: `not_found`, `invalid_argument`. */
  trackPerformance(processId: string, range?: Range & { readonly step?: number }): Promise<PerformanceMetrics>
  /** Newest first, closed ones included; `limit` 1 to 1000, else 100. Errors: `not_found`. */
  detectAnomalies(processId: string, options?: { readonly limit?: number }): Promise<Anomaly[]>
  /** The alert of an anomaly, made when there is none. Errors: `not_found`, `forbidden`. */
  manageAlerts(anomaly: Pick<Anomaly, 'id'>): Promise<Alert>
  /** Trends and findings in words. Errors: `not_found`, `invalid_argument`. */
  analyzeProcess(processId: string, range?: Range): Promise<AnalyticsResult>
  /** All processes with status and drift, and the open alerts. */
  provideVisibility(): Promise<OperationalDashboard>
  /** Ends the connection; operations under way reject. */
  close(): void
}
