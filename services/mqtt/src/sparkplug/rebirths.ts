import { createRecent } from '../mapping/recent.ts'
import { datatypes } from './datatypes.ts'
import type { Outgoing } from './host-state.ts'
import { commandTopic } from './sparkplug-topics.ts'
import { writePayload } from './wire-writer.ts'

/** Requests to edge nodes to be born again, so that what they send can be understood. */
export interface Rebirths {
  /** Asks a node now, or as soon as its limit allows. */
  request(group: string, edge: string, nowMs: number): void
  /** The node was born: nothing more is to be asked, and if it stays understood its limit starts anew. */
  settled(group: string, edge: string, nowMs: number): void
  /** Queues the requests that have become due. */
  due(nowMs: number): void
  /** Hands over what is to be published. */
  take(): Outgoing[]
}

/** Between two requests to one node, milliseconds; doubled by each one up to the second figure. */
const WAIT_MS_MIN = 5_000
const WAIT_MS_MAX = 300_000
/** Over all nodes. Births are the largest messages there are, and a plant that restarts wants hundreds. */
const PER_SECOND_MAX = 50
/** Nodes whose limits are remembered, and that wait for their turn. What finds no room asks again with its next data. */
const NODES_MAX = 10_000

interface Limit {
  readonly group: string
  readonly edge: string
  nextMs: number
  waitMs: number
  isWaiting: boolean
}

/** A request that is not answered is repeated by the next message that is not understood, not by itself. */
export function createRebirths(): Rebirths {
  const limits = createRecent<Limit>(NODES_MAX)
  const waiting = new Set<Limit>()
  let outgoing: Outgoing[] = []
  let second = 0
  let sent = 0

  const hasRoom = (nowMs: number): boolean => {
    const now = Math.floor(nowMs / 1000)
    if (now !== second) {
      second = now
      sent = 0
    }
    return sent < PER_SECOND_MAX && outgoing.length < NODES_MAX
  }
  const send = (limit: Limit, nowMs: number): void => {
    sent += 1
    limit.isWaiting = false
    waiting.delete(limit)
    limit.nextMs = nowMs + limit.waitMs
    limit.waitMs = Math.min(limit.waitMs * 2, WAIT_MS_MAX)
    outgoing.push(rebirthCommand(limit.group, limit.edge, nowMs))
  }
  return {
    request(group, edge, nowMs) {
      const key = `${group}/${edge}`
      let limit = limits.get(key)
      if (!limit) {
        limit = { group, edge, nextMs: nowMs, waitMs: WAIT_MS_MIN, isWaiting: false }
        limits.set(key, limit)
      }
      if (nowMs >= limit.nextMs && hasRoom(nowMs)) {
        send(limit, nowMs)
      } else if (!limit.isWaiting && waiting.size < NODES_MAX) {
        limit.isWaiting = true
        waiting.add(limit)
      }
    },
    settled(group, edge, nowMs) {
      const limit = limits.get(`${group}/${edge}`)
      if (!limit) return
      limit.isWaiting = false
      waiting.delete(limit)
      if (nowMs >= limit.nextMs) limit.waitMs = WAIT_MS_MIN
    },
    due(nowMs) {
      for (const limit of waiting) {
        if (!hasRoom(nowMs)) return
        if (nowMs >= limit.nextMs) send(limit, nowMs)
      }
    },
    take() {
      const taken = outgoing
      outgoing = []
      return taken
    },
  }
}

const rebirthCommand = (group: string, edge: string, nowMs: number): Outgoing => ({
  topic: commandTopic(group, edge),
  payload: writePayload({
    timestampMs: nowMs,
    metrics: [{ name: 'Node Control/Rebirth', timestampMs: nowMs, datatype: datatypes.boolean, value: true }],
  }),
  qos: 0,
  retain: false,
})
