import { createNetworkPolicyStore } from '@driftline/checks/network-policy-store'
import { createCredentialStore } from '@driftline/checks/vault/credential-store'
import { createSeriesBook } from '@driftline/ingest/series-book'
import type { Sealer } from '@driftline/platform/access/sealing'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { HotState } from '@driftline/platform/hot-state/hot-state'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { createBrowserPool } from './browser/browser-pool.ts'
import type { CheckTools } from './check-type.ts'
import type { CheckerConfig } from './config.ts'
import { createDemoTarget } from './demo/demo-target.ts'
import { createCheckerMetrics } from './engine/checker-metrics.ts'
import { createEvidence } from './engine/evidence.ts'
import { createRunKpis } from './engine/kpis.ts'
import { createRunPublisher } from './engine/run-publisher.ts'
import { createScheduler } from './engine/scheduler.ts'
import { createWorker, workerDefaults } from './engine/worker.ts'
import { createJsonPaths } from './facts/json-path.ts'
import { createTimeLimit } from './facts/time-limit.ts'
import { createAddressGuard, type HostAndPort } from './net/address-guard.ts'
import { createGuardedHttp, userAgentOf } from './net/guarded-http.ts'
import { createHostLimits } from './net/host-limits.ts'
import { createNetworkPolicies } from './net/network-policies.ts'
import { createPollAsker } from './polls/poll-asker.ts'
import { createPolls } from './polls/polls.ts'
import { createCheckTypes } from './types/registry.ts'
import { createCredentials } from './vault/create-credentials.ts'

export interface CheckerDeps {
  readonly bus: Bus
  readonly metadata: Metadata
  readonly hotState: HotState
  readonly analytics: AnalyticsStore
  readonly sealer: Sealer
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
  /** Address of the web app where it is known only after the start; the setting without it. */
  readonly productUrl?: () => string | null
}

const VERSION = '0.1.0'
const BROWSER_IDLE_MS = 60_000
/** Of one JSONPath of a poll. */
const PATH_MS_MAX = 1000

/** Runs flows and polls: the parts that ask targets, what they share, and the loops that drive them. */
export function createChecker(config: CheckerConfig, deps: CheckerDeps): Component {
  const { clock, metrics } = deps
  const logger = deps.logger.child({ component: 'checker' })
  const demo = config.demoTarget ? createDemoTarget({ port: 0 }, { logger, clock }) : null
  let demoStarted = false
  const demoUrl = (): string | null => (demoStarted && demo !== null ? demo.url() : null)
  const productUrl = (): string | null => config.productUrl ?? deps.productUrl?.() ?? null
  const tools = createTools(config, { ...deps, logger, productUrl, demoUrl })
  const types = createCheckTypes(tools)
  const source = `checker:${config.instance}`
  const publisher = createRunPublisher(source, deps)
  const kpis = createRunKpis({ source }, { ...deps, logger })
  const checkerMetrics = createCheckerMetrics(metrics)
  const worker = createWorker(
    { ...workerDefaults, runsMax: config.runsMax },
    {
      ...deps,
      logger,
      types,
      publisher,
      kpis,
      metrics: checkerMetrics,
      evidence: createEvidence(publisher, logger),
      random: Math.random,
      productUrl,
      demoUrl,
    },
  )
  const scheduler = createScheduler({ ...deps, logger, metrics: checkerMetrics })
  const urls = () => ({ product: productUrl(), demo: demoUrl() })
  const polls = createPolls(
    { instance: config.instance, ...config.polls },
    {
      ...deps,
      logger,
      asker: createPollAsker({ typeOf: (name) => types.get(name) ?? null, urls, logger }),
      paths: createJsonPaths({ limit: createTimeLimit(PATH_MS_MAX) }),
      book: createSeriesBook(config.polls.series, deps),
    },
  )
  const loops: readonly Component[] = [kpis, worker, scheduler, polls]
  return {
    name: 'checker',
    async start() {
      await demo?.start()
      demoStarted = demo !== null
      for (const each of loops) await each.start()
    },
    async stop() {
      for (const each of [...loops].reverse()) await each.stop()
      await tools.browsers.stop()
      await tools.http.stop()
      demoStarted = false
      await demo?.stop()
    },
  }
}

interface Addresses {
  productUrl(): string | null
  demoUrl(): string | null
}

function createTools(config: CheckerConfig, deps: CheckerDeps & Addresses): CheckTools {
  const { metadata, hotState, sealer, clock, logger, analytics, productUrl, demoUrl } = deps
  const policies = createNetworkPolicies({ store: createNetworkPolicyStore({ metadata, clock }), clock })
  const exempt = (): HostAndPort[] => [productUrl(), demoUrl()].flatMap((url) => (url === null ? [] : [placeOf(url)]))
  const guard = createAddressGuard({ policies, exempt, presetNetworks: config.allowedPrivateNetworks })
  const limits = createHostLimits({ policies, hotState, guard, clock })
  const agent = {
    version: VERSION,
    ...(config.productUrl !== null && { productUrl: config.productUrl }),
    ...(config.userAgent !== null && { userAgent: config.userAgent }),
  }
  const http = createGuardedHttp(agent, { guard, limits })
  const credentials = createCredentials({
    store: createCredentialStore({ metadata, sealer, clock }),
    http,
    clock,
    logger,
  })
  const { executable, pagesMax } = config.browser
  const browsers = createBrowserPool(
    { executable, pagesMax, idleMs: BROWSER_IDLE_MS, userAgent: userAgentOf(agent) },
    { guard, logger },
  )
  const files = { allowedRoots: config.allowedRoots }
  return { http, guard, policies, limits, credentials, browsers, analytics, hotState, clock, files }
}

function placeOf(address: string): HostAndPort {
  const { hostname, port, protocol } = new URL(address)
  return { host: hostname, port: Number(port) || (protocol === 'https:' ? 443 : 80) }
}
