import type {
  ChecksTable,
  CredentialsTable,
  FlowsTable,
  FlowVersionsTable,
  NetworkPoliciesTable,
  ReportDeliveriesTable,
  ReportFilesTable,
  ReportSchedulesTable,
  VaultKeysTable,
} from './flow-tables.ts'

/**
 * The tables of the metadata store, as code sees them: booleans are `boolean`, times are `Date`, JSON is its value.
 * Every key starts with the tenant, except for what belongs to the installation as a whole.
 * The columns themselves are made in `migrations/`.
 */
export interface Database {
  tenants: TenantsTable
  users: UsersTable
  sessions: SessionsTable
  api_keys: ApiKeysTable
  process_settings: ProcessSettingsTable
  settings: SettingsTable
  audit_log: AuditLogTable
  writer_positions: WriterPositionsTable
  install: InstallTable
  analyzer_checkpoints: AnalyzerCheckpointsTable
  alert_episodes: AlertEpisodesTable
  alert_anomalies: AlertAnomaliesTable
  alert_deliveries: AlertDeliveriesTable
  alert_requests: AlertRequestsTable
  anomaly_verdicts: AnomalyVerdictsTable
  detection_settings: DetectionSettingsTable
  sources: SourcesTable
  source_status: SourceStatusTable
  source_requests: SourceRequestsTable
  flows: FlowsTable
  flow_versions: FlowVersionsTable
  checks: ChecksTable
  network_policies: NetworkPoliciesTable
  vault_keys: VaultKeysTable
  credentials: CredentialsTable
  report_schedules: ReportSchedulesTable
  report_files: ReportFilesTable
  report_deliveries: ReportDeliveriesTable
}

/** What JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined }

interface TenantsTable {
  tenant: string
  name: string
  created_at: Date
}

/** Key (tenant, id); `username` is unique in its tenant, lower case. */
export interface UsersTable {
  tenant: string
  id: string
  username: string
  /** Argon2id in PHC notation. */
  password_hash: string
  role: string
  active: boolean
  created_at: Date
  updated_at: Date
  /** When the password was last set; sessions that began earlier are gone. */
  password_set_at: Date
  last_sign_in_at: Date | null
}

/** Key (tenant, token_hash); the hash alone is unique as well, because a token does not name its tenant. */
interface SessionsTable {
  tenant: string
  /** SHA-256 of the token, hexadecimal. The token itself is stored nowhere. */
  token_hash: string
  user_id: string
  created_at: Date
  last_used_at: Date
  /** When it ends however busy it is. */
  expires_at: Date
  address: string
}

/** Key (tenant, id). */
export interface ApiKeysTable {
  tenant: string
  id: string
  name: string
  /** SHA-256 of the key, hexadecimal, unique. */
  key_hash: string
  /** First characters of the key, so that people recognise it. */
  prefix: string
  /** A role, or the scope `ingest`. */
  role: string
  created_by: string
  created_at: Date
  last_used_at: Date | null
  revoked_at: Date | null
}

/** Key (tenant, process). What people set about a process; a process without a row has none of it. */
interface ProcessSettingsTable {
  tenant: string
  process: string
  category: string | null
  tags: readonly string[]
  description: string | null
  active: boolean
  updated_at: Date
  updated_by: string
}

/** Key (tenant, key). */
interface SettingsTable {
  tenant: string
  key: string
  value: Json
  updated_at: Date
  updated_by: string
}

/** Key (tenant, id); ids rise with time, so ordering by id is ordering by time. */
interface AuditLogTable {
  tenant: string
  id: string
  at: Date
  /** `user:<id>`, `key:<id>` or `system`. */
  actor: string
  /** A stable word with a dot, such as `user.create`. */
  action: string
  /** What it was done to, such as `user:<id>`. */
  subject: string
  detail: Json
}

/**
 * Key (topic, partition). How far the writer has come; no tenant, for a partition carries all of them.
 * Changed by compare-and-set: `update ... set version = version + 1 where version = <read> returning version`.
 */
interface WriterPositionsTable {
  topic: string
  partition: number
  /** Offset of the first record that is not yet in the store. */
  next_offset: number
  /** The insert that was about to happen, in the writer's notation; null when none is open. */
  intent: string | null
  /** Highest sequence per source and epoch, in the writer's notation. */
  sequences: string
  version: number
}

/** Key (partition). The state of the analyzer where it has no disk of its own; no tenant, for a partition carries all. */
interface AnalyzerCheckpointsTable {
  partition: number
  /** Raised by each new owner: one that lost the partition cannot overwrite what the next has stored. */
  version: number
  /** The checkpoint's bytes as base64; empty when none has been stored. */
  state: string
  updated_at: Date
}

export type SeverityName = 'info' | 'warning' | 'critical'
export type AlertStatusName = 'open' | 'acknowledged' | 'resolved'

/**
 * Key (tenant, id). An episode that people handle. Made by the alerter; people's decisions change it where they are
 * taken, by a conditional update that raises `version`. The alerter publishes every version above `published_version`.
 */
export interface AlertEpisodesTable {
  tenant: string
  id: string
  /** Process and type: what is alike goes into one episode while it is open. */
  episode_key: string
  /** Tenant and episode key while it is not resolved, else null. Unique: there is one open episode of a key. */
  open_key: string | null
  /** The anomaly that opened it. */
  anomaly_id: string
  process: string
  rule: string
  type: string
  severity: SeverityName
  status: AlertStatusName
  message: string
  /** Where it goes, without secrets. */
  recipients: readonly string[]
  opened_at: Date
  updated_at: Date
  acknowledged_at: Date | null
  acknowledged_by: string | null
  resolved_at: Date | null
  /** `user:<id>`, `key:<id>` or `system`. */
  resolved_by: string | null
  version: number
  published_version: number
}

/** Key (tenant, anomaly_id). Which episode an anomaly belongs to, and whether it lasts. */
interface AlertAnomaliesTable {
  tenant: string
  anomaly_id: string
  /** Null for one that was over before it could make an alert: an earlier record of it that comes late is then known. */
  alert_id: string | null
  active: boolean
  /** Of the last record that was taken in. */
  revision: number
  updated_at: Date
}

/** Key (tenant, id). The outbox: written in the transaction that changes the episode, sent afterwards. */
export interface AlertDeliveriesTable {
  tenant: string
  /** Also the id that receivers see, the same on every attempt. */
  id: string
  alert_id: string
  /** Version of the alert that it tells of; deliveries of an alert to one target go out in this order. */
  alert_version: number
  /** Name of the channel in the configuration. */
  channel: string
  /** Who of the channel: a recipient's address; empty where a channel has but one. */
  target: string
  /** What happened to the alert: `opened`, `worsened`, `acknowledged`, `resolved`. */
  event: string
  /** What is sent, as it was then. */
  payload: Json
  state: 'pending' | 'delivered' | 'failed' | 'withdrawn'
  attempts: number
  created_at: Date
  next_attempt_at: Date
  delivered_at: Date | null
  /** Who sends it now, until when. */
  leased_until: Date
  lease_owner: string | null
  last_error: string | null
}

/** Key (tenant, anomaly_id). Anomalies that somebody asked an alert for; the alerter makes it and deletes the row. */
interface AlertRequestsTable {
  tenant: string
  anomaly_id: string
  /** The encoded Anomaly, base64. */
  anomaly: string
  requested_by: string
  created_at: Date
}

/** Key (tenant, anomaly_id). What people say of a finding. */
interface AnomalyVerdictsTable {
  tenant: string
  anomaly_id: string
  process: string
  type: string
  verdict: 'real' | 'noise' | 'expected'
  decided_by: string
  updated_at: Date
}

/**
 * Key (tenant, process). What people set about the detection of a process: JSON of DetectionSettings. Whoever changes
 * it publishes a SettingsChange and then raises `published_version`; what was not published is published later.
 */
interface DetectionSettingsTable {
  tenant: string
  process: string
  value: Json
  version: number
  published_version: number
  /** Event time from which it holds. */
  effective_at: Date
  updated_at: Date
  updated_by: string
}

/**
 * Key (tenant, id); the name is unique among those of a kind. Where data comes from, as people defined it. The services
 * that read them follow `version`.
 */
export interface SourcesTable {
  tenant: string
  id: string
  /** `mqtt`, `file`, `syslog`, `push`. */
  kind: string
  name: string
  active: boolean
  /** The definition without its secrets, of the shape that its kind has. */
  value: Json
  /** Passwords and keys, sealed; null without any. */
  secrets: string | null
  /** `user`, or `file` for what driftline.yaml defines. */
  managed_by: string
  version: number
  created_at: Date
  updated_at: Date
  updated_by: string
}

/** Key (tenant, source, instance). How a source is doing at one instance of the service that reads it. */
export interface SourceStatusTable {
  tenant: string
  source: string
  instance: string
  service: string
  detail: Json
  updated_at: Date
}

/** Key (tenant, id). What the service that reads a source is asked to do for a person, and its answer. */
export interface SourceRequestsTable {
  tenant: string
  id: string
  /** `preview` or `replay`. */
  kind: string
  service: string
  /** Id of the source; empty for one that is not saved yet. */
  source: string
  /** What is asked, sealed: drafts hold secrets, and payloads are not for everybody. */
  sealed: string
  state: 'open' | 'done' | 'failed'
  answer: Json
  lease_owner: string | null
  leased_until: Date
  created_at: Date
  /** Nobody waits for it any longer. */
  expires_at: Date
  updated_at: Date
  requested_by: string
}

/** One row. */
interface InstallTable {
  id: string
  created_at: Date
}

export type ColumnKind = 'boolean' | 'date' | 'json'

type ColumnsHolding<T> = {
  [Table in keyof Database]: {
    [Column in keyof Database[Table]]: Database[Table][Column] extends T | null ? Column : never
  }[keyof Database[Table]]
}[keyof Database]

/**
 * Columns that the database holds in another shape than code does. A name means the same in every table, because rows
 * of a result do not say which table they come from. The compiler refuses a list that lacks a boolean or a date.
 */
export const columnKinds = {
  active: 'boolean',
  at: 'date',
  created_at: 'date',
  updated_at: 'date',
  password_set_at: 'date',
  last_sign_in_at: 'date',
  last_used_at: 'date',
  expires_at: 'date',
  revoked_at: 'date',
  opened_at: 'date',
  acknowledged_at: 'date',
  resolved_at: 'date',
  next_attempt_at: 'date',
  delivered_at: 'date',
  leased_until: 'date',
  requested_at: 'date',
  saved_at: 'date',
  effective_at: 'date',
  due_at: 'date',
  tags: 'json',
  recipients: 'json',
  hosts: 'json',
  payload: 'json',
  attachments: 'json',
  value: 'json',
  detail: 'json',
  answer: 'json',
  progress: 'json',
} as const satisfies Readonly<Record<ColumnsHolding<boolean>, 'boolean'>> &
  Readonly<Record<ColumnsHolding<Date>, 'date'>> &
  Readonly<Record<string, ColumnKind>>
