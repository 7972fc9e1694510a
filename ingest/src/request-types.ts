import type { Role } from './definitions/mqtt.ts'
import type { SourceKind } from './definitions/source.ts'

/** A draft that somebody looks at before it is saved. Secrets that were not typed anew are those of the saved source. */
export interface PreviewAsk {
  readonly kind: SourceKind
  /** Id of the saved source that is edited; empty for a new one. */
  readonly source: string
  readonly definition: unknown
  readonly secrets: unknown
}

/** What would be produced from what really comes in, newest first; replaced as a whole while the preview is open. */
export interface PreviewAnswer {
  readonly state: 'connecting' | 'waiting' | 'receiving' | 'failed'
  /** For people: what is wrong, or what is waited for. */
  readonly message: string
  readonly perSecond: number
  /** At most 20. */
  readonly items: readonly PreviewItem[]
  /** How many inputs match no mapping, and which (at most 50). */
  readonly unmapped: readonly { readonly topic: string; readonly perSecond: number }[]
  /** For logs: the format that was found, and why; null elsewhere. */
  readonly detected: DetectedFormat | null
}

export interface DetectedFormat {
  readonly format: string
  /** 0 to 1: share of the lines that it reads. */
  readonly confidence: number
  readonly reason: string
  /** Fields of the lines with what they look like. */
  readonly fields: readonly {
    readonly name: string
    readonly example: string
    readonly looksLike: 'time' | 'level' | 'duration' | 'amount' | 'size' | 'status' | 'number' | 'text'
    readonly unit: string
  }[]
}

export interface PreviewItem {
  readonly timeMs: number
  /** Topic, path of a file, address. */
  readonly subject: string
  /** First 4,096 bytes as text. */
  readonly payload: string
  /** Parts of `payload` that became something, as offsets in UTF-16 units. */
  readonly marks: readonly { readonly from: number; readonly to: number }[]
  readonly produced: readonly ProducedSample[]
  /** Fields of a line or record; null where there are none. */
  readonly fields: Readonly<Record<string, string | number | boolean>> | null
  readonly refusals: readonly { readonly reason: string; readonly at: string; readonly detail: string }[]
  /** Rules that would flag it. */
  readonly flagged: readonly string[]
}

export interface ProducedSample {
  readonly process: string
  readonly metric: string
  readonly attributes: Readonly<Record<string, string>>
  readonly unit: string
  readonly role: Role
  readonly value: number
}

/** A dead letter that is to be taken in again, as if it came now. */
export interface ReplayAsk {
  readonly letter: string
  readonly source: string
  readonly subject: string
  /** When it came first, milliseconds since the Unix epoch: the event time of what carries none. */
  readonly receivedMs: number
  /** base64 */
  readonly payload: string
}

export type ReplayAnswer =
  | { readonly outcome: 'accepted'; readonly samples: number; readonly rows: number }
  | { readonly outcome: 'refused'; readonly reason: string; readonly detail: string }
