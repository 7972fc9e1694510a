import type { BusRecord } from '../bus.ts'
import type { OffsetReaders } from './offset-readers.ts'
import type { Session } from './ownership.ts'

/**
 * Sees to it that a session hands out every record from the committed offset on. kafkajs may deliver the answer to a
 * fetch from before a rebalance once the session after it has begun; it starts further on, and what lies between would
 * never be fetched. Records that come twice are the subscriber's to drop; records that are left out nobody would miss.
 */
export interface Continuity {
  /** The records between where the session stands and `first`, where a fetched batch begins; mostly none. */
  before(session: Session, topic: string, partition: number, first: number): Promise<BusRecord[]>
  /** Everything below `next` has been handed out. */
  advance(session: Session, topic: string, partition: number, next: number): void
}

export function createContinuity(group: string, readers: Pick<OffsetReaders, 'read' | 'committedBy'>): Continuity {
  const sessions = new WeakMap<Session, Map<string, number>>()
  const standing = (session: Session): Map<string, number> => {
    const known = sessions.get(session) ?? new Map<string, number>()
    sessions.set(session, known)
    return known
  }
  return {
    async before(session, topic, partition, first) {
      const expected =
        standing(session).get(`${topic}/${partition}`) ?? (await readers.committedBy(group, topic, partition))
      return first > expected ? readers.read(topic, { partition, from: expected, to: first }) : []
    },
    advance(session, topic, partition, next) {
      standing(session).set(`${topic}/${partition}`, next)
    },
  }
}
