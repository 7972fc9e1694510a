export type LogLevel = 'none' | 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'
export type FieldValue = string | number | boolean | null

export interface LogLine {
  readonly id: string
  readonly time: string
  readonly processId: string
  /** OpenTelemetry severity number, 0 to 24. */
  readonly severity: number
  readonly level: LogLevel
  readonly body: string
  /** Whether `body` is not all of it; one line by its id is whole. */
  readonly truncated: boolean
  /** What was read of it, names with dots. */
  readonly fields: Readonly<Record<string, FieldValue>>
  /** Template that it follows, 16 hexadecimal digits. */
  readonly pattern: string | null
  /** Path of the file, or address of the sender. */
  readonly origin: string
  readonly source: string
}

export interface LogPage {
  readonly items: LogLine[]
  readonly nextCursor: string | null
  readonly from: string
  readonly to: string
  /** Processes that were searched; null for all. */
  readonly processes: readonly string[] | null
}

export interface LogHistogram {
  readonly from: string
  readonly to: string
  readonly stepSeconds: number
  readonly total: number
  readonly times: readonly string[]
  /** Levels that occur, least severe first. */
  readonly levels: readonly {
    readonly level: LogLevel
    readonly total: number
    readonly counts: readonly number[]
  }[]
}

export interface LogFields {
  readonly sampled: number
  readonly fields: readonly {
    readonly name: string
    readonly type: 'number' | 'text' | 'boolean' | 'mixed'
    readonly count: number
    readonly distinct: number
    readonly min: number | null
    readonly max: number | null
    readonly values: readonly { readonly value: FieldValue; readonly count: number }[]
  }[]
}

export interface LogPattern {
  readonly id: string
  readonly processId: string
  /** `<*>` stands for what differs. */
  readonly template: string
  readonly example: string
  readonly severity: number
  readonly level: LogLevel
  readonly firstSeen: string
  /** Within the range; null when it does not occur in it. */
  readonly lastSeen: string | null
  readonly isNew: boolean
  readonly count: number
  readonly before: number
  readonly trend: 'new' | 'rising' | 'steady' | 'falling' | 'gone'
  /** Of all lines in the range, 0 to 1. */
  readonly share: number
  /** Lines in each of 30 equal parts of the range. */
  readonly counts: readonly number[]
}

export interface LogPatterns {
  readonly from: string
  readonly to: string
  readonly total: number
  /** New ones first, then the most frequent. */
  readonly items: readonly LogPattern[]
}

export interface LogContext {
  /** Of the same origin, oldest first. */
  readonly before: readonly LogLine[]
  readonly line: LogLine
  readonly after: readonly LogLine[]
}

/** Channel `logs:<process>`: lines from now on, oldest first. */
export interface LogTailSnapshot {
  readonly processes: readonly string[]
}
export interface LogTailChanges {
  readonly lines: readonly LogLine[]
  /** Lines since the frame before that are not among them. */
  readonly dropped: number
}
