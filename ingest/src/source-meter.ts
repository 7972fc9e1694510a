import type { Clock } from '@driftline/platform/clock'
import type { RefusedLine, SourcePart, SourceStatusDetail, UnmappedTopic } from './status-detail.ts'

export interface Unmapped {
  /** Busiest first. */
  readonly topics: readonly UnmappedTopic[]
  /** How many there are, also of those that are not listed. */
  readonly total: number
}

/** Counts what a source does. All of it is cheap enough to be called for every flush; none of it fails. */
export interface SourceMeter {
  /** What came in: messages, lines or requests. `newestEventMs` is NaN where no time is known. */
  events(count: number, bytes: number, newestEventMs: number): void
  /** What was made of it and is durable now. `lagMs`: from the newest event to now. */
  durable(samples: number, rows: number, lagMs: number): void
  /** What was refused; `subject` is the topic, path or address that it came from. */
  refused(reason: string, detail: string, subject: string, count?: number): void
  /** What was left out on purpose. */
  filtered(reason: string, count: number): void
  /** Series that the source has now. */
  series(count: number): void
  /** For people: `message` says what is wrong and what to do. `waiting` becomes `receiving` with the first event. */
  state(state: SourceStatusDetail['state'], message?: string): void
  /** Short facts, such as `MQTT 5`, `TLS`. */
  about(facts: readonly string[]): void
  /** Files, or topics that are mapped; asked every 2 s. */
  parts(read: () => readonly SourcePart[]): void
  /** Topics that nothing maps; asked every 2 s. */
  unmapped(read: () => Unmapped): void
}

/** A meter as its board sees it. */
export interface MeterOfBoard extends SourceMeter {
  /** How things stand; takes a mark for the rates, so it is called at an even pace. */
  read(nowMs: number): SourceStatusDetail
}

const RATE_WINDOW_MS = 10_000
const MARKS_MAX = 8
const REASONS_MAX = 20
const LIST_MAX = 200
const ABOUT_MAX = 20
/** Reasons that came after the first ones are counted together. */
const OTHER = 'other'
/** Has a place of its own always: its detail is the report of who has too many series. */
const SERIES_TOO_MANY = 'series_too_many'

interface Mark {
  readonly atMs: number
  readonly events: number
  readonly samples: number
  readonly bytes: number
}

interface Refusals {
  reason: string
  count: number
  lastMs: number
  detail: string
  subject: string
}

export function createSourceMeter(clock: Clock): MeterOfBoard {
  const totals = { events: 0, samples: 0, rows: 0, bytes: 0, series: 0 }
  const refusals = new Map<string, Refusals>()
  const left = new Map<string, number>()
  let marks: Mark[] = [{ atMs: clock.nowMs(), events: 0, samples: 0, bytes: 0 }]
  let state: SourceStatusDetail['state'] = 'waiting'
  let message = ''
  let sinceMs = clock.nowMs()
  let facts: readonly string[] = []
  let lastEventMs = Number.NaN
  let lag = Number.NaN
  let readParts: () => readonly SourcePart[] = () => []
  let readUnmapped: () => Unmapped = () => ({ topics: [], total: 0 })

  const setState = (next: SourceStatusDetail['state'], text: string): void => {
    if (next !== state) sinceMs = clock.nowMs()
    state = next
    message = clip(text, 1000)
  }
  const rates = (
    nowMs: number,
  ): Pick<SourceStatusDetail, 'eventsPerSecond' | 'samplesPerSecond' | 'bytesPerSecond'> => {
    const { events, samples, bytes } = totals
    while (marks.length > 1 && nowMs - marks[1]!.atMs >= RATE_WINDOW_MS) marks.shift()
    const from = marks[0]!
    marks.push({ atMs: nowMs, events, samples, bytes })
    if (marks.length > MARKS_MAX) marks = marks.slice(-MARKS_MAX)
    const seconds = Math.max(1, (nowMs - from.atMs) / 1000)
    return {
      eventsPerSecond: rounded((events - from.events) / seconds),
      samplesPerSecond: rounded((samples - from.samples) / seconds),
      bytesPerSecond: Math.round((bytes - from.bytes) / seconds),
    }
  }

  return {
    events(count, bytes, newestEventMs) {
      totals.events += count
      totals.bytes += bytes
      if (!(newestEventMs <= lastEventMs) && Number.isFinite(newestEventMs)) lastEventMs = newestEventMs
      if (state === 'waiting') setState('receiving', message)
    },
    durable(samples, rows, lagMs) {
      totals.samples += samples
      totals.rows += rows
      lag = lagMs
    },
    refused(reason, detail, subject, count = 1) {
      const room = refusals.size < REASONS_MAX - 2 || reason === SERIES_TOO_MANY
      const key = refusals.has(reason) || room ? reason : OTHER
      const known = refusals.get(key) ?? { reason: key, count: 0, lastMs: 0, detail: '', subject: '' }
      known.count += count
      known.lastMs = clock.nowMs()
      known.detail = detail
      known.subject = subject
      refusals.set(key, known)
    },
    filtered(reason, count) {
      if (count > 0) left.set(reason, (left.get(reason) ?? 0) + count)
    },
    series: (count) => {
      totals.series = count
    },
    state: (next, text = '') => setState(next, text),
    about: (next) => {
      facts = next.slice(0, ABOUT_MAX)
    },
    parts: (read) => {
      readParts = read
    },
    unmapped: (read) => {
      readUnmapped = read
    },
    read(nowMs) {
      const { topics, total } = readUnmapped()
      return {
        state,
        message,
        sinceMs,
        about: facts,
        ...rates(nowMs),
        ...totals,
        lastEventMs: Number.isFinite(lastEventMs) ? Math.round(lastEventMs) : null,
        lagMs: Number.isFinite(lag) ? Math.max(0, Math.round(lag)) : null,
        refused: refusedLines(refusals),
        filtered: [...left].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count),
        unmapped: topics.slice(0, LIST_MAX).map(boundTopic),
        unmappedTotal: total,
        parts: readParts().slice(0, LIST_MAX).map(boundPart),
      }
    },
  }
}

/** Three digits are enough for people, and an even flow then changes no row. */
const rounded = (value: number): number => Number(value.toPrecision(3))

const clip = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text)

function refusedLines(refusals: ReadonlyMap<string, Refusals>): RefusedLine[] {
  return [...refusals.values()]
    .sort((a, b) => b.count - a.count)
    .map((each) => ({ ...each, detail: clip(each.detail, 500), subject: clip(each.subject, 500) }))
}

function boundTopic(topic: UnmappedTopic): UnmappedTopic {
  return {
    ...topic,
    topic: clip(topic.topic, 1024),
    perSecond: rounded(topic.perSecond),
    example: clip(topic.example, 256),
  }
}

function boundPart(part: SourcePart): SourcePart {
  const { name, perSecond, detail } = part
  return { ...part, name: clip(name, 1024), perSecond: rounded(perSecond), detail: clip(detail, 300) }
}
