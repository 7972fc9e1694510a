import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bus } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { type Clock, systemClock } from '@driftline/platform/clock'
import { startAll } from '@driftline/platform/lifecycle'
import { createLogger, type Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { createPostgresMetadata } from '@driftline/platform/metadata/postgres-metadata'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics, type SelfMetrics } from '@driftline/platform/metrics'
import { type Anomaly, topics } from '@driftline/proto'
import type { AlerterConfig } from '../config.ts'
import { createAlerter } from '../service.ts'
import { anomalyRecord } from './alerter-test-kit.ts'

/** An alerter over real engines, in this process. */
export interface Stack {
  readonly bus: Bus
  readonly metadata: Metadata
  readonly metrics: SelfMetrics
  publish(...anomalies: Anomaly[]): Promise<void>
  /** Stops the alerter and starts another over the same engines. */
  restart(config: AlerterConfig): Promise<void>
  stop(): Promise<void>
}

export interface StackOptions {
  readonly config: AlerterConfig
  /** Without: SQLite. */
  readonly postgresUrl?: string
  /** Without: the embedded bus. */
  readonly bus?: Bus
  readonly logger?: Logger
  readonly clock?: Clock
}

export async function startStack(options: StackOptions): Promise<Stack> {
  const { postgresUrl, logger = createLogger('fatal'), clock = systemClock } = options
  const dir = mkdtempSync(join(tmpdir(), 'driftline-alerter-'))
  const metrics = createSelfMetrics()
  const deps = { logger, metrics, clock }
  const bus = options.bus ?? createEmbeddedBus({ dataDir: dir, topics }, deps)
  const metadata =
    postgresUrl === undefined
      ? createSqliteMetadata({ file: join(dir, 'metadata.sqlite') }, deps)
      : createPostgresMetadata({ url: postgresUrl }, deps)
  const stopEngines = await startAll([metadata, bus], logger)
  let stopAlerter = await startAll([createAlerter(options.config, { ...deps, bus, metadata })], logger)
  return {
    bus,
    metadata,
    metrics,
    publish: (...anomalies) => bus.publish(anomalies.map(anomalyRecord)),
    async restart(config) {
      await stopAlerter()
      stopAlerter = await startAll([createAlerter(config, { ...deps, bus, metadata })], logger)
    },
    async stop() {
      await stopAlerter()
      await stopEngines()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Another alerter over the engines of a stack whose bus it does not read: it shares the outbox alone. */
export async function startAlerterOver(stack: Stack, config: AlerterConfig): Promise<() => Promise<unknown>> {
  const logger = createLogger('fatal')
  const bus: Bus = { ...stack.bus, subscribe: async () => ({ stop: async () => {} }) }
  const deps = { logger, metrics: createSelfMetrics(), clock: systemClock, bus, metadata: stack.metadata }
  return startAll([createAlerter(config, deps)], logger)
}
