/** A message as the transport hands it to the mapping. Reading it is synchronous; it is acknowledged later. */
export interface MqttMessage {
  readonly topic: string
  /** Only valid while it is read: copy what must live longer. */
  readonly payload: Buffer
  readonly qos: 0 | 1 | 2
  /**
   * What the broker had kept and sent because we subscribed: a state that was true at some time before, not something
   * that happened now. A message that is published while we are subscribed has it unset, whatever its publisher asked.
   */
  readonly retained: boolean
  /** The broker has sent it before, and does not know whether we had it (QoS 1 and 2). */
  readonly repeated: boolean
  /** When it came, milliseconds since the Unix epoch: the event time of what carries none. */
  readonly arrivalMs: number
}

/** A message that a mapping wants sent, such as a request for rebirth. */
export interface OutgoingMessage {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: 0 | 1
  readonly retain: boolean
}

/** What the broker publishes for us when we are gone without saying so. */
export type LastWill = OutgoingMessage
