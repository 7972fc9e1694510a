import type { Batch, Collector } from '@driftline/ingest/collector'
import type { Source } from '@driftline/ingest/definitions/source'
import type { IngestPublisher } from '@driftline/ingest/publisher'
import type { Refused } from '@driftline/ingest/refused'
import type { SeriesBook } from '@driftline/ingest/series-book'
import type { SourceMeter } from '@driftline/ingest/source-meter'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import { MetricKind, processMetrics } from '@driftline/proto'
import CircuitBreaker from 'opossum'
import type { CheckFailure } from '../check-type.ts'
import type { Mapped } from './poll-mapper.ts'
import { createTurns } from './turns.ts'

/** One turn of a poll as its target answered it. */
export type PollOutcome =
  | { readonly ok: true; readonly mapped: Mapped; readonly latencyMs: number; readonly bytes: number }
  | { readonly ok: false; readonly failure: CheckFailure; readonly latencyMs: number }

export interface RunningPollDeps {
  readonly book: SeriesBook
  readonly collector: Collector
  readonly publisher: IngestPublisher
  readonly meter: SourceMeter
  /** Asks the target once and maps its answer into the collector. Never throws. */
  ask(atMs: number, signal: AbortSignal): Promise<PollOutcome>
  /** What could not be taken of an answer. */
  letter(refused: Refused & { readonly place: string }): Promise<void>
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
}

/** A poll that has its turns, until it is stopped. */
export interface RunningPoll {
  start(): void
  /** Resolves when nothing of it runs any more; what was read is durable then, unless the bus is away. */
  stop(): Promise<void>
}

/** So many turns make a rate of failures that the breaker goes by. */
const BREAKER_TURNS = 5
const BREAKER_REST_MS = 30_000
const BREAKER_REST_MS_MAX = 300_000
const RETRY_FIRST_MS = 200
const RETRY_LONGEST_MS = 5000

/**
 * A turn begins when it is due and the turn before has ended: turns never overlap, and those that were missed are
 * counted, not made up for. While most turns fail the target is left alone for a while.
 */
export function createRunningPoll(source: Source<'poll'>, processOfPoll: string, deps: RunningPollDeps): RunningPoll {
  const { meter, clock, collector } = deps
  const everyMs = Math.round(source.definition.everySeconds * 1000)
  const turns = createTurns(`${source.tenant} ${source.id}`, everyMs, deps.random)
  const stopping = new AbortController()
  const breaker = createBreaker(everyMs, (atMs: number) => deps.ask(atMs, stopping.signal).then(refuseFailed))
  let timer: NodeJS.Timeout | undefined
  let turn: Promise<void> = Promise.resolve()
  /** Read and not durable yet: published before anything else is asked for. */
  let unpublished: Batch | null = null

  const schedule = (after: number): void => {
    if (stopping.signal.aborted) return
    const dueMs = turns.after(after)
    // The clock may be set while this waits; the wait itself is of a clock that is not.
    timer = setTimeout(
      () => {
        turn = takeTurn(dueMs)
          .catch((error: unknown) => {
            deps.logger.error({ error, source: source.id }, 'a turn of a poll failed; it goes on with the next')
            meter.state(
              'failed',
              'The poll could not be read: see the log of the checker. It goes on with its next turn.',
            )
          })
          .then(() => schedule(clock.nowMs()))
      },
      Math.max(0, Math.min(dueMs - clock.nowMs(), everyMs + 1000)),
    )
  }

  const takeTurn = async (dueMs: number): Promise<void> => {
    const atMs = clock.nowMs()
    try {
      note(atMs, await breaker.fire(atMs))
    } catch (error) {
      if (error instanceof FailedTurn) note(atMs, error.outcome)
      // The breaker's own: nothing was asked.
      else meter.filtered('target_rests', 1)
    }
    await publish()
    const missed = Math.floor((clock.nowMs() - dueMs) / everyMs)
    if (missed > 0) meter.filtered('turn_missed', missed)
  }

  const note = (atMs: number, outcome: PollOutcome): void => {
    if (stopping.signal.aborted && !outcome.ok) return
    kpi(processMetrics.executionTime, atMs, outcome.latencyMs / 1000)
    kpi(processMetrics.events, atMs, 1)
    kpi(processMetrics.failedEvents, atMs, outcome.ok ? 0 : 1)
    if (!outcome.ok) {
      const { reason, message, hint } = outcome.failure
      meter.refused(reason, message, source.name)
      const rests = breaker.opened ? ` Asked again in ${Math.round(restMs(everyMs) / 1000)} s.` : ''
      meter.state('failed', `${message}${hint === '' ? '' : `. ${hint}`}.${rests}`)
      return
    }
    const { mapped, bytes } = outcome
    meter.events(1, bytes, Number.isFinite(mapped.newestMs) ? mapped.newestMs : Number.NaN)
    meter.state('receiving', mapped.refused[0] === undefined ? '' : mapped.refused[0].detail)
    for (const each of mapped.refused) {
      meter.refused(each.reason, each.detail, each.place)
      deps.letter(each).catch((error: unknown) => deps.logger.warn({ error }, 'could not keep a dead letter of a poll'))
    }
    const more = mapped.refusedTotal - mapped.refused.length
    if (more > 0) meter.refused(mapped.refused.at(-1)!.reason, mapped.refused.at(-1)!.detail, '', more)
  }

  const kpi = (metric: (typeof processMetrics)[keyof typeof processMetrics], atMs: number, value: number): void => {
    const handle = deps.book.define({
      tenant: source.tenant,
      source: source.id,
      process: processOfPoll,
      metric: metric.name,
      attributes: {},
      unit: metric.unit,
      kind: metric === processMetrics.executionTime ? MetricKind.GAUGE : MetricKind.DELTA,
    })
    if (handle >= 0) collector.sample(handle, atMs, value)
  }

  /** Goes on until it is durable or the poll is stopped: meanwhile there are no further turns, so it is bounded. */
  const publish = async (): Promise<void> => {
    let waitMs = RETRY_FIRST_MS
    for (;;) {
      unpublished ??= collector.take()
      if (unpublished === null) return
      try {
        await deps.publisher.publish(unpublished)
        meter.durable(unpublished.samples, unpublished.rows, Number.NaN)
        meter.series(deps.book.sizeOf(source.tenant, source.id))
        unpublished = null
        return
      } catch (error) {
        deps.logger.warn({ error, source: source.id }, 'the bus takes nothing of a poll now; trying again')
        meter.state('failed', 'The bus takes nothing now: what was read waits, and nothing further is asked for.')
        if (stopping.signal.aborted) return
        await pause(waitMs, stopping.signal)
        waitMs = Math.min(waitMs * 2, RETRY_LONGEST_MS)
      }
    }
  }

  return {
    start() {
      meter.state('waiting')
      meter.about([source.definition.type, `every ${source.definition.everySeconds} s`])
      schedule(clock.nowMs())
    },
    async stop() {
      stopping.abort()
      clearTimeout(timer)
      await turn
      await publish()
      breaker.shutdown()
    },
  }
}

/** Tells the breaker that a turn failed; `ask` itself answers. */
class FailedTurn extends Error {
  readonly outcome: PollOutcome

  constructor(outcome: PollOutcome) {
    super('the turn failed')
    this.outcome = outcome
  }
}

function refuseFailed(outcome: PollOutcome): PollOutcome {
  if (!outcome.ok) throw new FailedTurn(outcome)
  return outcome
}

const restMs = (everyMs: number): number => Math.min(Math.max(BREAKER_REST_MS, everyMs), BREAKER_REST_MS_MAX)

function createBreaker(everyMs: number, ask: (atMs: number) => Promise<PollOutcome>) {
  return new CircuitBreaker(ask, {
    // A turn ends by its own deadline.
    timeout: false,
    errorThresholdPercentage: 60,
    volumeThreshold: BREAKER_TURNS,
    rollingCountTimeout: everyMs * BREAKER_TURNS * 2,
    rollingCountBuckets: 10,
    resetTimeout: restMs(everyMs),
    // Hundreds of polls would otherwise each sort their latencies all the time.
    rollingPercentilesEnabled: false,
  })
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
