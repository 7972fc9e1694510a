import { createSeriesBook } from '@driftline/ingest/series-book'
import { createRequestDesk } from '@driftline/ingest/source-requests'
import { createStatusBoard } from '@driftline/ingest/source-status'
import { createSourceStore } from '@driftline/ingest/source-store'
import { createSourceWatch } from '@driftline/ingest/source-watch'
import type { Sealer } from '@driftline/platform/access/sealing'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { HotState } from '@driftline/platform/hot-state/hot-state'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { type BrokerPrincipal, createEmbeddedBroker, type EmbeddedBroker } from './broker/embedded-broker.ts'
import type { MqttConfig } from './config.ts'
import { createDiscovery } from './mapping/discovery.ts'
import { createPreviews, type EmbeddedTap } from './preview.ts'
import { createSources, EMBEDDED, FIRST_TENANT } from './sources.ts'

export interface MqttDeps {
  readonly bus: Bus
  readonly metadata: Metadata
  readonly hotState: HotState
  readonly sealer: Sealer
  readonly access: { authenticate(token: string): Promise<BrokerPrincipal | null> }
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
}

/** MQTT: sources that are read from brokers, and the embedded broker. */
export interface Mqtt extends Component {
  /** Port of the embedded broker, after the start; null without it. */
  port(): number | null
  tlsPort(): number | null
}

const SERVICE = 'mqtt'
const TICK_MS = 1000
const POLL_MS = 1000
const DRAIN_MS = 2000

export function createMqtt(config: MqttConfig, deps: MqttDeps): Mqtt {
  const { metadata, sealer, clock } = deps
  const logger = deps.logger.child({ component: SERVICE })
  const book = createSeriesBook(config.series, deps)
  const board = createStatusBoard({ service: SERVICE, instance: config.instance }, { metadata, clock, logger })
  const store = createSourceStore(deps)
  /** The embedded broker is a source like any other, which is there without anybody defining it. */
  const ensureEmbedded = async (tenant: string): Promise<void> => {
    try {
      const known = await store.list(tenant, { kind: 'mqtt' })
      if (known.some(({ definition }) => urlOf(definition) === EMBEDDED)) return
      await store.ensure(tenant, { kind: 'mqtt', name: EMBEDDED, definition: { broker: { url: EMBEDDED } } })
    } catch (error) {
      logger.warn({ error }, 'could not add the embedded broker to the sources')
    }
  }
  const taps = new Set<EmbeddedTap>()
  const broker: EmbeddedBroker | null =
    config.broker &&
    createEmbeddedBroker(config.broker, {
      ...deps,
      logger,
      take(tenant, message, settle) {
        for (const tap of taps) if (tap.tenant === tenant) tap.take(message)
        sources.takeEmbedded(tenant, message, settle)
      },
      refused(tenant, reason, topic, _payload, byteLength) {
        sources.refusedByBroker(tenant, reason, byteLength > 0 ? `${byteLength} bytes` : '', topic)
      },
    })
  const sources = createSources(
    { instance: config.owner, bounds: config.bounds, embedded: broker !== null },
    {
      ...deps,
      logger,
      book,
      board,
      createDiscovery,
      publishEmbedded: (tenant, message) => broker?.publish(tenant, message),
      firstHeardOf: (tenant) => void ensureEmbedded(tenant),
    },
  )
  const previews = createPreviews({ bounds: config.bounds, embedded: broker !== null }, { taps, logger, clock })
  const watch = createSourceWatch(
    { kinds: ['mqtt'], everyMs: POLL_MS },
    { metadata, sealer, logger, clock, onChange: (list, invalid) => sources.follow(list, invalid) },
  )
  const desk = createRequestDesk(
    { service: SERVICE, instance: config.owner },
    {
      metadata,
      sealer,
      clock,
      logger,
      handlers: {
        preview: previews.run,
        async replay(task) {
          const source = sources.find(task.tenant, task.source)
          return source
            ? source.replay(task)
            : { outcome: 'refused', reason: 'source_gone', detail: 'the source is not read any more' }
        },
        concerns: (task) => 'definition' in task || sources.find(task.tenant, task.source) !== null,
      },
    },
  )
  /** Another broker may have the port, often on machines that speak MQTT: then this one is read as a source instead. */
  const startBroker = async (): Promise<void> => {
    try {
      await broker?.start()
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'port_in_use')) throw error
      logger.warn(error.message)
      sources.embeddedFailed(error.message)
    }
  }
  let ticking: NodeJS.Timeout | undefined
  return {
    name: SERVICE,
    port: () => broker?.port() ?? null,
    tlsPort: () => broker?.tlsPort() ?? null,
    async start() {
      await board.start()
      // Definitions come first: a message that comes before them would be taken for one that nobody maps.
      if (broker !== null) await ensureEmbedded(FIRST_TENANT)
      await watch.start()
      await startBroker()
      await desk.start()
      ticking = setInterval(() => {
        book.sweep()
        sources.tick(clock.nowMs())
      }, TICK_MS)
    },
    async stop() {
      clearInterval(ticking)
      await desk.stop()
      await watch.stop()
      await sources.drain(DRAIN_MS)
      await broker?.stop()
      await sources.stop()
      await board.stop()
    },
  }
}

const urlOf = (definition: unknown): unknown =>
  (definition as { readonly broker?: { readonly url?: unknown } }).broker?.url
