import assert from 'node:assert/strict'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Access } from '@driftline/platform/access/access'
import type { Sealer } from '@driftline/platform/access/sealing'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { listen } from '@driftline/platform/ops-server'
import type { RequestHandler } from 'express'
import type { GatewayConfig } from './config.ts'
import { warmFindingsAgain, warmStrip, warmUp } from './estate/warm-up.ts'
import { createHttpServer } from './http/http-server.ts'
import { createGatewayParts } from './parts.ts'

/** Where the intake listens for agents. */
export interface AgentDoor {
  readonly port: number
  readonly tls: boolean
  /** Address it is bound to. */
  readonly bind: string
}

export interface GatewayDeps {
  readonly bus: Bus
  readonly analytics: AnalyticsStore
  readonly metadata: Metadata
  readonly access: Access
  /** Keeps passwords of sources. */
  readonly sealer: Sealer
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
  /** The door for agents where it is of the same process; null until it is open. */
  readonly agentDoor?: () => AgentDoor | null
  /** Routers of other components that answer on the same port. */
  readonly routers?: readonly RequestHandler[]
}

export interface Gateway extends Component {
  /** Port that it listens on; known after the start. */
  port(): number
  /** Port of the monitor service; known after the start. */
  monitorPort(): number
}

/** How long requests under way may take when the gateway stops. */
const DRAIN_MS = 1500
const WARM_AGAIN_MS = 10_000
/** Longer than the writer lingers, and a store takes to have a batch. */
const FINDINGS_AGAIN_MS = 6000
const TICK_MS = 1000
const SETTINGS_LIFETIME_MS = 30_000

/** REST, live channel, OpenAPI, Prometheus and the web app, over the live state of the estate and its history. */
export function createGateway(config: GatewayConfig, deps: GatewayDeps): Gateway {
  const logger = deps.logger.child({ component: 'gateway' })
  const parts = createGatewayParts(config, { ...deps, logger })
  const timers: NodeJS.Timeout[] = []
  let server: Server | undefined
  let stopped = false

  const every = (periodMs: number, work: () => void): void => {
    timers.push(setInterval(work, periodMs).unref())
  }
  const later = (delayMs: number, work: () => Promise<void>): void => {
    if (!stopped) timers.push(setTimeout(() => void work(), delayMs).unref())
  }
  const refresh = (): void => {
    parts.refreshSettings().catch((error: unknown) => logger.warn({ error }, 'could not read process settings'))
  }
  const strip = async (): Promise<void> => {
    try {
      await warmStrip({ ...parts, store: deps.analytics, clock: deps.clock })
    } catch (error) {
      if (stopped) return
      logger.warn({ error }, 'could not read the drift of the last day; trying again')
      later(WARM_AGAIN_MS, strip)
    }
  }
  const findingsAgain = async (): Promise<void> => {
    try {
      const warm = { ...parts, store: deps.analytics, limits: config.estate }
      const taken = await warmFindingsAgain(warm, () => stopped)
      for (const { tenant, item } of taken) parts.hub.publishAnomaly(tenant, item)
    } catch (error) {
      if (stopped) return
      logger.warn({ error }, 'could not read again what lasts; trying again')
      later(WARM_AGAIN_MS, findingsAgain)
    }
  }
  /** The store may still be starting, or be away: live data comes without it, and history follows when it is back. */
  const warm = async (): Promise<void> => {
    try {
      const { analytics: store, clock } = deps
      await warmUp({ ...parts, ...parts.stores, store, limits: config.estate, clock, logger })
      void strip()
      later(FINDINGS_AGAIN_MS, findingsAgain)
    } catch (error) {
      if (stopped) return
      logger.warn({ error }, 'could not read the last state from the store; trying again')
      later(WARM_AGAIN_MS, warm)
    }
  }

  return {
    name: 'gateway',
    async start() {
      stopped = false
      await parts.rebuilder.start()
      await parts.feed.start()
      await warm()
      await parts.flows.start()
      await parts.refreshSettings()
      await parts.settingsPublisher.start()
      await parts.reportScheduler.start()
      server = createHttpServer(parts.app, config.tls, deps.metrics)
      parts.live.attach(server)
      await listen(server, config.httpPort, config.bind)
      await parts.monitor.start()
      every(TICK_MS, parts.hub.tick)
      every(SETTINGS_LIFETIME_MS, refresh)
      const port = (server.address() as AddressInfo).port
      parts.listensOn(port)
      logger.info({ bind: config.bind, port, monitorPort: parts.monitor.port() }, 'listening')
    },
    async stop() {
      stopped = true
      for (const timer of timers.splice(0)) clearInterval(timer)
      parts.live.stop()
      await parts.monitor.stop()
      await closeServer(server)
      server = undefined
      await parts.reportScheduler.stop()
      await parts.reports.stop()
      await parts.settingsPublisher.stop()
      await parts.flows.stop()
      await parts.feed.stop()
      await parts.rebuilder.stop()
    },
    monitorPort: () => parts.monitor.port(),
    port() {
      assert(server, 'the gateway has not started')
      return (server.address() as AddressInfo).port
    },
  }
}

/** Stops taking connections, lets requests finish, then cuts what is left. */
async function closeServer(server: Server | undefined): Promise<void> {
  if (!server?.listening) return
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
  await closed
  clearTimeout(cut)
}
