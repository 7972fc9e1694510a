import { partitionOf } from '@driftline/proto'
import { AppError } from '../errors.ts'
import type { Bus, BusRecord, OutgoingRecord } from './bus.ts'

/**
 * What becomes of a publish: stored and said so; refused; stored, but the answer is lost; or stored in a part of its
 * topics only, and failed.
 */
export const fates = ['stored', 'refused', 'answer-lost', 'half-stored'] as const
export type Fate = (typeof fates)[number]

/**
 * A bus in memory for tests of those who publish, which fails as the real ones may: what waits behind a failed publish
 * fails with it, stored or not. `fate` is asked once per publish. It only publishes; groups and tails are not there.
 */
export function createFaultyBus(partitions: number, fate: () => Fate): { bus: Bus; stored: BusRecord[] } {
  const stored: BusRecord[] = []
  const waiting: { records: readonly OutgoingRecord[]; resolve(): void; reject(error: unknown): void }[] = []
  let working = false

  const store = (records: readonly OutgoingRecord[]): void => {
    for (const { topic, key, headers, value, partition = partitionOf(key, partitions) } of records) {
      const offset = stored.filter((each) => each.topic === topic && each.partition === partition).length
      stored.push({ topic, partition, offset, key, headers, value: value.slice(), storedAtMs: stored.length })
    }
  }

  const work = async (): Promise<void> => {
    working = true
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await new Promise(setImmediate)
      const outcome = fate()
      const [lucky] = next.records
      if (outcome === 'stored' || outcome === 'answer-lost') store(next.records)
      if (outcome === 'half-stored') store(next.records.filter(({ topic }) => topic === lucky!.topic))
      if (outcome === 'stored') next.resolve()
      else {
        const error = new AppError('bus_unavailable', `${outcome} on purpose`, { retryable: true })
        for (const each of [next, ...waiting.splice(0)]) each.reject(error)
      }
    }
    working = false
  }

  const bus: Pick<Bus, 'publish' | 'partitionsOf' | 'read' | 'lagOf'> = {
    publish: (records) =>
      new Promise((resolve, reject) => {
        waiting.push({ records, resolve, reject })
        if (!working) void work()
      }),
    partitionsOf: () => partitions,
    read: async () => [],
    lagOf: async () => 0,
  }
  return { bus: bus as Bus, stored }
}
