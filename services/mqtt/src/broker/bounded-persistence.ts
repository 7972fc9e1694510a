import type { BrokerLimits } from './broker-limits.ts'

/** What the library keeps for its clients; its memory store, of which only these parts are bounded here. */
export interface Persistence {
  addSubscriptions(client: { readonly id: string }, subscriptions: readonly unknown[]): Promise<void>
  cleanSubscriptions(client: { readonly id: string }): Promise<void>
  outgoingEnqueueCombi(sessions: readonly { readonly clientId: string }[], packet: QueuedPacket): Promise<void>
  outgoingClearMessageId(client: { readonly id: string }, packet: unknown): Promise<QueuedPacket | undefined>
  outgoingStream(client: { readonly id: string }): AsyncIterable<QueuedPacket>
}

export interface QueuedPacket {
  payload: Buffer
  messageId?: number
}

export interface SessionStore {
  /** Whether another session may outlive its connection. */
  hasRoomFor(clientId: string): boolean
  seen(clientId: string, nowMs: number): void
  /** Forgets sessions that nobody has come back to. */
  expire(nowMs: number): Promise<void>
  readonly sessions: number
  readonly queuedBytes: number
}

/**
 * Bounds the memory store in place: sessions, and what waits in them. Payloads are copied, because a small one may
 * otherwise keep the whole chunk alive that it came in.
 */
export function boundPersistence(
  persistence: Persistence,
  limits: BrokerLimits,
  on: { readonly isConnected: (clientId: string) => boolean; readonly dropped: (count: number) => void },
): SessionStore {
  const lastSeenMs = new Map<string, number>()
  const queued = new Map<string, number>()
  let queuedBytes = 0
  const { addSubscriptions, cleanSubscriptions, outgoingEnqueueCombi, outgoingClearMessageId } = bound(persistence)

  /** Who is back has as much again, because the library cuts off a client that it could not queue a message for. */
  const roomOf = (clientId: string): number => limits.queuedPerSessionMax * (on.isConnected(clientId) ? 2 : 1)

  persistence.addSubscriptions = async (client, subscriptions) => {
    if (!lastSeenMs.has(client.id)) lastSeenMs.set(client.id, 0)
    await addSubscriptions(client, subscriptions)
  }
  persistence.cleanSubscriptions = async (client) => {
    lastSeenMs.delete(client.id)
    await cleanSubscriptions(client)
  }
  persistence.outgoingEnqueueCombi = async (sessions, packet) => {
    if (sessions.length === 0) return
    const room = sessions.filter(
      ({ clientId }) =>
        (queued.get(clientId) ?? 0) < roomOf(clientId) && queuedBytes + packet.payload.length <= limits.queuedBytesMax,
    )
    if (room.length < sessions.length) on.dropped(sessions.length - room.length)
    for (const { clientId } of room) {
      queued.set(clientId, (queued.get(clientId) ?? 0) + 1)
      queuedBytes += packet.payload.length
    }
    if (room.length > 0) {
      await outgoingEnqueueCombi(room, Object.assign(packet, { payload: Buffer.from(packet.payload) }))
    }
  }
  persistence.outgoingClearMessageId = async (client, packet) => {
    const cleared = await outgoingClearMessageId(client, packet)
    const count = queued.get(client.id)
    if (cleared !== undefined && count !== undefined) {
      queuedBytes -= cleared.payload?.length ?? 0
      if (count > 1) queued.set(client.id, count - 1)
      else queued.delete(client.id)
    }
    return cleared
  }

  const forget = async (id: string): Promise<void> => {
    await persistence.cleanSubscriptions({ id })
    for await (const packet of persistence.outgoingStream({ id })) {
      await persistence.outgoingClearMessageId({ id }, packet)
    }
  }
  return {
    hasRoomFor: (clientId) => lastSeenMs.has(clientId) || lastSeenMs.size < limits.sessionsMax,
    seen(clientId, nowMs) {
      if (lastSeenMs.has(clientId)) lastSeenMs.set(clientId, nowMs)
    },
    async expire(nowMs) {
      for (const [clientId, seenMs] of lastSeenMs) {
        if (on.isConnected(clientId) || seenMs === 0) lastSeenMs.set(clientId, nowMs)
        else if (nowMs - seenMs > limits.sessionExpiryMs) await forget(clientId)
      }
    },
    get sessions() {
      return lastSeenMs.size
    },
    get queuedBytes() {
      return queuedBytes
    },
  }
}

function bound(persistence: Persistence): Persistence {
  return {
    addSubscriptions: persistence.addSubscriptions.bind(persistence),
    cleanSubscriptions: persistence.cleanSubscriptions.bind(persistence),
    outgoingEnqueueCombi: persistence.outgoingEnqueueCombi.bind(persistence),
    outgoingClearMessageId: persistence.outgoingClearMessageId.bind(persistence),
    outgoingStream: persistence.outgoingStream.bind(persistence),
  }
}
