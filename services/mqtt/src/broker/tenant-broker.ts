import type { Duplex } from 'node:stream'
import type { Clock } from '@driftline/platform/clock'
import type { Aedes, AedesPublishPacket, Client, PublishPacket } from 'aedes'
import type { MqttMessage, OutgoingMessage } from '../message.ts'
import { boundPersistence, type Persistence, type SessionStore } from './bounded-persistence.ts'
import type { BrokerLimits } from './broker-limits.ts'
import { type ClientFault, clientFaultOf } from './client-fault.ts'
import { createPacer, type Pacer } from './pacer.ts'
import { guardPackets } from './packet-guard.ts'
import { createRetainedBudget } from './retained-budget.ts'

/** Why something that a client sent, or asked for, was not taken: metric labels. */
export type BrokerRefusal =
  | 'topic_reserved'
  | 'topic_invalid'
  | 'packet_too_large'
  | 'retained_too_many'
  | 'queue_full'
  | 'sessions_too_many'
  | 'subscriptions_too_many'
  | 'subscription_reserved'
  | ClientFault

export interface TenantBrokerDeps {
  readonly clock: Clock
  /** Takes a message; `settle` lets it go on: to its acknowledgement, and to those who subscribe to it. */
  readonly take: (message: MqttMessage, settle: () => void) => void
  readonly refused: (reason: BrokerRefusal, topic: string, payload: Buffer, byteLength: number) => void
}

/** The part of the broker that belongs to one tenant: its clients reach each other and nobody else. */
export interface TenantBroker {
  /** Serves a connection whose CONNECT is still to be read. Nothing after it asks who this is. */
  serve(socket: Duplex): void
  publish(message: OutgoingMessage): void
  readonly clients: number
  readonly retained: number
  stop(): Promise<void>
}

interface ClientState {
  readonly pacer: Pacer
  readonly filters: Set<string>
}

export async function createTenantBroker(limits: BrokerLimits, deps: TenantBrokerDeps): Promise<TenantBroker> {
  const states = new WeakMap<Client, ClientState>()
  const retained = createRetainedBudget(limits.retainedMax, limits.retainedBytesMax)
  const connected = new Set<string>()
  let stopping = false
  let sessions: SessionStore
  const nothing = Buffer.alloc(0)

  const stateOf = (client: Client): ClientState => {
    let state = states.get(client)
    if (!state) {
      state = { pacer: createPacer(limits.messagesPerClientSecond), filters: new Set() }
      states.set(client, state)
    }
    return state
  }

  const admit = (packet: PublishPacket, done: (error?: Error | null) => void): void => {
    const payload = toBuffer(packet.payload)
    if (packet.retain && !retained.allows(packet.topic, payload.length)) {
      // It is delivered as what happens now; a broker may keep less than it is asked to (MQTT 3.1.1, 3.3.1.3).
      packet.retain = false
      deps.refused('retained_too_many', packet.topic, nothing, payload.length)
    }
    // What is kept must not keep the chunk alive that it came in.
    if (packet.retain) packet.payload = Buffer.from(payload)
    const message: MqttMessage = {
      topic: packet.topic,
      payload,
      qos: packet.qos,
      retained: false,
      repeated: packet.dup,
      arrivalMs: deps.clock.nowMs(),
    }
    deps.take(message, () => done(null))
  }

  // Whom nobody connects to does not pay for the library.
  const { Aedes: Broker } = await import('aedes')
  const aedes = await Broker.createBroker({
    concurrency: 1000,
    drainTimeout: limits.slowSubscriberMs,
    connectTimeout: limits.connectTimeoutMs,
    preConnect(_client, packet, callback) {
      if (!packet.clean && !sessions.hasRoomFor(packet.clientId)) {
        Object.assign(packet, { clean: true })
        deps.refused('sessions_too_many', '', nothing, 0)
      }
      callback(null, true)
    },
    authorizePublish(client, packet, callback) {
      // While we stop, every client is cut off: none of them has died.
      if (stopping) return callback(new Error('the broker stops'))
      const reason = reasonAgainst(packet.topic)
      if (reason !== null) {
        const payload = toBuffer(packet.payload)
        deps.refused(reason, packet.topic, payload, payload.length)
        return callback(new Error(`not allowed to publish to ${packet.topic.slice(0, 100)}`))
      }
      const delayMs = client === null ? 0 : stateOf(client).pacer.delayMs(deps.clock.nowMs())
      if (delayMs < 1) admit(packet, callback)
      else setTimeout(() => (stopping ? callback(new Error('the broker stops')) : admit(packet, callback)), delayMs)
    },
    authorizeSubscribe(client, subscription, callback) {
      const { filters } = stateOf(client)
      const isNew = !filters.has(subscription.topic)
      const reason = subscription.topic.startsWith('$')
        ? 'subscription_reserved'
        : isNew && filters.size >= limits.subscriptionsPerClientMax
          ? 'subscriptions_too_many'
          : null
      if (reason !== null) {
        deps.refused(reason, subscription.topic, nothing, 0)
        return callback(null, null)
      }
      filters.add(subscription.topic)
      callback(null, subscription)
    },
  })
  sessions = boundPersistence(persistenceOf(aedes), limits, {
    isConnected: (id) => connected.has(id),
    dropped: () => deps.refused('queue_full', '', nothing, 0),
  })
  const fault = (_client: Client, error: Error): void => {
    const reason = clientFaultOf(error)
    if (reason !== null) deps.refused(reason, '', nothing, 0)
  }
  aedes.on('clientError', fault)
  aedes.on('connectionError', fault)
  aedes.on('unsubscribe', (filters, client) => {
    for (const filter of filters) states.get(client)?.filters.delete(filter)
  })
  aedes.on('client', ({ id }) => {
    connected.add(id)
    sessions.seen(id, deps.clock.nowMs())
  })
  aedes.on('clientDisconnect', ({ id }) => {
    connected.delete(id)
    sessions.seen(id, deps.clock.nowMs())
  })
  const expiry = setInterval(() => {
    void sessions.expire(deps.clock.nowMs())
  }, 60_000).unref()

  return {
    serve(socket) {
      guardPackets(socket, limits.packetBytesMax, (byteLength) => {
        deps.refused('packet_too_large', '', nothing, byteLength)
        socket.destroy()
      })
      aedes.handle(socket)
    },
    publish({ topic, payload, qos, retain }) {
      aedes.publish({ cmd: 'publish', topic, payload: Buffer.from(payload), qos, retain, dup: false }, () => {})
    },
    get clients() {
      return connected.size
    },
    get retained() {
      return retained.count
    },
    async stop() {
      stopping = true
      clearInterval(expiry)
      await new Promise<void>((resolve) => aedes.close(resolve))
    },
  }
}

/** The library does not type the store that it made; only here is it taken for what it is. */
const persistenceOf = (aedes: Aedes): Persistence => (aedes as unknown as { persistence: Persistence }).persistence

const toBuffer = (payload: PublishPacket['payload'] | AedesPublishPacket['payload']): Buffer =>
  typeof payload === 'string' ? Buffer.from(payload) : payload

function reasonAgainst(topic: string): BrokerRefusal | null {
  if (topic.startsWith('$')) return 'topic_reserved'
  return topic === '' || topic.includes('\0') ? 'topic_invalid' : null
}
