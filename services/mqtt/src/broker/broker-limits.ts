/** Bounds of the embedded broker. What happens beyond each is written beside it, and counted. */
export interface BrokerLimits {
  /** Larger packets end their connection. */
  readonly packetBytesMax: number
  /** Connections, let in or not; further ones are told that the server is unavailable. */
  readonly clientsMax: number
  /** How long a connection may take to say who it is; then it is closed. */
  readonly connectTimeoutMs: number
  /** Further subscriptions of a client are refused in the SUBACK. */
  readonly subscriptionsPerClientMax: number
  /** Messages above it wait, and their publisher with them. */
  readonly messagesPerClientSecond: number
  /** A retained message beyond these is delivered and not kept. */
  readonly retainedMax: number
  readonly retainedBytesMax: number
  /** Sessions that outlive their connection; beyond, a client gets one that does not. */
  readonly sessionsMax: number
  readonly sessionExpiryMs: number
  /** What waits for subscribers that are away; beyond, further messages are not kept for them. */
  readonly queuedPerSessionMax: number
  readonly queuedBytesMax: number
  /** A subscriber that does not read for so long is disconnected: the others wait for it. */
  readonly slowSubscriberMs: number
  /** How often keys are looked at again. */
  readonly recheckMs: number
}

export const brokerLimits: BrokerLimits = {
  packetBytesMax: 262_144,
  clientsMax: 5000,
  connectTimeoutMs: 10_000,
  subscriptionsPerClientMax: 100,
  messagesPerClientSecond: 2000,
  retainedMax: 10_000,
  retainedBytesMax: 32 * 1_048_576,
  sessionsMax: 1000,
  sessionExpiryMs: 24 * 3_600_000,
  queuedPerSessionMax: 1000,
  queuedBytesMax: 32 * 1_048_576,
  slowSubscriberMs: 3000,
  recheckMs: 60_000,
}
