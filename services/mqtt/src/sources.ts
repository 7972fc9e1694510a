import { createDeadLetters, letterAllowance } from '@driftline/ingest/dead-letters'
import { mqttDefinition } from '@driftline/ingest/definitions/mqtt'
import type { Source } from '@driftline/ingest/definitions/source'
import { createOrderedPublisher } from '@driftline/ingest/ordered-publisher'
import { createIngestPublisher } from '@driftline/ingest/publisher'
import type { SeriesBook } from '@driftline/ingest/series-book'
import type { StatusBoard } from '@driftline/ingest/source-status'
import type { InvalidSource } from '@driftline/ingest/source-watch'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { HotState } from '@driftline/platform/hot-state/hot-state'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { type BrokerLink, createBrokerLink, sameConnection } from './broker-link.ts'
import { laneLimits } from './lane.ts'
import type { TimeBounds } from './mapping/mapper.ts'
import type { MqttMessage, OutgoingMessage } from './message.ts'
import { createRunningSource, type RunningSource } from './running-source.ts'
import type { Discovery } from './source-reader.ts'

/** Id of the source that the embedded broker is where nobody has defined one. */
export const EMBEDDED = 'embedded'
/** Whose clients need no key on this machine. */
export const FIRST_TENANT = 'default'
const DRAIN_MS = 3000
const DEAD_LETTER_ALLOWANCE = { service: 'mqtt', ...letterAllowance }

export interface SourcesConfig {
  readonly instance: string
  readonly bounds: TimeBounds
  /** Whether there is an embedded broker. */
  readonly embedded: boolean
}

export interface SourcesDeps {
  readonly bus: Bus
  readonly hotState: HotState
  readonly book: SeriesBook
  readonly board: StatusBoard
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
  readonly createDiscovery: () => Discovery
  /** A tenant for whose clients no source is defined. */
  readonly firstHeardOf: (tenant: string) => void
  readonly publishEmbedded: (tenant: string, message: OutgoingMessage) => void
}

/** Every source that this instance reads. */
export interface Sources {
  /** Makes what is read follow the definitions. */
  follow(sources: readonly Source<'mqtt'>[], invalid: readonly InvalidSource[]): Promise<void>
  /** Gives a message of the embedded broker to the sources of its tenant. */
  takeEmbedded(tenant: string, message: MqttMessage, settle: () => void): void
  find(tenant: string, id: string): RunningSource | null
  /** The embedded broker did not take something of a tenant's clients. */
  refusedByBroker(tenant: string, reason: string, detail: string, subject: string): void
  /** The embedded broker does not run, and why. */
  embeddedFailed(message: string): void
  tick(nowMs: number): void
  /** Makes durable what was taken, for at most so long. */
  drain(timeoutMs: number): Promise<void>
  stop(): Promise<void>
}

interface Managed {
  source: Source<'mqtt'>
  readonly running: RunningSource
  link: BrokerLink | null
}

const isEmbedded = ({ definition }: Source<'mqtt'>): boolean => definition.broker.url === EMBEDDED
const keyOf = (source: { readonly tenant: string; readonly id: string }): string => `${source.tenant} ${source.id}`

/** Discovers what comes and maps nothing, until somebody maps it. */
export const builtInSource = (tenant: string): Source<'mqtt'> => ({
  tenant,
  id: EMBEDDED,
  kind: 'mqtt',
  name: EMBEDDED,
  active: true,
  definition: mqttDefinition.parse({ broker: { url: EMBEDDED } }),
  secrets: {},
  version: 0,
})

export function createSources(config: SourcesConfig, deps: SourcesDeps): Sources {
  const { board, clock, logger, metrics } = deps
  const managed = new Map<string, Managed>()
  /** Sources of the embedded broker by tenant. */
  const embedded = new Map<string, Managed[]>()
  const tenants = new Set([FIRST_TENANT])
  let embeddedProblem = config.embedded ? null : 'The embedded broker is switched off: set mqtt.embedded.'
  let stopped = false
  let invalidBefore: readonly InvalidSource[] = []
  const letters = createOrderedPublisher({ source: `${config.instance}/letters`, epoch: clock.nowMs() }, deps.bus)
  const counted = metrics.counter('driftline_dead_letters_total', 'Inputs that were refused', ['service', 'reason'])

  const run = (source: Source<'mqtt'>): Managed => {
    const { tenant, id } = source
    const meter = board.of(source)
    const name = { source: `${config.instance}/${tenant}/${id}`, epoch: clock.nowMs() }
    const running = createRunningSource(source, {
      book: deps.book,
      meter,
      publisher: createIngestPublisher(name, { bus: deps.bus, book: deps.book, clock }),
      deadLetters: createDeadLetters(DEAD_LETTER_ALLOWANCE, { publisher: letters, metrics }),
      suppressed: (reason, count) => counted.inc({ service: 'mqtt', reason }, count),
      createDiscovery: deps.createDiscovery,
      bounds: config.bounds,
      laneLimits,
      clock,
      logger,
      random: Math.random,
    })
    const made: Managed = { source, running, link: null }
    connect(made)
    return made
  }

  const connect = (each: Managed): void => {
    const { source, running } = each
    const meter = board.of(source)
    if (isEmbedded(source)) {
      const [problem] = running.problems
      if (embeddedProblem === null) meter.state('waiting', problem ?? '')
      else meter.state('failed', embeddedProblem)
      meter.about(['MQTT 3.1.1', 'embedded'])
      running.link({
        publish: (message) => deps.publishEmbedded(source.tenant, message),
        // What is held waits in the connections of its publishers.
        pause: () => {},
        resume: () => {},
      })
      return
    }
    each.link = createBrokerLink(source, running, { ...deps, instance: config.instance, meter, random: Math.random })
    each.link.start()
  }

  const change = async (each: Managed, source: Source<'mqtt'>): Promise<void> => {
    const before = each.source
    each.source = source
    each.running.change(source)
    if (!sameConnection(before, source)) {
      await each.link?.stop({ forget: false })
      each.link = null
      connect(each)
    } else if (each.link !== null) each.link.setFilters(each.running.filters)
    else connect(each)
  }

  const end = async (each: Managed, forget: boolean): Promise<void> => {
    await each.link?.stop({ forget })
    await each.running.drain(DRAIN_MS)
    each.running.abandon()
  }

  const sortEmbedded = (): void => {
    embedded.clear()
    for (const each of managed.values()) {
      if (!isEmbedded(each.source)) continue
      const known = embedded.get(each.source.tenant)
      if (known) known.push(each)
      else embedded.set(each.source.tenant, [each])
    }
  }

  const withBuiltIn = (sources: readonly Source<'mqtt'>[]): Source<'mqtt'>[] => {
    if (!config.embedded) return [...sources]
    const served = new Set(sources.filter(isEmbedded).map(({ tenant }) => tenant))
    return [...sources, ...[...tenants].filter((tenant) => !served.has(tenant)).map(builtInSource)]
  }

  return {
    async follow(sources, invalid) {
      const wanted = new Map(withBuiltIn(sources).map((source) => [keyOf(source), source]))
      for (const [key, each] of managed) {
        // One whose definition is broken for now goes on as it was.
        if (wanted.has(key) || invalid.some((other) => keyOf(other) === key)) continue
        managed.delete(key)
        sortEmbedded()
        await end(each, true)
        board.drop(each.source)
      }
      for (const [key, source] of wanted) {
        const each = managed.get(key)
        if (!each) managed.set(key, run(source))
        else if (each.source !== source && !(each.source.version === 0 && source.version === 0)) {
          await change(each, source)
        }
      }
      sortEmbedded()
      for (const each of invalidBefore) if (!wanted.has(keyOf(each))) board.drop(each)
      for (const each of invalid) if (each.kind === 'mqtt') board.of(each).state('failed', each.message)
      invalidBefore = invalid
    },
    takeEmbedded(tenant, message, settle) {
      if (stopped) return
      const takers = embedded.get(tenant)
      if (takers === undefined) {
        tenants.add(tenant)
        deps.firstHeardOf(tenant)
        managed.set(keyOf(builtInSource(tenant)), run(builtInSource(tenant)))
        sortEmbedded()
        return this.takeEmbedded(tenant, message, settle)
      }
      const [only] = takers
      if (takers.length === 1 && only) return only.running.take(message, settle, message.payload.length)
      let left = takers.length
      const settleOne = (): void => {
        left -= 1
        if (left === 0) settle()
      }
      for (const { running } of takers) running.take(message, settleOne, message.payload.length)
    },
    find: (tenant, id) => managed.get(keyOf({ tenant, id }))?.running ?? null,
    refusedByBroker(tenant, reason, detail, subject) {
      for (const { source } of embedded.get(tenant) ?? []) board.of(source).refused(reason, detail, subject)
    },
    embeddedFailed(message) {
      embeddedProblem = message
      for (const each of managed.values()) if (isEmbedded(each.source)) board.of(each.source).state('failed', message)
    },
    tick(nowMs) {
      for (const { running } of managed.values()) running.tick(nowMs)
    },
    async drain(timeoutMs) {
      await Promise.all([...managed.values()].map(({ running }) => running.drain(timeoutMs)))
    },
    async stop() {
      stopped = true
      await Promise.all([...managed.values()].map((each) => end(each, false)))
      managed.clear()
      embedded.clear()
    },
  }
}
