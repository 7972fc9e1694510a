import type { Batch } from '@driftline/ingest/collector'
import type { DeadLetters } from '@driftline/ingest/dead-letters'
import type { IngestPublisher } from '@driftline/ingest/publisher'
import type { ReplayAnswer } from '@driftline/ingest/request-types'
import type { SeriesBook } from '@driftline/ingest/series-book'
import type { SourceMeter } from '@driftline/ingest/source-status'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import { routingKey } from '@driftline/proto'
import type { ReadBuffer } from '../follow/read-segment.ts'
import { createLineReader, type LineReader, type LineReaderConfig, type LineWorkspace } from '../read/line-reader.ts'

/** What a source that runs offers. */
export interface RunningSource {
  /** Does not reject: what is wrong stands in its status. */
  start(): Promise<void>
  stop(): Promise<void>
  /** For a source whose port is taken by itself; null for others. */
  readonly tap: Tap | null
  /** Takes a line in again that was refused before. */
  replay(line: { readonly subject: string; readonly bytes: Buffer; readonly receivedMs: number }): Promise<ReplayAnswer>
}

/** Lets a preview listen to what a source takes in. Answers what ends it. */
export interface Tap {
  take(line: (subject: string, bytes: Buffer) => void): () => void
}

/** What each source gets. */
export interface SourceKit {
  readonly book: SeriesBook
  readonly meter: SourceMeter
  readonly letters: DeadLetters
  /** Counts what is refused and not told one by one. */
  readonly counted: (reason: string, times: number) => void
  /** Names the source in the headers of what it publishes; `epoch` of one that begins anew. */
  publisher(epoch: number): IngestPublisher
  /** For what comes outside of the turn, such as replays. */
  readonly aside: IngestPublisher
  readonly workspace: LineWorkspace
  readonly buffer: ReadBuffer
  readonly clock: Clock
  readonly logger: Logger
}

export interface Refusal {
  readonly reason: string
  readonly detail: string
  readonly subject: string
  readonly bytes: Buffer
  readonly replayable: boolean
}

/** Tells a refusal to everyone who must know: status, dead letters, counters. */
export function createRefuser(
  source: { readonly tenant: string; readonly id: string; readonly process: string },
  { meter, letters, counted, clock, logger }: SourceKit,
): (refusal: Refusal, times?: number) => void {
  const origin = { tenant: source.tenant, source: source.id, key: routingKey(source.tenant, source.process) }
  return ({ reason, detail, subject, bytes, replayable }, times = 1) => {
    meter.refused(reason, detail, subject, times)
    if (times > 1) counted(reason, times - 1)
    letters
      .add(origin, { reason, detail }, bytes, clock.nowMs(), { subject, replayable })
      .catch((error: unknown) => logger.warn({ error, source: source.id }, 'a dead letter could not be published'))
  }
}

/** A line reader whose refusals go where they belong. */
export function createReader(
  config: LineReaderConfig,
  kit: SourceKit,
  refuse: ReturnType<typeof createRefuser>,
): LineReader {
  return createLineReader(config, kit.workspace, {
    ...kit,
    refused: (line, times) => refuse({ ...line, replayable: line.bytes.length > 0 }, times),
    filtered: (reason, count) => kit.meter.filtered(reason, count),
  })
}

/** Reads one line as the source would read it now, and publishes what it makes; what is refused again is said. */
export async function replayLine(
  config: LineReaderConfig,
  kit: SourceKit,
  line: { readonly subject: string; readonly bytes: Buffer; readonly receivedMs: number },
): Promise<ReplayAnswer> {
  const refusals: { reason: string; detail: string }[] = []
  const reader = createLineReader(config, kit.workspace, {
    ...kit,
    refused: (refused) => refusals.push(refused),
    filtered: (reason, count) => kit.meter.filtered(reason, count),
  })
  const { bytes, subject, receivedMs } = line
  if (bytes.length === 0) return { outcome: 'refused', reason: 'empty', detail: 'there is nothing in it' }
  const spans = { starts: Uint32Array.of(0), ends: Uint32Array.of(bytes.length), count: 1 }
  reader.read({ buffer: bytes, ...spans, subject, arrivalMs: receivedMs })
  const [refused] = refusals
  if (refused !== undefined) return { outcome: 'refused', ...refused }
  const batch = reader.finish(receivedMs)
  if (batch !== null) await kit.aside.publish(batch)
  return { outcome: 'accepted', samples: batch?.samples ?? 0, rows: batch?.rows ?? 0 }
}

/** Counts what is durable. */
export function tellDurable(batch: Batch | null, reader: LineReader, { meter, clock }: SourceKit): void {
  if (batch === null) return
  meter.durable(batch.samples, batch.rows, Math.max(0, clock.nowMs() - reader.newestMs))
}
