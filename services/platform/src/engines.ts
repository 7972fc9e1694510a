import { join } from 'node:path'
import { z } from 'zod'
import { createSealer, type Sealer, type SealerConfig, sealingSettings } from './access/sealing.ts'
import { analyticsSettings, readAnalyticsConfig } from './analytics/analytics-config.ts'
import type { AnalyticsStore } from './analytics/analytics-store.ts'
import { createAnalyticsStore } from './analytics/create-analytics-store.ts'
import type { Bus } from './bus/bus.ts'
import type { BusTopics } from './bus/bus-topic.ts'
import { createEmbeddedBus } from './bus/embedded-bus.ts'
import { kafkaSecuritySettings, readKafkaSecurity } from './bus/kafka/kafka-security.ts'
import { createKafkaBus } from './bus/kafka-bus.ts'
import type { Clock } from './clock.ts'
import { createDataDir } from './data-dir.ts'
import { AppError } from './errors.ts'
import type { HotState } from './hot-state/hot-state.ts'
import { createInProcessHotState } from './hot-state/in-process-hot-state.ts'
import { createRedisHotState } from './hot-state/redis-hot-state.ts'
import type { Component } from './lifecycle.ts'
import type { Logger } from './logger.ts'
import type { Metadata } from './metadata/metadata.ts'
import { createPostgresMetadata } from './metadata/postgres-metadata.ts'
import { createSqliteMetadata } from './metadata/sqlite-metadata.ts'
import type { SelfMetrics } from './metrics.ts'
import { environmentName, readSettings, readTogether, type SettingsSource, setting } from './settings.ts'

const url = (protocol: RegExp) => z.url({ protocol }).nullable()
const brokerList = z
  .string()
  .transform((text) => text.split(',').map((broker) => broker.trim()))
  .pipe(z.array(z.string().regex(/^[^\s:]+:\d+$/, 'must be host:port, several joined by commas')).min(1))
  .nullable()

export const engineSettings = {
  ...analyticsSettings,
  kafkaBrokers: setting('kafka_brokers', brokerList, null, 'Kafka; without it the embedded bus is used'),
  kafkaTopicPrefix: setting(
    'kafka_topic_prefix',
    z.string().regex(/^[A-Za-z0-9._-]{0,100}$/, 'must be at most 100 letters, digits, dots, dashes and underscores'),
    '',
    'In front of the names of topics and groups, for installations that share a cluster',
  ),
  ...kafkaSecuritySettings,
  databaseUrl: setting('database_url', url(/^postgres(ql)?$/), null, 'PostgreSQL; without it SQLite is used'),
  redisUrl: setting('redis_url', url(/^rediss?$/), null, 'Redis; without it hot state is kept in process'),
  ...sealingSettings,
}

/** The engines behind the ports. */
export type EngineName = 'bus' | 'analytics' | 'metadata' | 'hotState'

export type EnginesConfig = ReturnType<typeof readEnginesConfig>

export interface EnginesDeps {
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
  readonly topics: BusTopics
  /** One process is all of the installation: it may make the key for secrets itself. */
  readonly isWhole?: boolean
}

/** The ports, and the components that carry them in the order in which they start. */
export interface Engines {
  readonly bus: Bus
  readonly analytics: AnalyticsStore
  readonly metadata: Metadata
  readonly hotState: HotState
  /** Seals secrets that are kept in the metadata. */
  readonly sealer: Sealer
  readonly dataDir: string
  /** Components of the named engines; embedded ones bring the lock on the data directory along. */
  components(...names: EngineName[]): Component[]
}

const HOT_STATE_KEYS_MAX = 100_000

/** Errors: `config_invalid`. */
export function readEnginesConfig(source: SettingsSource, options: { readonly migrationsDir: string | null }) {
  const settings = readSettings(source, engineSettings)
  const read = readTogether({
    kafkaSecurity: () => readKafkaSecurity(source),
    analytics: () => readAnalyticsConfig(source, options),
  })
  return Object.freeze({ ...settings, ...read })
}

const addressKeys: Record<EngineName, keyof typeof engineSettings> = {
  bus: 'kafkaBrokers',
  analytics: 'clickhouseUrl',
  metadata: 'databaseUrl',
  hotState: 'redisUrl',
}

/**
 * For a service that runs as a process of its own: an embedded engine belongs to one process, so every engine that it
 * shares with others must be named. Errors: `config_invalid`.
 */
export function requireShared(config: EnginesConfig, service: string, names: readonly EngineName[]): void {
  const missing = names.map((name) => addressKeys[name]).filter((key) => !config[key])
  if (missing.length === 0) return
  const problems = missing.map((key) => {
    const variable = environmentName(engineSettings[key].key)
    return `${engineSettings[key].key}: ${service} shares this engine with other processes; set ${variable}`
  })
  throw new AppError('config_invalid', problems.join('\n'))
}

/** The only place that knows which engine stands behind a port. Nothing starts here. */
export function createEngines(config: EnginesConfig, client: string, deps: EnginesDeps): Engines {
  const { dataDir, kafkaBrokers, kafkaTopicPrefix: topicPrefix, kafkaSecurity, databaseUrl, redisUrl } = config
  const { topics } = deps
  const ports = {
    bus: kafkaBrokers
      ? createKafkaBus({ ...kafkaSecurity, brokers: kafkaBrokers, clientId: client, topics, topicPrefix }, deps)
      : createEmbeddedBus({ dataDir, topics }, deps),
    analytics: createAnalyticsStore(config.analytics, deps),
    metadata: databaseUrl
      ? createPostgresMetadata({ url: databaseUrl }, deps)
      : createSqliteMetadata({ file: join(dataDir, 'metadata.sqlite') }, deps),
    hotState: redisUrl
      ? createRedisHotState({ url: redisUrl }, deps)
      : createInProcessHotState({ maxKeys: HOT_STATE_KEYS_MAX }, deps),
  }
  return {
    ...ports,
    sealer: createSealer(sealerConfig(config, deps.isWhole ?? false)),
    dataDir,
    components(...names) {
      const usesDisk = names.some((name) => name !== 'hotState' && !config[addressKeys[name]])
      return [...(usesDisk ? [createDataDir({ path: dataDir })] : []), ...names.map((name) => ports[name])]
    },
  }
}

/** Services that share a database must share the key: one that each made for itself would open nothing of the others. */
function sealerConfig(config: EnginesConfig, isWhole: boolean): SealerConfig {
  const { secretKey, previousSecretKeys: previous, databaseUrl, dataDir } = config
  if (secretKey !== null) return { key: secretKey, previous }
  if (isWhole || databaseUrl === null) return { keyFile: join(dataDir, 'secret.key'), previous }
  const variable = environmentName(engineSettings.secretKey.key)
  return {
    advice: `Secrets cannot be kept without a key: set ${variable} to the same 32 bytes in base64 for all services`,
  }
}
