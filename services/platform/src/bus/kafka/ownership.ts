import type { Logger } from '../../logger.ts'
import { createBackoff } from '../backoff.ts'
import type { SubscribeOptions } from '../bus.ts'

/** Partitions by topic, by our names. */
type Assignment = readonly { readonly topic: string; readonly partition: number }[]

/**
 * Which partitions a consumer owns, from one rebalance to the next. A rebalance ends every session, also of partitions
 * that stay: kafkajs then starts from the committed offset again, so the subscriber must start from there as well.
 */
export interface Session {
  /** Resolves when the subscriber has taken the partition over; false when the session ended before. */
  ready(topic: string, partition: number): Promise<boolean>
  isCurrent(): boolean
  /** Runs a call of the subscriber that revocation has to wait for. */
  during<T>(call: () => Promise<T>): Promise<T>
}

export interface Ownership {
  current(): Session
  /** Revokes what was owned, then assigns; `ready` waits for both. */
  assign(assignment: Assignment): void
  /** Revokes everything. */
  end(): Promise<void>
}

type Callbacks = Pick<SubscribeOptions, 'onAssigned' | 'onRevoked'>

export function createOwnership(subscriber: Callbacks, logger: Logger, onFailed: () => void): Ownership {
  let session = startSession([], Promise.resolve())

  function startSession(assignment: Assignment, before: Promise<void>) {
    const backoff = createBackoff()
    const calls = new Set<Promise<unknown>>()
    let current = true
    const takeOver = async (topic: string, partition: number): Promise<boolean> => {
      await before
      while (current) {
        try {
          await subscriber.onAssigned?.(topic, partition)
          return true
        } catch (error) {
          onFailed()
          logger.error({ error, topic, partition }, 'taking over a partition failed; trying again')
          await backoff.wait()
        }
      }
      return false
    }
    const takenOver = new Map(
      assignment.map(({ topic, partition }) => [`${topic}\n${partition}`, takeOver(topic, partition)]),
    )
    const giveUp = async (): Promise<void> => {
      current = false
      backoff.cancel()
      await Promise.allSettled(calls)
      for (const { topic, partition } of assignment) {
        if (!(await takenOver.get(`${topic}\n${partition}`))) continue
        try {
          await subscriber.onRevoked?.(topic, partition)
        } catch (error) {
          logger.error({ error, topic, partition }, 'giving up a partition failed')
        }
      }
    }
    return {
      giveUp,
      isCurrent: () => current,
      ready: (topic: string, partition: number) => takenOver.get(`${topic}\n${partition}`) ?? Promise.resolve(false),
      async during<T>(call: () => Promise<T>): Promise<T> {
        const running = call()
        calls.add(running)
        try {
          return await running
        } finally {
          calls.delete(running)
        }
      },
    }
  }

  return {
    current: () => session,
    assign(assignment) {
      session = startSession(assignment, session.giveUp())
    },
    async end() {
      await session.giveUp()
    },
  }
}
