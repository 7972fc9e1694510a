/** How a source is doing at one instance of its service, as it is stored and shown. Times in milliseconds since 1970. */
export interface SourceStatusDetail {
  /** `waiting`: ready, nothing has come yet. */
  readonly state: 'connecting' | 'waiting' | 'receiving' | 'failed' | 'stopped'
  /** For people: what is wrong and what to do; empty when all is well. */
  readonly message: string
  readonly sinceMs: number
  /** Short facts for the header, such as `MQTT 5`, `TLS`, `41 topics`. */
  readonly about: readonly string[]
  /** Messages, lines or requests: what the source speaks in. */
  readonly eventsPerSecond: number
  readonly samplesPerSecond: number
  readonly bytesPerSecond: number
  /** Since the service started. */
  readonly events: number
  readonly samples: number
  readonly rows: number
  readonly bytes: number
  readonly lastEventMs: number | null
  /** From the time of the newest event to durable. */
  readonly lagMs: number | null
  /** What was refused, by reason, most often first; at most 20. */
  readonly refused: readonly RefusedLine[]
  /** What was left out on purpose, by reason. */
  readonly filtered: readonly { readonly reason: string; readonly count: number }[]
  readonly series: number
  /** Topics that no mapping matches, busiest first; at most 200. */
  readonly unmapped: readonly UnmappedTopic[]
  readonly unmappedTotal: number
  /** Files, or topics that are mapped; at most 200. */
  readonly parts: readonly SourcePart[]
}

export interface RefusedLine {
  readonly reason: string
  readonly count: number
  readonly lastMs: number
  /** Of the last one. */
  readonly detail: string
  readonly subject: string
}

export interface UnmappedTopic {
  readonly topic: string
  readonly perSecond: number
  readonly lastMs: number
  /** Kind of payload, as far as it can be told: `json`, `number`, `csv`, `sparkplug`, `text`, `binary`. */
  readonly payload: string
  /** First bytes of the last message, as text. */
  readonly example: string
  /** A mapping that would take it and its siblings, of the shape of MqttMapping; null when none can be proposed. */
  readonly proposal: unknown
}

export interface SourcePart {
  readonly name: string
  readonly perSecond: number
  readonly lastMs: number | null
  /** Such as `offset 1.2 MB of 1.2 MB`, `rotated`, or why it is not read. */
  readonly detail: string
  readonly failed: boolean
}
