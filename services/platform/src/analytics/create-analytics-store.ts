import type { Logger } from '../logger.ts'
import type { AnalyticsConfig } from './analytics-config.ts'
import type { AnalyticsStore } from './analytics-store.ts'
import { createClickHouseStore } from './clickhouse-store.ts'
import { createEmbeddedServer, type EmbeddedServer } from './embedded-server.ts'
import { endpointOfUrl, type StoreEndpoint } from './store-endpoint.ts'

const EMBEDDED_DATABASE = 'driftline'
const REQUEST_TIMEOUT_MS = 60_000
const START_TIMEOUT_MS = 20_000
const HEALTH_INTERVAL_MS = 5000

export interface AnalyticsDeps {
  readonly logger: Logger
}

/**
 * The analytics store of a service: the ClickHouse that the configuration names, or the embedded one, which then
 * starts and stops with it.
 */
export function createAnalyticsStore(config: AnalyticsConfig, deps: AnalyticsDeps): AnalyticsStore {
  if (config.clickhouseUrl !== null) {
    const endpoint = endpointOfUrl(config.clickhouseUrl)
    return createStoreAt(() => endpoint, config, deps)
  }
  const server = createEmbeddedServer(
    {
      dir: config.dir,
      database: EMBEDDED_DATABASE,
      memoryBytesMax: config.memoryBytesMax,
      startTimeoutMs: START_TIMEOUT_MS,
      healthIntervalMs: HEALTH_INTERVAL_MS,
    },
    deps,
  )
  return createEmbeddedStore(server, config, deps)
}

/** The store over an embedded server, as one component; for tests that need the server in hand. */
export function createEmbeddedStore(
  server: EmbeddedServer,
  config: AnalyticsConfig,
  deps: AnalyticsDeps,
): AnalyticsStore {
  const store = createStoreAt(server.endpoint, config, deps)
  return {
    ...store,
    async start() {
      await server.start()
      await store.start()
    },
    async stop() {
      await store.stop()
      await server.stop()
    },
  }
}

function createStoreAt(endpoint: () => StoreEndpoint, config: AnalyticsConfig, deps: AnalyticsDeps): AnalyticsStore {
  return createClickHouseStore(
    {
      retention: {
        rawRetentionMs: config.rawRetentionMs,
        dataRetentionMs: config.dataRetentionMs,
        logRetentionMs: config.logRetentionMs,
      },
      migrationsDir: config.migrationsDir,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      startTimeoutMs: START_TIMEOUT_MS,
    },
    { endpoint, logger: deps.logger },
  )
}
