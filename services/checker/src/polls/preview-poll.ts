import { type Collector, createCollector } from '@driftline/ingest/collector'
import { definitionSchemas } from '@driftline/ingest/definitions/source'
import type { PreviewAnswer, PreviewItem, ProducedSample } from '@driftline/ingest/request-types'
import { createSeriesBook, type SeriesBook } from '@driftline/ingest/series-book'
import type { PreviewTask } from '@driftline/ingest/source-requests'
import type { Clock } from '@driftline/platform/clock'
import { type FlaggedRecord, processId } from '@driftline/proto'
import type { JsonPaths } from '../facts/json-path.ts'
import { createPollReading, type PollAsker, type PollReading } from './poll-reading.ts'
import type { PollOutcome } from './running-poll.ts'

const ITEMS_MAX = 20
const PRODUCED_MAX = 200
const EVERY_MS_MIN = 2000
const SERIES_MAX = 2000

/** Asks the target of a draft as often as it will be, and shows what its answers would become. Nothing is stored. */
export async function previewPoll(
  task: PreviewTask,
  report: (answer: PreviewAnswer) => void,
  signal: AbortSignal,
  deps: {
    readonly asker: PollAsker
    readonly paths: JsonPaths
    readonly clock: Clock
    readonly bounds: { readonly ageMsMax: number; readonly aheadMsMax: number }
  },
): Promise<void> {
  const parsed = definitionSchemas.poll.safeParse(task.definition)
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    report(answerOf('failed', problems.join('\n'), []))
    return
  }
  const definition = parsed.data
  const items: PreviewItem[] = []
  const book = createSeriesBook({ perTenantMax: SERIES_MAX, perSourceMax: SERIES_MAX }, deps)
  const source = task.source || task.id
  const shown = createShownCollector(
    createCollector(
      { tenant: task.tenant, source, filter: definition.filter, ...deps.bounds },
      { book, clock: deps.clock },
    ),
    book,
  )
  const process = definition.process ?? processId('service', 'preview')
  const place = { tenant: task.tenant, source, process }
  const reading = createPollReading(place, definition, {
    asker: deps.asker,
    paths: deps.paths,
    book,
    collector: shown.collector,
  })
  report(answerOf('connecting', '', []))
  while (!signal.aborted) {
    const atMs = deps.clock.nowMs()
    const outcome = await reading.ask(atMs, signal)
    if (signal.aborted) return
    items.unshift(itemOf(atMs, outcome, reading, shown.take()))
    items.length = Math.min(items.length, ITEMS_MAX)
    const message = outcome.ok ? '' : [outcome.failure.message, outcome.failure.hint].filter(Boolean).join('. ')
    report(answerOf(outcome.ok ? 'receiving' : 'failed', message, items))
    await pause(Math.max(EVERY_MS_MIN, definition.everySeconds * 1000), signal)
  }
}

interface Shown {
  readonly produced: readonly ProducedSample[]
  readonly flagged: readonly string[]
}

/** A collector that shows what it is given and keeps none of it. */
function createShownCollector(kept: Collector, book: SeriesBook): { collector: Collector; take(): Shown } {
  let produced: ProducedSample[] = []
  let flagged: string[] = []
  const collector: Collector = {
    ...kept,
    get sampleCount() {
      return kept.sampleCount
    },
    get byteLength() {
      return kept.byteLength
    },
    sample(handle, timeMs, value) {
      const code = kept.sample(handle, timeMs, value)
      if (code === 0 && produced.length < PRODUCED_MAX) {
        const { process, metric, attributes, unit } = book.get(handle)
        produced.push({ process, metric, attributes: JSON.parse(attributes), unit, role: 'level', value })
      }
      return code
    },
    flag: (record: FlaggedRecord) => void flagged.push(record.rule),
  }
  return {
    collector,
    take() {
      const shown = { produced, flagged }
      kept.take()
      produced = []
      flagged = []
      return shown
    },
  }
}

function itemOf(timeMs: number, outcome: PollOutcome, reading: PollReading, { produced, flagged }: Shown): PreviewItem {
  const item = { timeMs, payload: reading.lastBody, marks: [], produced, fields: null, flagged }
  if (!outcome.ok) {
    const { reason, message } = outcome.failure
    return { ...item, subject: '', refusals: [{ reason, at: '', detail: message }] }
  }
  const refusals = outcome.mapped.refused.map(({ reason, detail, place }) => ({ reason, at: place, detail }))
  return { ...item, subject: `answered in ${Math.round(outcome.latencyMs)} ms`, refusals }
}

const answerOf = (state: PreviewAnswer['state'], message: string, items: readonly PreviewItem[]): PreviewAnswer => ({
  state,
  message,
  perSecond: 0,
  items: [...items],
  unmapped: [],
  detected: null,
})

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
