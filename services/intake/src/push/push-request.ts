import type { Batch } from '@driftline/ingest/collector'
import { createCollector, isRefusal, sampleOutcomes } from '@driftline/ingest/collector'
import type { FlagLimit } from '@driftline/ingest/record-rules'
import type { SeriesBook } from '@driftline/ingest/series-book'
import type { Clock } from '@driftline/platform/clock'
import { createLineCounts } from './line-counts.ts'
import type { LogSink } from './log-sink.ts'
import { type PointSink, type Refusal, type Refused, type SeriesText, sampleLetter } from './point-sink.ts'
import type { PushConfig } from './push-config.ts'
import type { PushSource } from './push-source.ts'

/** An item that was refused, as the answer tells it. */
export interface ItemError {
  readonly index: number
  readonly reason: string
  readonly detail: string
}

/** Something refused that a dead letter is to tell. */
export interface Letter {
  readonly refused: Refused
  readonly payload: Uint8Array
  readonly replayable: boolean
}

/** What one request came to so far. */
export interface Tally {
  accepted: number
  refused: number
  /** The first ones. */
  readonly errors: ItemError[]
  /** How many were refused, by reason, with the detail of the first. */
  readonly reasons: Map<string, { count: number; readonly detail: string }>
  /** What was left out on purpose, by reason. */
  readonly skipped: Map<string, number>
  newestMs: number
}

/** Takes what the decoders find in the body of one request. */
export interface PushRequest extends PointSink, LogSink {
  readonly tally: Tally
  readonly source: PushSource
  /** Path of the request. */
  readonly subject: string
  /** Index of the item that is being read, for errors. */
  index: number
  /** Whether so much waits that it should be published before more is read. */
  readonly isFull: boolean
  /** Samples that wait to be published. */
  readonly sampleCount: number
  /** Records that rules flag are told through it. */
  readonly flags: FlagLimit
  flag: ReturnType<typeof createCollector>['flag']
  /** Drops what waits to be published: it was not accepted after all. */
  discard(): void
  /** What waits to be published; null for nothing. */
  take(): Batch | null
  /** Letters since the last call, and what was refused beyond them, by reason. */
  takeLetters(): { readonly letters: readonly Letter[]; readonly more: ReadonlyMap<string, number> }
}

const ERRORS_MAX = 100
const LETTERS_MAX = 50
const SAMPLES_MAX = 50_000
const BYTES_MAX = 4 * 1024 * 1024
/** Stands for a series that the source's filter does not want. */
const UNWANTED = 0x3fff_ffff

export interface PushRequestDeps {
  readonly book: SeriesBook
  readonly clock: Clock
  readonly flags: FlagLimit
}

export function createPushRequest(
  source: PushSource,
  subject: string,
  config: PushConfig,
  { book, clock, flags }: PushRequestDeps,
): PushRequest {
  const { tenant, id, filter, kpis, taps } = source
  const { ageMsMax, aheadMsMax, rowAgeMsMax } = config
  const collector = createCollector({ tenant, source: id, filter, ageMsMax, aheadMsMax }, { book, clock })
  const tally: Tally = {
    accepted: 0,
    refused: 0,
    errors: [],
    reasons: new Map(),
    skipped: new Map(),
    newestMs: Number.NEGATIVE_INFINITY,
  }
  const mapped = source.definition?.kpis !== undefined
  const lines = createLineCounts()
  let letters: Letter[] = []
  let more = new Map<string, number>()
  /** Share of a row that is due, when only a share of them is kept; the first one is. */
  let rowCredit = 1 - filter.rowSamplingRate

  const skip = (reason: string, count: number): void => {
    tally.skipped.set(reason, (tally.skipped.get(reason) ?? 0) + count)
  }
  const refuse = ({ reason, detail, count, payload, replayable = false, isBody = false }: Refusal): void => {
    tally.refused += count
    if (!isBody && tally.errors.length < ERRORS_MAX) tally.errors.push({ index: request.index, reason, detail })
    const of = tally.reasons.get(reason)
    if (of === undefined) tally.reasons.set(reason, { count, detail })
    else of.count += count
    for (const tap of taps) tap.refused({ reason, detail }, payload(), subject)
    if (letters.length < LETTERS_MAX) letters.push({ refused: { reason, detail }, payload: payload(), replayable })
    else more.set(reason, (more.get(reason) ?? 0) + 1)
  }
  const define = (series: SeriesText): number | Refused => {
    if (!collector.wants(series.metric)) return UNWANTED
    const handle = book.define({ ...series, tenant, source: id })
    if (handle < 0) return book.refusal(handle)
    if (mapped) kpis.note(handle, series)
    return handle
  }
  const add = (handle: number, timeMs: number, value: number): boolean => {
    if (handle === UNWANTED) {
      skip('metric_not_wanted', 1)
      return true
    }
    const outcome = collector.sample(handle, timeMs, value)
    if (isRefusal(outcome)) {
      refuse(refusalOf(outcome, book, handle, timeMs, value, config))
      return false
    }
    tally.accepted += 1
    if (timeMs > tally.newestMs) tally.newestMs = timeMs
    if (outcome !== 0) skip(sampleOutcomes[outcome]!, 1)
    if (mapped) kpis.observe(handle, timeMs, value)
    if (taps.size > 0) for (const tap of taps) tap.sample(book.get(handle), timeMs, value, subject)
    return true
  }

  const request: PushRequest = {
    tally,
    source,
    subject,
    index: 0,
    flags,
    flag: collector.flag,
    get isFull() {
      return collector.sampleCount >= SAMPLES_MAX || collector.byteLength >= BYTES_MAX
    },
    get sampleCount() {
      return collector.sampleCount
    },
    define,
    add,
    skip,
    refuse,
    row(process, timeMs, severity, body, attributes) {
      const nowMs = clock.nowMs()
      const atMs = timeMs ?? nowMs
      if (!(atMs >= nowMs - rowAgeMsMax) || atMs > nowMs + aheadMsMax) {
        const reason = atMs > nowMs ? 'time_in_future' : 'time_too_old'
        const payload = Buffer.from(body)
        refuse({ reason, detail: timeDetail(atMs), count: 1, payload: () => payload })
        return
      }
      tally.accepted += 1
      if (atMs > tally.newestMs) tally.newestMs = atMs
      lines.count(process, severity, atMs)
      for (const tap of taps) {
        tap.row({ process, timeMs: atMs, body: Buffer.from(body).toString(), attributes }, subject)
      }
      // A line that does not say how severe it is passes.
      if (severity !== 0 && severity < filter.rowMinSeverity) {
        skip('row_below_severity', 1)
        return
      }
      rowCredit += filter.rowSamplingRate
      if (rowCredit < 1) {
        skip('row_sampled_out', 1)
        return
      }
      rowCredit -= 1
      const text = Buffer.from(body.buffer, body.byteOffset, body.length)
      const json = attributes === '' ? null : Buffer.from(attributes)
      collector.rows.add(process, atMs, severity, '', text, 0, text.length, json, 0, json?.length ?? 0, 0, 0)
    },
    discard() {
      // It will come again, mended: what the filters remember of it would make that look like repeats.
      for (const handle of collector.take()?.handles ?? []) book.filterState.reset(handle)
      lines.flush(() => {})
      tally.accepted = 0
    },
    take() {
      // What is made of the rest is of ourselves: it counts as nothing that was sent.
      const addOwn = (series: SeriesText, timeMs: number, value: number): void => {
        const handle = book.define({ ...series, tenant, source: id })
        if (handle >= 0) collector.sample(handle, timeMs, value)
      }
      lines.flush(addOwn)
      if (mapped) kpis.flush(addOwn)
      return collector.take()
    },
    takeLetters() {
      const taken = { letters, more }
      letters = []
      more = new Map()
      return taken
    },
  }
  return request
}

function refusalOf(
  outcome: number,
  book: SeriesBook,
  handle: number,
  timeMs: number,
  value: number,
  { ageMsMax, aheadMsMax }: PushConfig,
): Refusal {
  const reason = sampleOutcomes[outcome]!
  const detail =
    reason === 'value_not_finite'
      ? `the value is ${value}`
      : `${timeDetail(timeMs)}; samples are taken from ${ageMsMax / 3_600_000} h ago to ${aheadMsMax / 60_000} min ahead`
  const known = book.get(handle)
  const series = { ...known, attributes: JSON.parse(known.attributes) as Record<string, string> }
  return { reason, detail, count: 1, payload: () => sampleLetter(series, timeMs, value), replayable: true }
}

function timeDetail(timeMs: number): string {
  return `the time is ${Math.abs(timeMs) <= 8.64e15 ? new Date(timeMs).toISOString() : timeMs}`
}
