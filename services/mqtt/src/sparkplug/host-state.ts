import { stateTopic } from './sparkplug-topics.ts'

/** A message that the transport is to publish. */
export interface Outgoing {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1
  readonly retain: boolean
}

/** What a primary host tells of itself around one connection. */
export interface HostState {
  /** Set as the connection's will, before it is made. */
  readonly will: Outgoing
  /** Published once subscriptions are acknowledged; again whenever `contradictsOnline` says so. */
  readonly online: Outgoing
  /** Published before a connection is closed on purpose: a broker sends no will then. */
  offline(nowMs: number): Outgoing
}

const retained = (topic: string, text: string): Outgoing => ({
  topic,
  payload: Buffer.from(text),
  qos: 1,
  retain: true,
})

/**
 * Messages of a primary host by specification 3.0 (5.3 to 5.5). Will and birth carry the same time, that of the
 * connection: it is how edge nodes tell the late will of a connection that is gone from that of the present one.
 */
export function hostState(hostId: string, connectMs: number): HostState {
  const state = (online: boolean, timestamp: number): Outgoing =>
    retained(stateTopic(hostId), JSON.stringify({ online, timestamp }))
  return { will: state(false, connectMs), online: state(true, connectMs), offline: (nowMs) => state(false, nowMs) }
}

/** The same for edge nodes of version 2.2. A connection has one will: this one needs a connection of its own. */
export function legacyHostState(hostId: string): HostState {
  const offline = retained(`STATE/${hostId}`, 'OFFLINE')
  return { will: offline, online: retained(`STATE/${hostId}`, 'ONLINE'), offline: () => offline }
}

/**
 * Whether somebody else, such as the late will of our former connection, called us offline on our own topic: then the
 * birth has to be published again.
 */
export function contradictsOnline(hostId: string, topic: string, payload: Buffer): boolean {
  if (topic === `STATE/${hostId}`) return payload.toString('latin1', 0, 16) !== 'ONLINE'
  if (topic !== stateTopic(hostId)) return false
  try {
    const state: unknown = payload.length > 1024 ? null : JSON.parse(payload.toString('utf8'))
    return state === null || typeof state !== 'object' || !('online' in state) || state.online !== true
  } catch {
    return true
  }
}
