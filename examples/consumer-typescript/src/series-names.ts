import { randomUUID } from 'node:crypto'
import { fromBinary } from '@bufbuild/protobuf'
import type { Kafka } from 'kafkajs'
import { type Series, SeriesBatchSchema } from '../gen/driftline/v1/series_pb.ts'

/** What the series ids in samples mean. */
export interface SeriesNames {
  /**
   * The definition of a series. It is published before the first sample, but in another topic, so it may reach us a
   * moment later: waits for it, and answers undefined if it does not come.
   */
  find(id: bigint): Promise<Series | undefined>
  stop(): Promise<void>
}

const WAIT_FOR_DEFINITION_MS = 2000

/** Reads every definition from the beginning, at each start, and goes on reading. Resolves when it has caught up. */
export async function followSeries(kafka: Kafka, topic: string): Promise<SeriesNames> {
  const series = new Map<bigint, Series>()
  const waiting = new Map<bigint, Set<() => void>>()
  const missing = await endOffsets(kafka, topic)
  let caughtUp: () => void = () => {}
  const ready = new Promise<void>((resolve) => {
    caughtUp = resolve
  })
  if (missing.size === 0) caughtUp()

  // A group of its own for each start, never committed, so that it always begins at the beginning.
  const consumer = kafka.consumer({ groupId: `example-series-${randomUUID()}`, maxWaitTimeInMs: 250 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      for (const definition of fromBinary(SeriesBatchSchema, message.value ?? new Uint8Array()).series) {
        series.set(definition.id, definition)
        for (const wake of waiting.get(definition.id) ?? []) wake()
      }
      if (BigInt(message.offset) + 1n >= (missing.get(partition) ?? 0n)) missing.delete(partition)
      if (missing.size === 0) caughtUp()
    },
  })
  await ready

  return {
    async find(id) {
      if (!series.has(id)) await arrival(waiting, id)
      return series.get(id)
    },
    stop: () => consumer.disconnect(),
  }
}

/** By partition, the offset after the last record that is there now; empty partitions are left out. */
async function endOffsets(kafka: Kafka, topic: string): Promise<Map<number, bigint>> {
  const admin = kafka.admin()
  await admin.connect()
  const offsets = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  return new Map(
    offsets.filter(({ low, high }) => low !== high).map(({ partition, high }) => [partition, BigInt(high)]),
  )
}

async function arrival(waiting: Map<bigint, Set<() => void>>, id: bigint): Promise<void> {
  const wakers = waiting.get(id) ?? new Set()
  waiting.set(id, wakers)
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, WAIT_FOR_DEFINITION_MS)
    const wake = (): void => {
      clearTimeout(timer)
      resolve()
    }
    wakers.add(wake)
  })
  waiting.delete(id)
}
