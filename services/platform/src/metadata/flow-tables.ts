import type { Json } from './tables.ts'

/** Key (tenant, id); the id is the process id, `flow:...`. */
export interface FlowsTable {
  tenant: string
  id: string
  name: string
  category: string
  active: boolean
  /** The definition. */
  value: Json
  /** `user`, or `file` for what driftline.yaml or a file it names defines. */
  managed_by: string
  version: number
  created_at: Date
  updated_at: Date
  updated_by: string
}

/** Key (tenant, flow, version): every definition that was ever saved, until its flow is removed. */
export interface FlowVersionsTable {
  tenant: string
  flow: string
  version: number
  value: Json
  saved_at: Date
  saved_by: string
}

/** Key (tenant, id). Runs that are asked for or under way, and those that ended within the last hour. */
export interface ChecksTable {
  tenant: string
  id: string
  flow: string
  flow_version: number
  state: 'pending' | 'running' | 'ended'
  run_trigger: 'button' | 'schedule' | 'event' | 'api'
  initiated_by: string
  initiated_by_name: string
  /** Key of the event that began it; empty otherwise. */
  correlation: string
  requested_at: Date
  lease_owner: string | null
  leased_until: Date
  cancelled_by: string | null
  /** The last RunEvent as JSON, at most a second old while it runs; null before it began. */
  progress: Json
  updated_at: Date
}

/** Key (tenant): where checks may connect to, and how often. */
export interface NetworkPoliciesTable {
  tenant: string
  value: Json
  version: number
  updated_at: Date
  updated_by: string
}

/** Key (tenant, id). Keys that seal what a tenant keeps in the vault; unique per tenant among the active ones. */
export interface VaultKeysTable {
  tenant: string
  id: string
  /** The key, sealed with the installation's. */
  sealed: string
  /** Seals. Others are there only where the installation's key of then is not, should it come back. */
  active: boolean
  created_at: Date
}

/** Key (tenant, name). What steps and polls sign in with. */
export interface CredentialsTable {
  tenant: string
  name: string
  /** Random; what it is sealed to, so that another one of the same name does not open it. */
  id: string
  kind: string
  /** Patterns of hosts that may see it, for lists; what counts is sealed with the fields. */
  hosts: readonly string[]
  about: string
  /** Kind, hosts and fields as JSON, sealed with the tenant's data key. */
  sealed: string
  version: number
  created_at: Date
  updated_at: Date
  updated_by: string
  /** At most a minute behind. */
  last_used_at: Date | null
}

/** Key (tenant, id). A report that is made again and again and sent by mail. */
export interface ReportSchedulesTable {
  tenant: string
  id: string
  name: string
  active: boolean
  /** What is made, when, and for whom. */
  value: Json
  version: number
  /** When it is made next. */
  due_at: Date
  /** Attempts to make the one that is due. */
  attempts: number
  lease_owner: string | null
  leased_until: Date
  /** Why the last one could not be made; null after one that was. */
  last_error: string | null
  created_at: Date
  updated_at: Date
  updated_by: string
}

/** Key (tenant, id). What is sent: a mail with its attachments, the same for every recipient. */
export interface ReportFilesTable {
  tenant: string
  id: string
  schedule: string
  subject: string
  message: string
  /** A list of `{name, contentType, content}`, the content as base64; empty once nobody waits for it. */
  attachments: Json
  created_at: Date
}

/** Key (tenant, id). The outbox of reports: as `alert_deliveries`, each about a file. */
export interface ReportDeliveriesTable {
  tenant: string
  /** Also the id that receivers see, the same on every attempt. */
  id: string
  file: string
  channel: string
  target: string
  payload: Json
  state: 'pending' | 'delivered' | 'failed' | 'withdrawn'
  attempts: number
  created_at: Date
  next_attempt_at: Date
  delivered_at: Date | null
  leased_until: Date
  lease_owner: string | null
  last_error: string | null
}
