import { createCollector } from '@driftline/ingest/collector'
import type { PushDoor } from '@driftline/ingest/definitions/push'
import type { Source } from '@driftline/ingest/definitions/source'
import { createOrderedPublisher } from '@driftline/ingest/ordered-publisher'
import { createIngestPublisher } from '@driftline/ingest/publisher'
import { createFlagLimit } from '@driftline/ingest/record-rules'
import { createSeriesBook } from '@driftline/ingest/series-book'
import type { RequestHandlers } from '@driftline/ingest/source-requests'
import type { StatusBoard } from '@driftline/ingest/source-status'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { GrpcServiceBinding } from '@driftline/platform/grpc/grpc-server'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import type { FlaggedRecord } from '@driftline/proto'
import type { DoorCall, DoorDeps, NotRun } from './door.ts'
import { createDoorkeeper, type PushPrincipal } from './doorkeeper.ts'
import { createOtlpServices } from './grpc/otlp-services.ts'
import { createIngestHttp, type IngestHttp } from './http/ingest-http.ts'
import { createOtlpDoor } from './otlp/http-door.ts'
import { createPressure } from './pressure.ts'
import { createPreview } from './preview.ts'
import type { PushConfig } from './push-config.ts'
import { createPushMetrics } from './push-metrics.ts'
import { createPushSource, type PushSource, type SourceName } from './push-source.ts'
import { remoteWriteDoor } from './remote-write/remote-write-door.ts'
import { createReplay } from './replay.ts'
import { recordsDoor } from './samples/records-door.ts'
import { samplesDoor } from './samples/samples-door.ts'
import type { SourceRows } from './source-rows.ts'

export interface PushDeps {
  readonly bus: Bus
  readonly access: { authenticate(token: string): Promise<PushPrincipal | null> }
  readonly board: Pick<StatusBoard, 'of' | 'drop'>
  readonly rows: SourceRows
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
}

/** The doors for pushed samples, records and logs. */
export interface Push extends Component {
  /** The routes over HTTP. */
  readonly http: IngestHttp
  /** OTLP over gRPC, for the intake's port. */
  readonly services: readonly GrpcServiceBinding[]
  /** What people ask of push sources. */
  readonly handlers: RequestHandlers
  /** Takes what people set about push sources, of all tenants. */
  define(sources: readonly Source<'push'>[]): void
}

const ENSURE_EVERY_MS = 10_000
const SWEEP_EVERY_MS = 60_000
const SUMMARIES_EVERY_MS = 5000

export function createPush(config: PushConfig, deps: PushDeps): Push {
  const { bus, clock, logger } = deps
  const book = createSeriesBook(
    { perTenantMax: config.seriesPerTenantMax, perSourceMax: config.seriesPerSourceMax },
    { clock },
  )
  const epoch = clock.nowMs()
  const publisher = createIngestPublisher({ source: `${config.instance}/push`, epoch }, { bus, book, clock })
  const letters = createOrderedPublisher({ source: `${config.instance}/push-letters`, epoch }, bus)
  const metrics = createPushMetrics(deps.metrics)
  const pressure = createPressure(config, deps.metrics)
  const doorkeeper = createDoorkeeper(deps)
  const flags = createFlagLimit(clock)
  const doorDeps: DoorDeps = { config, book, clock, flags, publisher, metrics, logger }
  const sources = createSources(config, deps, (name) =>
    createPushSource(name, {
      book,
      letters,
      metrics: deps.metrics,
      meter: deps.board.of({ tenant: name.tenant, id: idOf(name) }),
    }),
  )
  let timers: NodeJS.Timeout[] = []

  const run = async <T>(
    principal: PushPrincipal,
    door: PushDoor,
    subject: string,
    bytes: number,
    work: (call: DoorCall) => Promise<T>,
  ): Promise<T | NotRun> => {
    const { tenant, id } = principal
    const source = sources.of({ tenant, door, key: id }, principal.name)
    if (source.off) return 'switched_off'
    const admitted = pressure.admit(`${tenant}/${id}`)
    if (admitted === null) return 'under_pressure'
    const holds: Promise<void>[] = []
    try {
      if (!admitted.grow(bytes)) return 'under_pressure'
      return await work({ source, admitted, subject, deps: doorDeps, hold: (each) => void holds.push(each) })
    } finally {
      // What the bus still has in hand takes memory, whether the sender got its answer or not.
      void Promise.all(holds).then(admitted.release)
    }
  }

  const tellSummaries = (isLast: boolean): Promise<unknown> => {
    const summaries = flags.summaries(isLast)
    const publishing = summaries.map((record) => publisher.publish(batchOf(record, doorDeps)))
    return Promise.all(publishing).catch((error: unknown) =>
      logger.warn({ error }, 'could not tell of flagged records'),
    )
  }

  return {
    name: 'push',
    http: createIngestHttp(
      [samplesDoor, recordsDoor, createOtlpDoor('metrics'), createOtlpDoor('logs'), remoteWriteDoor],
      {
        admit: doorkeeper.admit,
        run: (entry, { door, path }, work) => run(entry.principal, door, path, 0, work),
        metrics,
        retryAfterMs: config.retryAfterMs,
        fail: (error) => logger.error({ error }, 'a pushed request failed'),
      },
    ),
    services: createOtlpServices({
      admit: doorkeeper.admit,
      run: (entry, subject, bytes, work) => run(entry.principal, 'otlp', subject, bytes, work),
      count: (answer) => metrics.requests.inc({ door: 'otlp', answer }),
      retryAfterMs: config.retryAfterMs,
    }),
    handlers: {
      preview: createPreview({ sourceOf: (name) => sources.of(name), clock }),
      replay: createReplay({ sourceOf: (name) => sources.of(name), deps: doorDeps }),
    },
    define: sources.define,
    async start() {
      timers = [
        setInterval(book.sweep, SWEEP_EVERY_MS).unref(),
        setInterval(() => void tellSummaries(false), SUMMARIES_EVERY_MS).unref(),
      ]
    },
    async stop() {
      for (const timer of timers) clearInterval(timer)
      await tellSummaries(true)
    },
  }
}

const idOf = ({ door, key }: SourceName): string => `push:${door}:${key}`

/** Sources by tenant, door and key. The one unused for longest makes room. */
function createSources(
  { sourcesMax, seriesPerSourceMax }: PushConfig,
  { board, rows, clock, logger }: PushDeps,
  make: (name: SourceName & { readonly seriesMax: number }) => PushSource,
) {
  const sources = new Map<string, PushSource>()
  /** When each source without a definition may be looked for again. */
  const askedAtMs = new Map<PushSource, number>()
  let definitions = new Map<string, Source<'push'>>()
  const forgetOldest = (): void => {
    const [oldest] = sources
    if (oldest === undefined) return
    sources.delete(oldest[0])
    askedAtMs.delete(oldest[1])
    board.drop(oldest[1])
  }
  const keyOf = ({ tenant, door, key }: SourceName): string => `${tenant}\n${door}\n${key}`
  /** Beside the request, never in its way: data is taken whether its source is listed yet or not. */
  const ensure = (source: PushSource, keyName: string): void => {
    const nowMs = clock.nowMs()
    if (nowMs - (askedAtMs.get(source) ?? Number.NEGATIVE_INFINITY) < ENSURE_EVERY_MS) return
    askedAtMs.set(source, nowMs)
    rows.ensure({ tenant: source.tenant, id: source.id, door: source.door, key: source.key, keyName }).then(
      ({ active }) => {
        source.off = !active
        if (!active) source.meter.state('stopped', 'It is switched off')
      },
      (error: unknown) => logger.warn({ error, source: source.id }, 'could not list a source of pushed data'),
    )
  }
  return {
    of(name: SourceName, keyName?: string): PushSource {
      const place = keyOf(name)
      let source = sources.get(place)
      if (source === undefined) {
        source = make({ ...name, seriesMax: seriesPerSourceMax })
        source.define(definitions.get(place)?.definition ?? null)
        if (sources.size >= sourcesMax) forgetOldest()
      } else sources.delete(place)
      sources.set(place, source)
      if (source.definition === null && keyName !== undefined) ensure(source, keyName)
      return source
    },
    define(list: readonly Source<'push'>[]): void {
      definitions = new Map(
        list.map((each) => [
          keyOf({ tenant: each.tenant, door: each.definition.door, key: each.definition.key }),
          each,
        ]),
      )
      for (const [place, source] of sources) {
        const next = definitions.get(place)?.definition ?? null
        if (next === source.definition) continue
        source.define(next)
        // One that is no longer listed was removed or switched off: the next request finds out.
        askedAtMs.delete(source)
        if (next !== null) source.off = false
      }
    },
  }
}

/** A batch of nothing but a summary of flagged records. */
function batchOf(record: FlaggedRecord, { book, clock, config }: DoorDeps) {
  const { ageMsMax, aheadMsMax } = config
  const collector = createCollector(
    { tenant: record.tenant, source: record.source, ageMsMax, aheadMsMax },
    { book, clock },
  )
  collector.flag(record)
  return collector.take()!
}
