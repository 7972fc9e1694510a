import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Bus, BusRecord, OutgoingRecord, RecordBatch } from '@driftline/platform/bus/bus'
import { AppError } from '@driftline/platform/errors'
import type { Position, PositionStore } from '../positions.ts'
import type { Stream } from '../streams.ts'

/** Fails calls on purpose: before they do something or after, as a crash or a lost answer would. */
export interface Faults {
  around<T>(work: () => T): T
}

export const noFaults: Faults = { around: (work) => work() }

/** Answers `fail` in turn before and after each call. */
export function faultsBy(fails: () => boolean): Faults {
  const maybe = (): void => {
    if (fails()) throw new AppError('store_unavailable', 'a fault made on purpose', { retryable: true })
  }
  return {
    around(work) {
      maybe()
      const answer = work()
      maybe()
      return answer
    },
  }
}

const decoder = new TextDecoder()

/**
 * The store as the writer knows it: a body is stored whole, once per token, or not at all. A record whose text starts
 * with `poison` is refused.
 */
export function createFakeStore(faults: Faults) {
  const rows: string[] = []
  const tokens = new Set<string>()
  const insertProtobuf: AnalyticsStore['insertProtobuf'] = async ({ body, deduplicationToken }) =>
    faults.around(() => {
      const texts = readDelimited(body)
      if (texts.some((text) => text.startsWith('poison'))) throw new AppError('store_refused_data', 'INCORRECT_DATA')
      if (tokens.has(deduplicationToken)) return
      tokens.add(deduplicationToken)
      rows.push(...texts)
    })
  return { rows, tokens, store: { insertProtobuf } as unknown as AnalyticsStore }
}

function readDelimited(body: Uint8Array): string[] {
  const texts: string[] = []
  for (let at = 0; at < body.length; ) {
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = body[at++]!
      length |= (byte & 127) << shift
      if (byte < 128) break
    }
    texts.push(decoder.decode(body.subarray(at, at + length)))
    at += length
  }
  return texts
}

/** Positions in memory, stored as JSON like the real ones. */
export function createFakePositions(faults: Faults): PositionStore & { version(): number } {
  let stored: { json: string; version: number } | null = null
  return {
    version: () => stored?.version ?? 0,
    load: async () =>
      faults.around(() =>
        stored === null ? null : { position: JSON.parse(stored.json) as Position, version: stored.version },
      ),
    save: async (_topic, _partition, position, expected) =>
      faults.around(() => {
        if ((stored?.version ?? null) !== expected)
          throw new AppError('metadata_conflict', 'taken', { retryable: true })
        stored = { json: JSON.stringify(position), version: (expected ?? 0) + 1 }
        return stored.version
      }),
  }
}

/** A log of one partition that can be read again, and what was published to the dead letters. */
export function createFakeBus(log: readonly BusRecord[], faults: Faults) {
  const letters: OutgoingRecord[] = []
  const bus = {
    read: async (_topic: string, _partition: number, from: number, to: number) =>
      faults.around(() => log.filter(({ offset }) => offset >= from && offset < to)),
    publish: async (records: readonly OutgoingRecord[]) => faults.around(() => void letters.push(...records)),
  } as unknown as Bus
  return { letters, bus }
}

export interface RecordShape {
  readonly text: string
  readonly source?: string
  readonly sequence: number
  readonly message?: string
}

export function recordsOf(stream: Stream, shapes: readonly RecordShape[], firstOffset = 0): BusRecord[] {
  return shapes.map(({ text, source = 'agent', sequence, message }, index) => ({
    topic: stream.topic.name,
    partition: 0,
    offset: firstOffset + index,
    key: 'default/host:a',
    storedAtMs: 0,
    headers: {
      'content-type': 'application/protobuf',
      message: message ?? stream.headerMessage,
      tenant: 'default',
      source,
      epoch: '1',
      sequence: String(sequence),
    },
    value: new TextEncoder().encode(text),
  }))
}

export function batchOf(records: readonly BusRecord[], endOffset = records.at(-1)!.offset + 1): RecordBatch {
  return { topic: records[0]!.topic, partition: 0, records, endOffset }
}
