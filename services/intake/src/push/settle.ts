import type { Batch } from '@driftline/ingest/collector'
import type { IngestPublisher } from '@driftline/ingest/publisher'
import type { SeriesBook } from '@driftline/ingest/series-book'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Logger } from '@driftline/platform/logger'
import type { PushMetrics } from './push-metrics.ts'
import type { PushRequest } from './push-request.ts'

export interface SettleDeps {
  readonly publisher: IngestPublisher
  readonly book: SeriesBook
  readonly metrics: PushMetrics
  readonly clock: Clock
  readonly logger: Logger
}

/** What one publish of a request came to. */
export interface Settling {
  /** Resolves when all that was collected is durable; rejects with an AppError when it is not, or not in time. */
  readonly durable: Promise<void>
  /** Resolves when the bus is done with it, whatever became of it: until then it takes memory. */
  readonly done: Promise<void>
}

/** Publishes what a request collected since the last time, and what it had refused. */
export function settle(request: PushRequest, timeoutMs: number, deps: SettleDeps): Settling {
  const batch = request.take()
  const published = batch === null ? Promise.resolve() : publish(batch, request, deps)
  const all = Promise.all([published, tellLetters(request, deps)]).then(() => {})
  const done = all.catch(() => {})
  return { durable: inTime(all, timeoutMs), done }
}

async function publish(batch: Batch, { tally, source }: PushRequest, deps: SettleDeps): Promise<void> {
  const { publisher, book, metrics, clock } = deps
  const stopTimer = metrics.publishSeconds.startTimer()
  try {
    await publisher.publish(batch)
  } catch (error) {
    metrics.publishFailures.inc()
    // The sender will send it again: what the filters remember of it would make that look like repeats.
    for (const handle of batch.handles) book.filterState.reset(handle)
    throw error
  }
  stopTimer()
  metrics.samples.inc({ door: source.door }, batch.samples)
  metrics.rows.inc({ door: source.door }, batch.rows)
  const lagMs = Number.isFinite(tally.newestMs) ? Math.max(0, clock.nowMs() - tally.newestMs) : Number.NaN
  source.meter.durable(batch.samples, batch.rows, lagMs)
}

async function tellLetters(request: PushRequest, { clock, metrics }: SettleDeps): Promise<void> {
  const { letters, more } = request.takeLetters()
  if (letters.length === 0) return
  const { source, subject } = request
  const origin = { tenant: source.tenant, source: source.id, key: `${source.tenant}/${source.id}` }
  const nowMs = clock.nowMs()
  for (const [reason, count] of more) metrics.beyondLetters(reason, count)
  await Promise.all(
    letters.map(({ refused, payload, replayable }) =>
      source.letters.add(origin, refused, payload, nowMs, { subject, replayable }),
    ),
  )
}

async function inTime(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new AppError('bus_unavailable', `not stored within ${timeoutMs} ms`, { retryable: true })
    timer = setTimeout(() => reject(error), timeoutMs)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
