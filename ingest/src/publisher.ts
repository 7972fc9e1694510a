import assert from 'node:assert/strict'
import { create } from '@bufbuild/protobuf'
import type { Bus, OutgoingRecord } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import { partitionOf, type Series, SeriesSchema, seriesId } from '@driftline/proto'
import type { Batch } from './collector.ts'
import { createOrderedPublisher, type OwnRecord } from './ordered-publisher.ts'
import type { SeriesBook } from './series-book.ts'
import { seriesRecords } from './series-records.ts'

/** Publishes what a source collected: definitions of series before the samples that need them. */
export interface IngestPublisher {
  /**
   * Resolves when all of it is durable; rejects with the bus's error, and may be called again with the same batch.
   *
   * With a `position` (1, 2, 3, ...) sequences follow from it, so that the same range read again after a crash is a
   * repeat to consumers, whatever became of the first try: positions must rise, one publish at a time. Without one,
   * sequences count up, and what is published again is new.
   */
  publish(batch: Batch, position?: number): Promise<void>
}

/** A publish with a position may have so many records in one partition. */
export const RECORDS_PER_POSITION = 65_536

export interface IngestPublisherConfig {
  /** Names the source in the headers; no other producer has the same. */
  readonly source: string
  /** Of a source with positions: one that never changes while the positions go on. */
  readonly epoch: number
}

export function createIngestPublisher(
  config: IngestPublisherConfig,
  { bus, book, clock }: { readonly bus: Bus; readonly book: SeriesBook; readonly clock: Clock },
): IngestPublisher {
  const ordered = createOrderedPublisher(config, bus)
  // Definitions may come again at any time, so they count by themselves, in an epoch of each start.
  const definitions = createOrderedPublisher({ source: `${config.source}/series`, epoch: clock.nowMs() }, bus)
  const publish = async (batch: Batch, position?: number): Promise<void> => {
    const untold = book.untold(batch.handles)
    if (untold.length > 0) {
      await definitions.publish(definitionRecords(untold, book, clock.nowMs()))
      book.told(untold)
    }
    if (batch.records.length === 0) return
    if (position === undefined) await ordered.publish(batch.records)
    else await bus.publish(positioned(batch.records, position, config, bus))
  }
  return {
    async publish(batch, position) {
      try {
        await publish(batch, position)
      } catch (error) {
        // Taken back while the bus is away for an hour, handles of what waits would come to mean other series.
        book.postpone()
        throw error
      }
    },
  }
}

function definitionRecords(handles: readonly number[], book: SeriesBook, nowMs: number): OwnRecord[] {
  const byKey = new Map<string, { tenant: string; series: Series[] }>()
  for (const handle of handles) {
    const { tenant, process, metric, unit, kind, attributes, key } = book.get(handle)
    const id = seriesId(tenant, process, metric, attributes)
    const definedAtMs = BigInt(nowMs)
    const series = create(SeriesSchema, { id, tenant, process, metric, unit, kind, attributes, definedAtMs })
    const group = byKey.get(key)
    if (group === undefined) byKey.set(key, { tenant, series: [series] })
    else group.series.push(series)
  }
  return [...byKey].flatMap(([key, { tenant, series }]) => seriesRecords({ tenant, key }, series))
}

function positioned(
  records: readonly OwnRecord[],
  position: number,
  { source, epoch }: IngestPublisherConfig,
  bus: Bus,
): OutgoingRecord[] {
  const counts = new Map<string, number>()
  return records.map(({ topic, key, value, tenant, message }) => {
    const place = `${topic}/${partitionOf(key, bus.partitionsOf(topic))}`
    const index = counts.get(place) ?? 0
    assert(index < RECORDS_PER_POSITION, 'more records in a partition than a position has sequences')
    counts.set(place, index + 1)
    const sequence = String(position * RECORDS_PER_POSITION + index)
    const headers = { 'content-type': 'application/protobuf', message, tenant, source, epoch: String(epoch), sequence }
    return { topic, key, value, headers: headers as OutgoingRecord['headers'] }
  })
}
