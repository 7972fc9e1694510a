import type { Entity } from './entity.ts'

/**
 * What we know of an edge node's session. `online`: every message since its birth was understood. `stale`: one was
 * lost or not understood, and so may have been a birth that gave aliases anew: nothing is taken until the next one.
 * `offline`: it died.
 */
export type NodeState = 'online' | 'stale' | 'offline'

/** An edge node and its devices. */
export interface Node {
  readonly group: string
  readonly edge: string
  state: NodeState
  readonly entity: Entity
  readonly devices: Map<string, Entity>
  /** The sequence number that the next message has. */
  nextSeq: number
  /** Time of the message before, by which a repeat is told from a gap; NaN for none. */
  lastTimestampMs: number
  /** Of the present session, and of the one that died last; -1 for none. */
  bdSeq: number
  deadBdSeq: number
  /** When it died last, by our clock. */
  deadMs: number
  /** Time that the last accepted birth says of itself; NaN for none. */
  birthMs: number
  /** Births that were seen, to tell replays: `time/bdSeq`, the newest last. */
  readonly births: string[]
  /** Whether a birth came that may be of an earlier session: the next one that is new is believed. */
  isInDoubt: boolean
  /** When it was last heard of. */
  lastMs: number
}

const SEQUENCES = 256
const BIRTHS_MAX = 8

export const createNode = (group: string, edge: string, entity: Entity): Node => ({
  group,
  edge,
  state: 'offline',
  entity,
  devices: new Map(),
  nextSeq: 0,
  lastTimestampMs: Number.NaN,
  bdSeq: -1,
  deadBdSeq: -1,
  deadMs: Number.NaN,
  birthMs: Number.NaN,
  births: [],
  isInDoubt: false,
  lastMs: 0,
})

/** What to make of a birth certificate: believe it, leave it as a replay, or ask the node for another one. */
export type BirthVerdict = 'accept' | 'repeated' | 'doubtful'

/**
 * Births are what aliases hang on, so one of an earlier session must not be believed. A node's next birth is later than
 * the one before; a clock that was set back, and a session number that never changes, are met too: such a birth is
 * asked for again, and believed when it comes anew.
 */
export function judgeBirth(node: Node, timestampMs: number, bdSeq: number): BirthVerdict {
  const id = `${timestampMs}/${bdSeq}`
  const isTimed = !Number.isNaN(timestampMs)
  if (isTimed && node.births.includes(id)) return 'repeated'
  if (isTimed) node.births.push(id)
  if (node.births.length > BIRTHS_MAX) node.births.shift()
  const isEarlier = timestampMs < node.birthMs
  // Messages on different topics may pass each other: this one may have left before the will that is here already.
  const isOfDead = node.state === 'offline' && bdSeq === node.deadBdSeq && timestampMs <= node.deadMs
  if (!node.isInDoubt && (isEarlier || isOfDead)) {
    node.isInDoubt = true
    if (node.state === 'online') node.state = 'stale'
    return 'doubtful'
  }
  return 'accept'
}

/** Begins the session of an accepted birth. Its devices have to be born again (specification 3.0, 5.8). */
export function beginSession(node: Node, seq: number, timestampMs: number, bdSeq: number, nowMs: number): void {
  node.state = 'online'
  node.isInDoubt = false
  node.nextSeq = (seq + 1) % SEQUENCES
  node.lastTimestampMs = timestampMs
  node.bdSeq = bdSeq
  node.birthMs = timestampMs
  node.entity.isBorn = true
  for (const device of node.devices.values()) {
    device.isBorn = false
    if (device.isUp && Number.isNaN(device.awaitingSinceMs)) device.awaitingSinceMs = nowMs
  }
}

/** Ends the session by its death certificate. */
export function endSession(node: Node, bdSeq: number, nowMs: number): void {
  node.state = 'offline'
  node.deadBdSeq = bdSeq
  node.deadMs = nowMs
  node.isInDoubt = false
  node.lastMs = nowMs
}

/** What to make of a message after the birth, by its sequence number. */
export type SequenceVerdict = 'next' | 'repeated' | 'other session' | 'gap' | 'unborn'

/** Moves on to the message, or marks the session as not understood any more. */
export function followSequence(node: Node, seq: number, timestampMs: number): SequenceVerdict {
  if (node.state !== 'online') return 'unborn'
  if (seq === node.nextSeq) {
    // A late message of the session before may have just this number. Were the clock set back, the next is a gap.
    if (timestampMs < node.birthMs) return 'other session'
    node.nextSeq = (seq + 1) % SEQUENCES
    node.lastTimestampMs = timestampMs
    return 'next'
  }
  // The broker sends the last message again when its acknowledgement was lost.
  const isLast = seq === (node.nextSeq + SEQUENCES - 1) % SEQUENCES && timestampMs === node.lastTimestampMs
  if (isLast) return 'repeated'
  node.state = 'stale'
  return 'gap'
}
