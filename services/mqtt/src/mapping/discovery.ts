import type { MqttMapping } from '@driftline/ingest/definitions/mqtt'
import type { Unmapped } from '@driftline/ingest/source-meter'
import { guessPayload, type PayloadGuess } from './guess-payload.ts'
import { proposeMapping } from './propose-mapping.ts'

/** Topics that no mapping matches. */
export interface Discovery {
  /** A message came on such a topic. The payload is copied where it is kept. */
  see(topic: string, payload: Buffer, nowMs: number): void
  /** The busiest ones, with what could be made of them; proposals are renewed now and then. */
  unmapped(nowMs: number): Unmapped
  /** Messages on topics that found no room in the list. */
  readonly others: number
}

/** Topics that are listed; beyond that the rarest makes room, and what finds none is counted. */
const TOPICS_MAX = 2_000
/** Of those, as many as a status holds. */
const SHOWN_MAX = 200
/** Of a topic that is listed, and of the payload that proposals are made of. */
/** A proposal gets better as siblings turn up. */
const PROPOSAL_MS = 10_000
const TOPIC_CHARS_MAX = 1024
const EXAMPLE_BYTES_MAX = 4096
const SHOWN_BYTES_MAX = 256
/** An example is replaced after this time at the earliest: copying each payload would cost more than counting it. */
const EXAMPLE_MS = 5_000
/** Looking for the rarest topic costs a walk over all. */
const EVICT_MS = 1_000
/** Rates forget with this time constant. */
const RATE_MS = 60_000
/** A topic that was heard of so lately is not evicted, or a flood of names would leave nothing to be seen. */
const KEEP_MS = 30_000

interface Seen {
  readonly topic: string
  readonly firstMs: number
  lastMs: number
  /** Messages, each weighing less the longer ago it came. */
  weight: number
  example: Buffer
  exampleMs: number
  payload: PayloadGuess
  /** The proposal as it was made then; -Infinity before. */
  proposal: MqttMapping | null
  proposedMs: number
}

export function createDiscovery(): Discovery {
  const topics = new Map<string, Seen>()
  let others = 0
  let evictedMs = Number.NEGATIVE_INFINITY

  const weightAt = (seen: Seen, nowMs: number): number => seen.weight * Math.exp((seen.lastMs - nowMs) / RATE_MS)

  /** Forgets the rarest topic, at most once a second. Answers whether there is room. */
  const makeRoom = (nowMs: number): boolean => {
    if (topics.size < TOPICS_MAX) return true
    if (nowMs - evictedMs < EVICT_MS) return false
    evictedMs = nowMs
    let rarest: Seen | null = null
    for (const seen of topics.values()) {
      if (nowMs - seen.lastMs < KEEP_MS) continue
      if (rarest === null || weightAt(seen, nowMs) < weightAt(rarest, nowMs)) rarest = seen
    }
    if (rarest === null) return false
    topics.delete(rarest.topic)
    return true
  }
  return {
    see(topic, payload, nowMs) {
      let seen = topics.get(topic)
      if (!seen) {
        if (topic.length > TOPIC_CHARS_MAX || !makeRoom(nowMs)) {
          others += 1
          return
        }
        seen = newSeen(topic, nowMs)
        topics.set(topic, seen)
      }
      seen.weight = weightAt(seen, nowMs) + 1
      seen.lastMs = nowMs
      if (nowMs - seen.exampleMs < EXAMPLE_MS || payload.length === 0) return
      seen.exampleMs = nowMs
      seen.payload = guessPayload(topic, payload)
      seen.example = Buffer.from(payload.subarray(0, EXAMPLE_BYTES_MAX))
    },
    unmapped(nowMs) {
      let byLevels: Map<number, string[][]> | null = null
      const propose = (seen: Seen): MqttMapping | null => {
        if (nowMs - seen.proposedMs < PROPOSAL_MS) return seen.proposal
        byLevels ??= groupByLevels(topics.keys())
        const siblings = byLevels.get(seen.topic.split('/').length) ?? []
        seen.proposal = proposeMapping(seen.topic, seen.payload, seen.example, siblings)
        seen.proposedMs = nowMs
        return seen.proposal
      }
      const shown = [...topics.values()]
        .sort((a, b) => weightAt(b, nowMs) - weightAt(a, nowMs))
        .slice(0, SHOWN_MAX)
        .map((seen) => ({
          topic: seen.topic,
          perSecond: rateOf(weightAt(seen, nowMs), nowMs - seen.firstMs),
          lastMs: seen.lastMs,
          payload: seen.payload,
          example: show(seen),
          proposal: propose(seen),
        }))
      return { topics: shown, total: topics.size }
    },
    get others() {
      return others
    },
  }
}

const newSeen = (topic: string, nowMs: number): Seen => ({
  topic,
  firstMs: nowMs,
  lastMs: nowMs,
  weight: 0,
  example: Buffer.alloc(0),
  exampleMs: Number.NEGATIVE_INFINITY,
  payload: 'text',
  proposal: null,
  proposedMs: Number.NEGATIVE_INFINITY,
})

function groupByLevels(topics: Iterable<string>): Map<number, string[][]> {
  const groups = new Map<number, string[][]>()
  for (const topic of topics) {
    const levels = topic.split('/')
    const group = groups.get(levels.length)
    if (group) group.push(levels)
    else groups.set(levels.length, [levels])
  }
  return groups
}

/** Messages per second. A topic that is young has not had the time to reach its weight. */
function rateOf(weight: number, ageMs: number): number {
  const reached = 1 - Math.exp(-Math.max(ageMs, 1000) / RATE_MS)
  return (weight / reached) * (1000 / RATE_MS)
}

const show = ({ payload, example }: Seen): string => {
  const shown = example.subarray(0, SHOWN_BYTES_MAX)
  return payload === 'binary' || payload === 'sparkplug' ? shown.toString('hex') : shown.toString('utf8')
}
