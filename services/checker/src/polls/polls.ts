import { createCollector } from '@driftline/ingest/collector'
import { createDeadLetters, letterAllowance } from '@driftline/ingest/dead-letters'
import type { Source } from '@driftline/ingest/definitions/source'
import { createLease, type Lease } from '@driftline/ingest/lease'
import { createOrderedPublisher } from '@driftline/ingest/ordered-publisher'
import { createIngestPublisher } from '@driftline/ingest/publisher'
import type { SeriesBook } from '@driftline/ingest/series-book'
import { createRequestDesk } from '@driftline/ingest/source-requests'
import { createStatusBoard } from '@driftline/ingest/source-status'
import { createSourceWatch, type InvalidSource } from '@driftline/ingest/source-watch'
import type { Sealer } from '@driftline/platform/access/sealing'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { HotState } from '@driftline/platform/hot-state/hot-state'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { processId, routingKey } from '@driftline/proto'
import type { JsonPaths } from '../facts/json-path.ts'
import { createPollReading, type PollAsker } from './poll-reading.ts'
import { previewPoll } from './preview-poll.ts'
import { createRunningPoll, type RunningPoll } from './running-poll.ts'

export interface PollsConfig {
  /** Name of this instance. */
  readonly instance: string
  readonly series: { readonly perSourceMax: number; readonly perTenantMax: number }
  readonly bounds: { readonly ageMsMax: number; readonly aheadMsMax: number }
}

export interface PollsDeps {
  readonly asker: PollAsker
  readonly paths: JsonPaths
  readonly book: SeriesBook
  readonly bus: Bus
  readonly metadata: Metadata
  readonly hotState: HotState
  readonly sealer: Sealer
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
}

interface Managed {
  readonly source: Source<'poll'>
  readonly lease: Lease
  running: RunningPoll | null
  /** Given up: a lease that is had at this very moment begins nothing any more. */
  released: boolean
  /** Starts and stops of this poll, one after the other. */
  turn: Promise<void>
}

const SERVICE = 'checker'
const SWEEP_MS = 1000
const keyOf = (source: { readonly tenant: string; readonly id: string }): string => `${source.tenant} ${source.id}`

/** Process that a poll's own KPIs are of, and rows that name none. */
export function processOfPoll({ definition, name }: Source<'poll'>): string {
  const { process } = definition
  return process === undefined || process.includes('{') ? processId('service', name) : process
}

/** Every source of kind `poll`, each read by the one instance that holds its lease. */
export function createPolls(config: PollsConfig, deps: PollsDeps): Component {
  const { metadata, sealer, clock, metrics, bus, book } = deps
  const logger = deps.logger.child({ component: 'polls' })
  const board = createStatusBoard({ service: SERVICE, instance: config.instance }, { metadata, clock, logger })
  const managed = new Map<string, Managed>()
  const letters = createOrderedPublisher({ source: `checker:${config.instance}/letters`, epoch: clock.nowMs() }, bus)
  let invalidBefore: readonly InvalidSource[] = []
  let sweeping: NodeJS.Timeout | undefined

  const createPoll = (source: Source<'poll'>): RunningPoll => {
    const { tenant, id, definition } = source
    const process = processOfPoll(source)
    const collector = createCollector(
      { tenant, source: id, filter: definition.filter, ...config.bounds },
      { book, clock },
    )
    const name = { source: `checker:${config.instance}/${tenant}/${id}`, epoch: clock.nowMs() }
    const deadLetters = createDeadLetters({ service: SERVICE, ...letterAllowance }, { publisher: letters, metrics })
    const reading = createPollReading({ tenant, source: id, process }, definition, { ...deps, collector })
    return createRunningPoll(source, process, {
      book,
      collector,
      publisher: createIngestPublisher(name, { bus, book, clock }),
      meter: board.of(source),
      ask: (atMs, signal) => reading.ask(atMs, signal),
      letter: ({ reason, detail, place }) =>
        deadLetters.add(
          { tenant, source: id, key: routingKey(tenant, process) },
          { reason, detail },
          Buffer.from(detail),
          clock.nowMs(),
          { subject: place, replayable: false },
        ),
      clock,
      logger,
      random: Math.random,
    })
  }

  const manage = (source: Source<'poll'>): Managed => {
    const each: Managed = {
      source,
      running: null,
      released: false,
      turn: Promise.resolve(),
      lease: createLease(`poll ${keyOf(source)}`, config.instance, {
        hotState: deps.hotState,
        logger,
        held: () => queue(each, () => begin(each)),
        lost: () => queue(each, () => end(each)),
      }),
    }
    if (source.active) each.lease.start()
    else board.of(source).state('stopped')
    return each
  }

  const queue = (each: Managed, step: () => Promise<void>): void => {
    each.turn = each.turn.then(step).catch((error: unknown) => {
      logger.error({ error, source: each.source.id }, 'could not start or stop a poll')
    })
  }

  const begin = async (each: Managed): Promise<void> => {
    if (each.running !== null || each.released) return
    each.running = createPoll(each.source)
    each.running.start()
  }

  const end = async (each: Managed): Promise<void> => {
    const { running } = each
    each.running = null
    await running?.stop()
  }

  const release = async (each: Managed): Promise<void> => {
    each.released = true
    queue(each, () => end(each))
    await each.turn
    await each.lease.stop()
  }

  const follow = async (sources: readonly Source<'poll'>[], invalid: readonly InvalidSource[]): Promise<void> => {
    const wanted = new Map(sources.map((source) => [keyOf(source), source]))
    for (const [key, each] of managed) {
      const next = wanted.get(key)
      if (next?.version === each.source.version) continue
      // One whose definition is broken for now goes on as it was.
      if (next === undefined && invalid.some((other) => keyOf(other) === key)) continue
      managed.delete(key)
      await release(each)
      if (next === undefined) board.drop(each.source)
    }
    for (const [key, source] of wanted) if (!managed.has(key)) managed.set(key, manage(source))
    for (const each of invalidBefore) if (!wanted.has(keyOf(each))) board.drop(each)
    for (const each of invalid) board.of(each).state('failed', each.message)
    invalidBefore = invalid
  }

  const watch = createSourceWatch(
    { kinds: ['poll'], everyMs: 1000 },
    { metadata, sealer, logger, clock, onChange: follow },
  )
  const desk = createRequestDesk(
    { service: SERVICE, instance: config.instance },
    {
      metadata,
      sealer,
      clock,
      logger,
      handlers: {
        preview: (task, report, signal) => previewPoll(task, report, signal, { ...deps, bounds: config.bounds }),
        replay: async () => ({
          outcome: 'refused',
          reason: 'source_gone',
          detail: 'A target is asked anew at every turn; what it said once cannot be read again',
        }),
      },
    },
  )

  return {
    name: 'polls',
    async start() {
      await board.start()
      await watch.start()
      await desk.start()
      sweeping = setInterval(() => book.sweep(), SWEEP_MS)
    },
    async stop() {
      clearInterval(sweeping)
      await desk.stop()
      await watch.stop()
      await Promise.all([...managed.values()].map(release))
      managed.clear()
      await board.stop()
    },
  }
}
