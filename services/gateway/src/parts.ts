import type { Access } from '@driftline/platform/access/access'
import { createEngineChecks } from '@driftline/platform/engine-checks'
import type { GrpcServer } from '@driftline/platform/grpc/grpc-server'
import type { Component } from '@driftline/platform/lifecycle'
import type { HealthCheck } from '@driftline/platform/ops-server'
import { topics } from '@driftline/proto'
import type { Express } from 'express'
import { createStores, type Stores } from './access/stores.ts'
import type { VerdictCount } from './access/verdicts.ts'
import type { GatewayConfig } from './config.ts'
import { createSettingsPublisher, type SettingsPublisher } from './detection/settings-publisher.ts'
import { createEstate, type Estate } from './estate/estate.ts'
import { createFeed, type FeedListener } from './estate/feed.ts'
import { createHistory, type History } from './estate/history.ts'
import { createRebuilder, type Rebuilder } from './estate/rebuilder.ts'
import { checkRoutes } from './flows/check-routes.ts'
import { figureRoutes } from './flows/figure-routes.ts'
import { createFlowParts } from './flows/flow-parts.ts'
import { flowRoutes } from './flows/flow-routes.ts'
import { flowTextRoutes } from './flows/flow-text-routes.ts'
import { galleryRoutes } from './flows/gallery-routes.ts'
import type { FlowRouteDeps } from './flows/route-deps.ts'
import { createApiRouter } from './http/api-router.ts'
import { createApp } from './http/app.ts'
import { type Authenticator, createAuthenticator } from './http/authenticator.ts'
import { createLimiter, type Limiter } from './http/limits.ts'
import { createOpenApiDocument, openApiRoute } from './http/openapi.ts'
import { createOperationsRouter } from './http/operations-router.ts'
import { addressOf, createTrust, type Trust } from './http/proxies.ts'
import type { AnyRoute } from './http/route.ts'
import { createFeedChannels } from './live/feeds.ts'
import { createLiveHub, type LiveHub } from './live/hub.ts'
import { createLatencyWindow, type LatencyWindow } from './live/latency.ts'
import { createLiveServer, type LiveServer } from './live/server.ts'
import { createLogProcesses } from './logs/log-processes.ts'
import { createLogTail } from './logs/log-tail.ts'
import { createDesk } from './monitor/ask.ts'
import { createMonitorServer } from './monitor/service.ts'
import { type NetworkRouteDeps, networkRoutes } from './network/network-routes.ts'
import type { CacheLine } from './queries/cache.ts'
import { createCaches, type GatewayCaches } from './queries/caches.ts'
import { createPdfPress } from './reports/pdf/pdf-press.ts'
import { createReportMaker, type ReportMaker } from './reports/report-maker.ts'
import { reportRoutes } from './reports/report-routes.ts'
import { type ScheduleRouteDeps, scheduleRoutes } from './reports/schedules/schedule-routes.ts'
import { createScheduleStore } from './reports/schedules/schedule-store.ts'
import { createReportScheduler, type ReportScheduler } from './reports/schedules/scheduler.ts'
import { agentRoutes } from './routes/agent.ts'
import { alertRoutes } from './routes/alerts.ts'
import { analyticsRoutes } from './routes/analytics.ts'
import { anomalyRoutes } from './routes/anomalies.ts'
import { type AnomalyAlertDeps, anomalyAlertRoutes } from './routes/anomaly-alert.ts'
import { apiKeyRoutes } from './routes/api-keys.ts'
import { auditLogRoutes } from './routes/audit-log.ts'
import { channelRoutes } from './routes/channels.ts'
import { type DeadLetterRouteDeps, deadLetterRoutes } from './routes/dead-letters.ts'
import { detectionRoutes } from './routes/detection.ts'
import { driftRoutes } from './routes/drift.ts'
import { hostRoutes } from './routes/hosts.ts'
import { instanceRoutes } from './routes/instances.ts'
import { type LogRouteDeps, logRoutes } from './routes/logs.ts'
import { type OperationsRouteDeps, operationsRoutes } from './routes/operations.ts'
import { type ProcessRouteDeps, processRoutes } from './routes/processes.ts'
import { queryRoutes } from './routes/query.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { type PreviewRouteDeps, sourcePreviewRoutes } from './routes/source-previews.ts'
import { sourceRoutes } from './routes/sources.ts'
import { userRoutes } from './routes/users.ts'
import type { GatewayDeps } from './service.ts'
import { listSources } from './sources/source-views.ts'
import { credentialRoutes } from './vault/credential-routes.ts'
import { DEFAULT_TENANT, VERSION } from './version.ts'
import { createWeb } from './web/static.ts'

/** What a gateway is made of; nothing runs yet. */
export interface GatewayParts {
  readonly app: Express
  readonly live: LiveServer
  readonly hub: LiveHub
  readonly estate: Estate
  readonly history: History
  readonly feed: Component
  readonly rebuilder: Rebuilder
  readonly stores: Stores
  readonly settingsPublisher: SettingsPublisher
  readonly reports: ReportMaker
  readonly reportScheduler: ReportScheduler
  /** The six operations over gRPC. */
  readonly monitor: GrpcServer
  /** Follows flows and their runs. */
  readonly flows: Component
  /** Takes note of the port that was found. */
  listensOn(port: number): void
  /** Every route of the API, with its schemas. */
  readonly routes: readonly AnyRoute[]
  /** Reads again what people set about processes. */
  refreshSettings(): Promise<void>
}

export function createGatewayParts(config: GatewayConfig, deps: GatewayDeps): GatewayParts {
  const { access, clock, logger, metrics } = deps
  const estate = createEstate(config.estate)
  const history = createHistory({ store: deps.analytics, estate })
  const stores = createStores(deps)
  const settingsPublisher = createSettingsPublisher({ bus: deps.bus, detection: stores.detection, logger })
  const latency = createLatencyWindow()
  const caches = createCaches(clock)
  const { logProcesses, feedOf } = createFollowed(deps, { estate, stores, caches })
  const flowParts = createFlowParts({ ...deps, ...stores, estate })
  const hub = createLiveHub({
    ...{ estate, clock, metrics, latency, prepare: flowParts.channels.prepare },
    feedOf: (name, principal) => flowParts.channels.feedOf(name, principal) ?? feedOf(name, principal),
  })
  const rebuilder = createRebuilder({ history, logger, onRebuilt: hub.resetHost })
  const feed = createFeed({
    bus: deps.bus,
    estate,
    names: stores.names,
    listener: listenerOf(hub, rebuilder),
    clock,
    logger,
    metrics,
  })
  const { trust, limiter, authenticator, live } = createDoors(config, deps, hub)
  const checks = checksOf(deps)
  const reportParts = createReportParts(config, deps, estate)
  let port = config.httpPort
  const routeDeps: AllRouteDeps = {
    ...flowParts,
    address: () => ({ host: isAnyAddress(config.bind) ? '127.0.0.1' : config.bind, port }),
    estate,
    history,
    store: deps.analytics,
    clock,
    retention: config.retention,
    ...stores,
    metadata: deps.metadata,
    sealer: deps.sealer,
    presetNetworks: config.presetNetworks,
    publishSettings: settingsPublisher.publish,
    announce: { anomaly: hub.publishAnomaly, alert: hub.publishAlert },
    ...caches,
    logProcesses,
    ...reportParts,
    version: VERSION,
    startedAtMs: clock.nowMs(),
    caches: () => cacheLines(caches),
    agentsAddress: config.agents.address,
    agentDoor: deps.agentDoor ?? (() => null),
    live: () => liveFigures(live, latency, clock.nowMs()),
    warnings: async () => warningsOf(checks),
  }
  const verdictCounts = verdictCountsOf(caches, stores)
  const routes = allRoutes(routeDeps, access, config.agents.file)
  return {
    app: assembleApp(config, deps, { estate, routes, checks, limiter, authenticator, trust, verdictCounts }),
    live,
    hub,
    estate,
    history,
    feed,
    rebuilder,
    stores,
    settingsPublisher,
    ...reportParts,
    monitor: createMonitorServer(
      { bind: config.bind, port: config.monitorPort, tls: config.tls },
      { desk: createDesk(routes, { authenticator }), logger },
    ),
    flows: flowParts.component,
    listensOn: (found) => {
      port = found
    },
    routes,
    refreshSettings: () => refreshSettings(estate, stores),
  }
}

const isAnyAddress = (bind: string): boolean => bind === '0.0.0.0' || bind === '::'

function checksOf({ bus, analytics, metadata }: GatewayDeps): HealthCheck[] {
  return createEngineChecks({ bus: { bus, topic: topics.ticks.name }, analytics, metadata })
}

/** What is looked at or followed only while somebody has it open. */
function createFollowed(
  deps: GatewayDeps,
  parts: { readonly estate: Estate; readonly stores: Stores; readonly caches: GatewayCaches },
) {
  const { estate, stores, caches } = parts
  const logProcesses = createLogProcesses({ list: stores.sources.list, cache: caches.logSourceCache })
  const processesOf = (tenant: string, process: string): Promise<string[]> =>
    logProcesses.of(tenant, process, estate.tenant(tenant).processes.keys())
  const feedOf = createFeedChannels({
    ...deps,
    logTail: createLogTail({ ...deps, processesOf }),
    listSources: (tenant) => listSources({ ...deps, ...stores, store: deps.analytics, estate }, tenant),
    sourceAsks: stores.sourceAsks,
  })
  return { logProcesses, feedOf }
}

const verdictCountsOf =
  ({ verdictCache }: GatewayCaches, { verdicts }: Stores) =>
  (tenant: string): Promise<VerdictCount[]> =>
    verdictCache.get(tenant, () => verdicts.counts(tenant))

/** Who may come in, from where and how often, and the live channel behind that. */
function createDoors(config: GatewayConfig, deps: GatewayDeps, hub: LiveHub) {
  const { access, clock, logger, metrics } = deps
  const trust = createTrust(config.trustedProxies)
  const limiter = createLimiter(config.rateLimits)
  const authenticator = createAuthenticator({ access, limiter })
  const live = createLiveServer({
    hub,
    access,
    authenticator,
    addressOf: (request) => addressOf(request, trust),
    allowedOrigins: config.corsOrigins,
    limits: config.live,
    clock,
    logger,
    metrics,
  })
  return { trust, limiter, authenticator, live }
}

function createReportParts({ retention }: GatewayConfig, deps: GatewayDeps, estate: Estate) {
  const press = createPdfPress()
  const reports = createReportMaker({
    ...deps,
    store: deps.analytics,
    estate,
    press,
    retentionMs: retention.rollupMs,
  })
  const reportSchedules = createScheduleStore(deps)
  const reportScheduler = createReportScheduler({ ...deps, schedules: reportSchedules, reports })
  return { reports, reportSchedules, reportScheduler }
}

async function refreshSettings(estate: Estate, { processSettings }: Stores): Promise<void> {
  const byTenant = await processSettings.all()
  const tenants = new Set([...byTenant.keys(), ...[...estate.tenants()].map(({ tenant }) => tenant)])
  for (const tenant of tenants) estate.tenant(tenant).applySettings(byTenant.get(tenant) ?? new Map())
}

function listenerOf(hub: LiveHub, rebuilder: Rebuilder): FeedListener {
  return {
    onHostFrame: hub.publishHostFrame,
    onKpis: hub.publishKpis,
    onBaselines: hub.publishBaselines,
    onAnomaly: hub.publishAnomaly,
    onAlert: hub.publishAlert,
    onGap: rebuilder.ask,
  }
}

type AllRouteDeps = OperationsRouteDeps &
  AnomalyAlertDeps &
  LogRouteDeps &
  DeadLetterRouteDeps &
  PreviewRouteDeps &
  NetworkRouteDeps &
  FlowRouteDeps &
  ProcessRouteDeps &
  Pick<Stores, 'channels' | 'credentials'> &
  ScheduleRouteDeps & { readonly reports: ReportMaker }

function allRoutes(deps: AllRouteDeps, access: Access, agentFile: string): AnyRoute[] {
  const routes = [
    ...sessionRoutes(access),
    ...userRoutes(access),
    ...apiKeyRoutes(access),
    ...auditLogRoutes(access),
    ...processRoutes(deps),
    ...instanceRoutes(deps),
    ...hostRoutes(deps),
    ...analyticsRoutes(deps),
    ...queryRoutes(deps),
    ...logRoutes(deps),
    ...anomalyRoutes(deps),
    ...anomalyAlertRoutes(deps),
    ...alertRoutes(deps),
    ...driftRoutes(deps),
    ...detectionRoutes(deps),
    ...channelRoutes(deps),
    ...sourceRoutes(deps),
    ...sourcePreviewRoutes(deps),
    ...flowTextRoutes(deps),
    ...galleryRoutes(deps),
    ...flowRoutes(deps),
    ...figureRoutes(deps),
    ...checkRoutes(deps),
    ...credentialRoutes(deps),
    ...networkRoutes(deps),
    ...deadLetterRoutes(deps),
    ...operationsRoutes(deps),
    ...reportRoutes(deps),
    ...scheduleRoutes(deps),
    ...agentRoutes({ agentFile }),
  ]
  let document: Record<string, unknown> | undefined
  const describing = openApiRoute(() => {
    document ??= createOpenApiDocument(all, VERSION)
    return document
  })
  const all = [...routes, describing]
  return all
}

function assembleApp(
  config: GatewayConfig,
  deps: GatewayDeps,
  parts: {
    estate: Estate
    routes: readonly AnyRoute[]
    checks: readonly HealthCheck[]
    limiter: Limiter
    authenticator: Authenticator
    trust: Trust
    verdictCounts: (tenant: string) => Promise<VerdictCount[]>
  },
): Express {
  const { limiter, authenticator } = parts
  const shared = { authenticator, defaultTenant: DEFAULT_TENANT }
  return createApp(
    {
      operations: createOperationsRouter({ ...shared, ...deps, ...parts }),
      api: createApiRouter(parts.routes, {
        ...shared,
        limiter,
        allowedOrigins: config.corsOrigins,
        bodyBytesMax: config.bodyBytesMax,
      }),
      others: deps.routers ?? [],
      web: createWeb(config.webDirectory),
    },
    {
      allowedOrigins: config.corsOrigins,
      trust: parts.trust,
      tls: config.tls !== null,
      logger: deps.logger,
      metrics: deps.metrics,
    },
  )
}

function cacheLines(caches: GatewayCaches): CacheLine[] {
  return Object.values(caches).map((cache) => cache.line())
}

function liveFigures(live: LiveServer, latency: LatencyWindow, nowMs: number) {
  return {
    clients: live.clients(),
    dropped: live.dropped(),
    medianMs: latency.quantile(0.5, nowMs),
    p99Ms: latency.quantile(0.99, nowMs),
  }
}

async function warningsOf(checks: readonly HealthCheck[]): Promise<string[]> {
  const judged = await Promise.all(checks.map(({ check }) => check()))
  return judged.flatMap((each) => (each.ok ? [] : [each.reason]))
}
