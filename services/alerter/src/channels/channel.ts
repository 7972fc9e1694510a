import type { Json } from '@driftline/platform/metadata/tables'

/** What happens to an alert that people hear of. */
export const alertEvents = ['opened', 'worsened', 'acknowledged', 'resolved'] as const
export type AlertEvent = (typeof alertEvents)[number]

/** A delivery, ready to be sent. */
export interface Message {
  /** The same on every attempt; letters, digits and underscores. */
  readonly id: string
  readonly alertId: string
  readonly event: AlertEvent
  /** One of the channel's targets. */
  readonly target: string
  /** What was written to the outbox: `alertPayload` made it. */
  readonly payload: Json
}

/**
 * What became of an attempt. `reason` is shown to people and logged: never a secret, a path of an address, or what the
 * receiver answered. `busy` is alive and asks for a pause; `refused` would be refused again.
 */
export type SendResult =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'busy'; readonly reason: string; readonly retryAfterMs: number | null }
  | { readonly kind: 'unavailable'; readonly reason: string; readonly retryAfterMs: number | null }
  | { readonly kind: 'refused'; readonly reason: string }

export interface SendContext {
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number
  /** Aborted when the attempt has taken too long. */
  readonly signal: AbortSignal
  /** Called when the first byte is about to leave. */
  onFirstByte(): void
}

/** What takes deliveries: of alerts a `Channel`, of reports their mail. */
export interface Sender<Delivery> {
  /** Unique; names it in the outbox and in metrics. */
  readonly name: string
  /** Never throws for what the receiver does; ends soon after `signal` is aborted. */
  send(delivery: Delivery, context: SendContext): Promise<SendResult>
}

/** A way to tell people. One folder per kind, one line in `registry.ts`. */
export interface Channel extends Sender<Message> {
  /** Such as `webhook`. */
  readonly kind: string
  /** Events that it tells of. */
  readonly events: readonly AlertEvent[]
  /** Each gets a delivery of its own: an address; or one empty text. */
  readonly targets: readonly string[]
  /** A target for people, without secrets, such as `email:ops@example.org`. */
  recipient(target: string): string
}
