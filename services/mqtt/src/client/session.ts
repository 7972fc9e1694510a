import type { Logger } from '@driftline/platform/logger'
import type { LastWill, MqttMessage, OutgoingMessage } from '../message.ts'
import { type BrokerProblem, problemOfError } from './broker-problem.ts'
import { type Connection, type ConnectionOptions, openConnection } from './connection.ts'
import { separateFilters } from './filters.ts'
import type { PublishPacket } from './publish-packet.ts'

export type SessionState =
  | { readonly phase: 'connecting' | 'connected' | 'stopped' }
  | { readonly phase: 'failed'; readonly problem: BrokerProblem }

export interface SessionConfig {
  readonly connection: ConnectionOptions
  readonly filters: readonly string[]
  /** QoS of the subscriptions. At 1 what comes is acknowledged when its taker says so. */
  readonly qos: 0 | 1
  /** What is told of ourselves around each connection; made anew for each, with the time at which it is made. */
  readonly presence?: (connectMs: number) => Presence
  readonly backoff: { readonly firstMs: number; readonly longestMs: number }
}

export interface Presence {
  readonly will: LastWill
  /** Published once subscriptions are acknowledged. */
  readonly online: OutgoingMessage
  /** Published before a connection is closed on purpose: a broker sends no will then. */
  offline(nowMs: number): OutgoingMessage
}

export const sessionBackoff = { firstMs: 500, longestMs: 30_000 }

/** Who takes what comes. */
export interface SessionTaker {
  /**
   * Takes a message. `settle` is called once it is durable, or will never be: then it is acknowledged. It is null for
   * messages that need none. `byteLength` is larger than the payload when that was cut off for its size.
   */
  take(message: MqttMessage, settle: (() => void) | null, byteLength: number): void
  changed(state: SessionState): void
  /** The broker has let us in: what must be said again with each connection is said now. */
  connected?(): void
}

/**
 * A session with a broker that outlives its connections: it comes back with growing, jittered pauses, and the broker
 * sends again what was not acknowledged.
 */
export interface Session {
  start(): void
  /** Subscribes to what is new and leaves what is not wanted, without losing what waits. */
  setFilters(filters: readonly string[]): void
  /** Answers false while there is no connection. */
  publish(message: OutgoingMessage): boolean
  /** Somebody said that we were gone: it is put right. */
  sayOnline(): void
  pause(): void
  resume(): void
  /** With `forget` the broker keeps nothing for us. */
  stop(options?: { readonly forget?: boolean }): Promise<void>
  state(): SessionState
}

/** A message that was taken and is not acknowledged. */
interface Unsettled {
  readonly topic: string
  readonly byteLength: number
  durable: boolean
  /** The connection that it came by last. */
  connection: Connection | null
}

export function createSession(
  config: SessionConfig,
  deps: {
    readonly taker: SessionTaker
    readonly logger: Logger
    readonly nowMs: () => number
    readonly random: () => number
  },
): Session {
  const { taker, logger } = deps
  const unsettled = new Map<number, Unsettled>()
  let state: SessionState = { phase: 'connecting' }
  let filters = separateFilters(config.filters)
  let subscribed: ReadonlySet<string> | null = null
  let connection: Connection | null = null
  let presence: Presence | null = null
  let isOpen = false
  let paused = false
  let stopped = false
  let failuresInRow = 0
  let retry: NodeJS.Timeout | undefined
  let changing: Promise<void> = Promise.resolve()

  const become = (next: SessionState): void => {
    state = next
    taker.changed(next)
  }

  const connect = (): void => {
    try {
      connection = open()
    } catch (error) {
      // A certificate or key that cannot be read is found out before the first byte.
      comeBack(problemOfError(error as NodeJS.ErrnoException, config.connection.address))
    }
  }

  const open = (): Connection => {
    presence = config.presence?.(deps.nowMs()) ?? null
    const mine = openConnection(
      { ...config.connection, will: presence?.will },
      {
        opened(sessionPresent) {
          if (!sessionPresent) unsettled.clear()
          isOpen = true
          if (paused) mine.pause()
          failuresInRow = 0
          become({ phase: 'connected' })
          // What the broker still knows of us may be more than we know of it: after a start, all is asked for again.
          if (!sessionPresent) subscribed = null
          sync(sessionPresent ? 'when new' : 'always')
          sayOnline()
          taker.connected?.()
        },
        message: (packet, topic, payload, byteLength) => receive(mine, packet, topic, payload, byteLength),
        closed(problem) {
          if (connection !== mine) return
          connection = null
          isOpen = false
          if (!stopped && problem !== null) comeBack(problem)
        },
      },
    )
    return mine
  }

  const sayOnline = (): void => {
    changing = changing.then(() => {
      if (presence !== null && isOpen) connection?.publish(presence.online)
    })
  }

  const comeBack = (problem: BrokerProblem): void => {
    if (state.phase !== 'failed' || state.problem.reason !== problem.reason) {
      logger.warn({ reason: problem.reason, broker: config.connection.address.host }, problem.message)
    }
    become({ phase: 'failed', problem })
    const { firstMs, longestMs } = config.backoff
    const pauseMs = Math.min(longestMs, firstMs * 2 ** Math.min(failuresInRow, 16))
    failuresInRow += 1
    // Spread out, so that not everybody comes back to a broker in the same moment.
    retry = setTimeout(connect, pauseMs * (0.5 + deps.random() / 2))
  }

  const receive = (by: Connection, packet: PublishPacket, topic: string, payload: Buffer, byteLength: number): void => {
    const { qos, packetId } = packet
    let settle: (() => void) | null = null
    if (qos > 0) {
      const known = unsettled.get(packetId)
      if (packet.duplicate && known && known.topic === topic && known.byteLength === byteLength) {
        known.connection = by
        if (known.durable) acknowledge(packetId, qos, known)
        return
      }
      const entry: Unsettled = { topic, byteLength, durable: false, connection: by }
      unsettled.set(packetId, entry)
      settle = () => {
        entry.durable = true
        acknowledge(packetId, qos, entry)
      }
    }
    const message: MqttMessage = {
      topic,
      payload,
      qos: qos as MqttMessage['qos'],
      retained: packet.retain,
      repeated: packet.duplicate,
      arrivalMs: deps.nowMs(),
    }
    taker.take(message, settle, byteLength)
  }

  /** What came by a connection that has ended cannot be acknowledged: the broker sends it again. */
  const acknowledge = (packetId: number, qos: number, entry: Unsettled): void => {
    if (unsettled.get(packetId) !== entry) return
    if (connection === null || !isOpen || entry.connection !== connection) return
    connection.acknowledge(packetId, qos)
    unsettled.delete(packetId)
  }

  const sync = (retained: 'always' | 'when new'): void => {
    changing = changing.then(() => syncNow(retained)).catch((error) => logger.error({ error }, 'could not subscribe'))
  }

  const syncNow = async (retained: 'always' | 'when new'): Promise<void> => {
    const by = connection
    if (by === null || !isOpen) return
    const before = subscribed
    const added = filters.filter((filter) => !before?.has(filter))
    const removed = [...(before ?? [])].filter((filter) => !filters.includes(filter))
    if (added.length > 0) {
      const granted = await by.subscribe(
        added.map((filter) => ({ filter, qos: config.qos })),
        retained,
      )
      if (granted === null) return
      const refused = added.filter((_filter, at) => (granted[at] ?? 128) >= 128)
      if (refused.length > 0) {
        const message = `The broker does not let us subscribe to ${refused.slice(0, 5).join(', ')}.`
        become({ phase: 'failed', problem: { reason: 'subscription_refused', message } })
      }
    }
    if (removed.length > 0) await by.unsubscribe(removed)
    if (connection === by)
      subscribed = new Set([...added, ...[...(before ?? [])].filter((each) => filters.includes(each))])
  }

  return {
    start: connect,
    setFilters(wanted) {
      filters = separateFilters(wanted)
      sync('always')
    },
    publish(message) {
      if (connection === null || !isOpen) return false
      connection.publish(message)
      return true
    },
    sayOnline,
    pause() {
      paused = true
      // The answer to our CONNECT is read in any case.
      if (isOpen) connection?.pause()
    },
    resume() {
      paused = false
      connection?.resume()
    },
    async stop({ forget = false } = {}) {
      stopped = true
      clearTimeout(retry)
      const last = connection
      if (last !== null && isOpen && forget && filters.length > 0) {
        await Promise.race([last.unsubscribe(filters), new Promise((resolve) => setTimeout(resolve, 1000).unref())])
      }
      if (last !== null && isOpen && presence !== null) last.publish(presence.offline(deps.nowMs()))
      await last?.end({ forget })
      become({ phase: 'stopped' })
    },
    state: () => state,
  }
}
