/** Definitions of sources as the gateway takes and gives them. Not readonly: the editor works on a copy. */

export type SourceKind = 'mqtt' | 'file' | 'syslog' | 'push' | 'poll'
/** What a value is used as: a KPI of its process, a plain level, or nothing. */
export type Role = 'level' | 'executionTime' | 'success' | 'events' | 'ignore'
export type TimeFormat = 'auto' | 'iso' | 's' | 'ms' | 'us' | 'ns'

export interface FilterDefinition {
  duplicates: boolean
  unchanged: boolean
  noiseBand?: { absolute?: number; share?: number }
  keepEverySeconds: number
  samplingRate: number
  minIntervalSeconds?: number
  rowSamplingRate: number
  rowMinSeverity: number
  only?: string[]
  except?: string[]
}

export interface RecordRule {
  name: string
  expression: string
  severity: 'info' | 'warning' | 'critical'
  unit?: string
}

export interface MqttField {
  path: string
  metric: string
  unit: string
  role: Role
  attributes?: Record<string, string>
}

export type MqttPayload = 'auto' | 'json' | 'number' | 'csv' | 'text' | 'sparkplug'

export interface MqttMapping {
  topic: string
  process: string
  payload: MqttPayload
  time?: { path?: string; format: TimeFormat }
  metric?: string
  unit: string
  role: Role
  fields?: MqttField[]
  attributes?: Record<string, string>
  csv?: { header: boolean; columns?: string[]; delimiter: string }
  rules?: RecordRule[]
  keepRecords: boolean
}

export interface MqttDefinition {
  broker: {
    url: string
    protocol: '5' | '3.1.1'
    clientId?: string
    username?: string
    authority?: string
    certificate?: string
    serverName?: string
    sessionExpirySeconds: number
  }
  mappings: MqttMapping[]
  discover: string[]
  sparkplug?: { groups: string[]; hostId?: string }
  silentAfterSeconds: number
  filter?: FilterDefinition
}

export type LogFormat =
  | 'auto'
  | 'json'
  | 'logfmt'
  | 'common'
  | 'combined'
  | 'nginx-error'
  | 'apache-error'
  | 'rfc3164'
  | 'rfc5424'
  | 'pattern'
  | 'plain'
export type Aggregation = 'sum' | 'count' | 'mean' | 'min' | 'max' | 'last' | 'quantiles'

export interface LogMetric {
  field: string
  metric: string
  unit: string
  aggregation: Aggregation
  by?: string[]
}

export interface LineReading {
  format: LogFormat
  pattern?: string
  time?: { field?: string; format: TimeFormat | 'clf' }
  timeZone: string
  level?: string
  duration?: { field: string; unit: 's' | 'ms' | 'us' | 'ns' }
  metrics: LogMetric[]
  patterns: boolean
  rules: RecordRule[]
}

interface LineSource {
  process?: string
  relatedProcess?: string
  reading: LineReading
  filter?: FilterDefinition
}

export interface FileDefinition extends LineSource {
  paths: string[]
  exclude: string[]
  from: 'end' | 'beginning'
  multiline?: { start?: string; indented: boolean; maxLines: number }
  instance?: string
}

export interface SyslogDefinition extends LineSource {
  udpPort?: number
  tcpPort?: number
  bind?: string
  allow?: string[]
  instance?: string
  byHost: boolean
}

export type PushDoor = 'samples' | 'records' | 'otlp' | 'remote-write'

export interface PushDefinition {
  door: PushDoor
  /** Id of the API key that sends. */
  key: string
  kpis?: { executionTime?: string; events?: string; failedEvents?: string }
  rules: RecordRule[]
  filter?: FilterDefinition
}

export type PollType = 'rest' | 'graphql' | 'sql' | 'file' | 'prometheus'

export interface PollMetric {
  metric: string
  value: string
  unit: string
  kind: 'gauge' | 'counter'
  scale: number
  attributes: Record<string, string>
}

export interface PollDefinition {
  everySeconds: number
  timeoutSeconds?: number
  type: PollType
  checkConfiguration: Record<string, unknown>
  process?: string
  rows?: string
  time?: string
  metrics: PollMetric[]
  rules: RecordRule[]
  filter?: FilterDefinition
}

export interface Definitions {
  mqtt: MqttDefinition
  file: FileDefinition
  syslog: SyslogDefinition
  push: PushDefinition
  poll: PollDefinition
}

/** What is sealed of a definition: it goes in and never comes back. */
export interface SourceSecrets {
  password?: string
  privateKey?: string
}

/** What would be produced from what really comes in, newest first. Channel `preview:<id>` sends it whole each time. */
export interface Preview {
  readonly id: string
  readonly expiresAt: string
  readonly state: 'asked' | 'connecting' | 'waiting' | 'receiving' | 'failed' | 'ended'
  readonly message: string
  readonly perSecond: number
  readonly items: readonly PreviewItem[]
  readonly unmapped: readonly { readonly topic: string; readonly perSecond: number }[]
  readonly detected: DetectedFormat | null
}

export type LooksLike = 'time' | 'level' | 'duration' | 'amount' | 'size' | 'status' | 'number' | 'text'

export interface DetectedFormat {
  readonly format: string
  /** 0 to 1: share of the lines that it reads. */
  readonly confidence: number
  readonly reason: string
  readonly fields: readonly {
    readonly name: string
    readonly example: string
    readonly looksLike: LooksLike
    readonly unit: string
  }[]
}

export interface PreviewItem {
  readonly time: string
  readonly subject: string
  readonly payload: string
  /** Parts of `payload` that became something, as offsets in UTF-16 units. */
  readonly marks: readonly Mark[]
  readonly produced: readonly ProducedSample[]
  readonly fields: Readonly<Record<string, string | number | boolean>> | null
  readonly refusals: readonly { readonly reason: string; readonly at: string; readonly detail: string }[]
  readonly flagged: readonly string[]
}

export interface Mark {
  readonly from: number
  readonly to: number
}

export interface ProducedSample {
  readonly process: string
  readonly metric: string
  readonly attributes: Readonly<Record<string, string>>
  readonly unit: string
  readonly role: Role
  readonly value: number | null
}

export type SourceStatus = 'ok' | 'waiting' | 'connecting' | 'silent' | 'failed' | 'stopped' | 'unmapped'

export interface RefusedLine {
  readonly reason: string
  readonly count: number
  readonly last: string
  readonly detail: string
  readonly subject: string
}

/** One source as the list shows it; what a kind does not have is null, 0 or empty. */
export interface SourceItem {
  readonly source: string
  readonly kind: 'agent' | SourceKind | 'mqtt-topic'
  readonly name: string
  readonly status: SourceStatus
  readonly message: string
  readonly active: boolean
  readonly about: readonly string[]
  readonly version: string | null
  readonly eventsPerSecond: number
  readonly samplesPerSecond: number
  readonly bytesPerSecond: number
  readonly lastEvent: string | null
  readonly lagSeconds: number | null
  readonly missedBatches: number
  readonly series: number
  readonly refused: number
  readonly lastRefusal: RefusedLine | null
  readonly filtered: number
  readonly unmapped: number
  readonly limitExceeded: string | null
  readonly processId: string | null
  readonly relatedProcess: string | null
  readonly managedBy: 'agent' | 'user' | 'file' | 'system'
  readonly topic: {
    readonly source: string
    readonly sourceName: string
    readonly payload: string
    readonly example: string
    readonly proposal: unknown
  } | null
}

export interface UnmappedTopic {
  readonly topic: string
  readonly perSecond: number
  readonly last: string
  readonly payload: string
  readonly example: string
  readonly proposal: unknown
}

export interface SourcePart {
  readonly name: string
  readonly perSecond: number
  readonly last: string | null
  readonly detail: string
  readonly failed: boolean
}

/** How it is doing at one instance of the service that reads it. Sums are since that service started. */
export interface SourceInstance {
  readonly instance: string
  readonly service: string
  readonly state: 'connecting' | 'waiting' | 'receiving' | 'failed' | 'stopped'
  readonly message: string
  readonly since: string
  readonly updatedAt: string
  readonly stale: boolean
  readonly about: readonly string[]
  readonly eventsPerSecond: number
  readonly samplesPerSecond: number
  readonly bytesPerSecond: number
  readonly events: number
  readonly samples: number
  readonly rows: number
  readonly bytes: number
  readonly lastEvent: string | null
  readonly lagSeconds: number | null
  readonly refused: readonly RefusedLine[]
  readonly filtered: readonly { readonly reason: string; readonly count: number }[]
  readonly series: number
  readonly unmapped: readonly UnmappedTopic[]
  readonly unmappedTotal: number
  readonly parts: readonly SourcePart[]
}

export interface SourceDetail extends SourceItem {
  readonly definition: Readonly<Record<string, unknown>> | null
  readonly definitionProblems: readonly { readonly parameter: string; readonly reason: string }[]
  readonly secretsSet: readonly string[]
  readonly revision: number
  readonly createdAt: string | null
  readonly updatedAt: string | null
  readonly updatedBy: string | null
  readonly instances: readonly SourceInstance[]
  readonly deadLetters24h: number | null
}

/** Channel `sources`. */
export interface SourcesSnapshot {
  readonly items: readonly SourceItem[]
}
export interface SourcesChanges extends SourcesSnapshot {
  readonly removed: readonly string[]
}

export interface ReplayResult {
  readonly state: 'pending' | 'accepted' | 'refused' | 'failed'
  readonly reason: string
  readonly detail: string
  readonly samples: number
  readonly rows: number
  readonly at: string
  readonly by: string | null
}

/** What became of a letter that was replayed. */
export interface LetterReplay {
  readonly id: string
  readonly replay: ReplayResult
}

export interface DeadLetter {
  /** Empty where the producer gave none: such a letter can be listed only. */
  readonly id: string
  readonly time: string
  readonly service: string
  readonly source: string
  readonly sourceName: string | null
  readonly subject: string
  readonly reason: string
  readonly detail: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly payloadSize: number
  /** Its first bytes, base64. */
  readonly payload: string
  /** Those bytes as text. */
  readonly preview: string
  readonly replayable: boolean
  readonly replay: ReplayResult | null
}

export interface DeadLetterDetail extends DeadLetter {
  /** Null when the payload is not UTF-8. */
  readonly text: string | null
  readonly hex: string
}

export interface DeadLetterCount {
  readonly reason: string
  readonly service: string
  readonly source: string
  readonly sourceName: string | null
  readonly count: number
  readonly last: string
  readonly detail: string
  readonly subject: string
  readonly replayable: number
  /** One number for each hour, oldest first. */
  readonly counts: readonly number[]
}

export interface DeadLetterSummary {
  readonly from: string
  readonly to: string
  readonly total: number
  readonly items: readonly DeadLetterCount[]
}

export interface ReplayAnswer {
  readonly asked: number
  readonly skipped: number
  readonly more: boolean
  readonly results: readonly LetterReplay[]
}
