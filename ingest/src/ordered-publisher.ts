import type { Bus, OutgoingRecord } from '@driftline/platform/bus/bus'
import { partitionOf } from '@driftline/proto'

/** A record that the intake itself is the source of; source, epoch and sequence are stamped when it is published. */
export interface OwnRecord {
  readonly topic: string
  readonly tenant: string
  readonly key: string
  /** Full protobuf name of the value. */
  readonly message: string
  readonly value: Uint8Array
  /** Overrides the partition that the key gives. */
  readonly partition?: number
}

/** Publishes the intake's own records so that their sequences reach the bus in order: one publish at a time. */
export interface OrderedPublisher {
  /** Resolves when the records are durable; rejects with the bus's error, and the caller decides. */
  publish(records: readonly OwnRecord[]): Promise<void>
}

interface Waiting {
  readonly records: readonly OwnRecord[]
  resolve(): void
  reject(error: unknown): void
}

/**
 * Consumers drop what does not go beyond the highest sequence of a source, so two publishes in flight could lose the
 * one that lands second. What waits meanwhile goes into one publish. Bounded by the callers: each awaits its own.
 */
export function createOrderedPublisher(config: { source: string; epoch: number }, bus: Bus): OrderedPublisher {
  const sequences = new Map<string, number>()
  let waiting: Waiting[] = []
  let busy = false

  const stamp = (record: OwnRecord): OutgoingRecord => {
    const { topic, key, value, tenant, message } = record
    const partition = record.partition ?? partitionOf(key, bus.partitionsOf(topic))
    const place = `${topic}/${partition}`
    const sequence = (sequences.get(place) ?? 0) + 1
    sequences.set(place, sequence)
    const headers = {
      'content-type': 'application/protobuf',
      message,
      tenant,
      source: config.source,
      epoch: String(config.epoch),
      sequence: String(sequence),
    } as const
    return { topic, key, headers, value, ...(record.partition === undefined ? {} : { partition }) }
  }

  const run = async (): Promise<void> => {
    busy = true
    while (waiting.length > 0) {
      const group = waiting
      waiting = []
      try {
        await bus.publish(group.flatMap((each) => each.records.map(stamp)))
        for (const each of group) each.resolve()
      } catch (error) {
        for (const each of group) each.reject(error)
      }
    }
    busy = false
  }

  return {
    publish: (records) =>
      new Promise((resolve, reject) => {
        waiting.push({ records, resolve, reject })
        if (!busy) void run()
      }),
  }
}
