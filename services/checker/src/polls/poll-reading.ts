import type { Collector } from '@driftline/ingest/collector'
import { type PollDefinition, type ScrapeConfig, scrapeConfig } from '@driftline/ingest/definitions/poll'
import type { SeriesBook } from '@driftline/ingest/series-book'
import type { Masker } from '../assess/masking.ts'
import { type CheckAnswer, CheckFailure } from '../check-type.ts'
import type { JsonPaths } from '../facts/json-path.ts'
import { createPollMapper, type Mapped, type MapperPlace } from './poll-mapper.ts'
import { createRowReader, type Row } from './rows.ts'
import type { PollOutcome } from './running-poll.ts'
import { createScrapeMapper } from './scrape-mapper.ts'

/** One question to a target, as the engine puts those of steps: guarded, masked, judged. */
export interface PollQuestion {
  readonly tenant: string
  readonly process: string
  readonly type: 'rest' | 'graphql' | 'sql' | 'file'
  /** As people wrote it. */
  readonly checkConfiguration: Readonly<Record<string, unknown>>
  readonly timeoutMs: number
}

/** Errors: CheckFailure, for all that the target and the configuration do. */
export interface PollAsker {
  /** Hands the answer to `take` while it is open, with what masks its secrets, and answers what that made of it. */
  ask<T>(question: PollQuestion, signal: AbortSignal, take: (answer: CheckAnswer, mask: Mask) => Promise<T>): Promise<T>
}

/** How one poll asks and what it makes of an answer. */
export interface PollReading {
  /** Never throws. */
  ask(atMs: number, signal: AbortSignal): Promise<PollOutcome>
  /** Start of the last answer's body, for previews. */
  readonly lastBody: string
}

const TIMEOUT_S = { rest: 30, graphql: 30, sql: 5, file: 30, prometheus: 10 } as const
const SCRAPE_ACCEPT = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
const BODY_SHOWN = 4096

export function createPollReading(
  place: MapperPlace,
  definition: PollDefinition,
  deps: {
    readonly asker: PollAsker
    readonly paths: JsonPaths
    readonly book: SeriesBook
    readonly collector: Collector
  },
): PollReading {
  const { type, everySeconds } = definition
  const timeoutMs = Math.min(definition.timeoutSeconds ?? TIMEOUT_S[type], everySeconds) * 1000
  let take: Take | null = null
  let lastBody = ''

  const question = (): PollQuestion => {
    const { tenant, process } = place
    const { checkConfiguration } = definition
    if (type !== 'prometheus') return { tenant, process, type, checkConfiguration, timeoutMs }
    return { tenant, process, type: 'rest', checkConfiguration: asRest(checkConfiguration), timeoutMs }
  }

  return {
    get lastBody() {
      return lastBody
    },
    async ask(atMs, signal) {
      const startedMs = performance.now()
      let latencyMs = 0
      try {
        take ??= createTake(place, definition, deps)
        const taking = take
        const answered = await deps.asker.ask(question(), signal, async (answer, mask) => {
          latencyMs = performance.now() - startedMs
          // A target that repeats what it is sent must not show a credential to whoever previews or reads dead letters.
          const text = answer.body?.text ?? JSON.stringify(answer.result)
          lastBody = mask(text.slice(0, BODY_SHOWN * 2), { isCut: true }).slice(0, BODY_SHOWN)
          const mapped = await taking(answer, atMs, mask)
          const refused = mapped.refused.map((each) => ({ ...each, detail: mask(each.detail) }))
          return { mapped: { ...mapped, refused }, bytes: lastBody.length }
        })
        return { ok: true, latencyMs, ...answered }
      } catch (error) {
        const failure =
          error instanceof CheckFailure ? error : new CheckFailure('internal', String(error), { cause: error })
        return { ok: false, failure, latencyMs: performance.now() - startedMs }
      }
    },
  }
}

/** A scrape is a GET of text; what is only its own stays out of the request. */
function asRest(checkConfiguration: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { keep: _keep, drop: _drop, honourTimes: _honourTimes, headers, ...rest } = checkConfiguration
  return { ...rest, headers: { accept: SCRAPE_ACCEPT, ...(headers as object | undefined) } }
}

type Mask = Masker['mask']
type Take = (answer: CheckAnswer, atMs: number, mask: Mask) => Promise<Mapped>

function createTake(
  place: MapperPlace,
  definition: PollDefinition,
  deps: { readonly paths: JsonPaths; readonly book: SeriesBook; readonly collector: Collector },
): Take {
  if (definition.type === 'prometheus') {
    const config: ScrapeConfig = scrapeConfig.parse(definition.checkConfiguration)
    const mapper = createScrapeMapper(place, config, deps)
    return async (answer, atMs) => {
      const text = await answer.fact('body')
      const contentType = await answer.fact('header', 'content-type')
      return mapper.take(String(text ?? ''), String(contentType).includes('openmetrics'), atMs)
    }
  }
  const rows = createRowReader(definition, deps.paths)
  const mapper = createPollMapper(place, definition, deps)
  return async (answer, atMs, mask) => {
    const found = await rows.rowsOf(answer)
    return mapper.take(
      found.map((row) => maskedRow(row, mask)),
      atMs,
    )
  }
}

/** Texts become attributes, which everybody sees; numbers are what is measured. */
const maskedRow = (row: Row, mask: Mask): Row => ({
  at(place) {
    const value = row.at(place)
    return typeof value === 'string' && Number.isNaN(Number(value)) ? mask(value) : value
  },
})
