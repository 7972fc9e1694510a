import { createAnalyticsStore } from '@driftline/platform/analytics/create-analytics-store'
import { testConfig } from '@driftline/platform/analytics/testing/store-test-kit'
import { createKafkaBus } from '@driftline/platform/bus/kafka-bus'
import { systemClock } from '@driftline/platform/clock'
import { startAll } from '@driftline/platform/lifecycle'
import { createLogger } from '@driftline/platform/logger'
import { createPostgresMetadata } from '@driftline/platform/metadata/postgres-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { topics } from '@driftline/proto'
import { createPositionStore } from '../positions.ts'
import { createWriter } from '../service.ts'

export interface HandoverRigArguments {
  readonly kafkaUrl: string
  readonly topicPrefix: string
  readonly postgresUrl: string
  readonly clickhouseUrl: string
}

const config = {
  lingerMs: 20,
  quietLingerMs: 20,
  quietBytes: 0,
  bodyBytesMax: 1_000_000,
  recordsMax: 50,
  sourcesMax: 100,
  settleAfterMs: 200,
}

/** A writer as a process of its own, beside others. Says `ready`; told `stop`, it stops as on SIGTERM and exits. */
async function run({ kafkaUrl, topicPrefix, postgresUrl, clickhouseUrl }: HandoverRigArguments): Promise<void> {
  const logger = createLogger('fatal')
  const deps = { logger, metrics: createSelfMetrics(), clock: systemClock }
  const bus = createKafkaBus({ brokers: [kafkaUrl], clientId: 'writer-handover', topics, topicPrefix }, deps)
  const metadata = createPostgresMetadata({ url: postgresUrl }, deps)
  const analytics = createAnalyticsStore(testConfig({ dir: '', clickhouseUrl }), deps)
  const writer = createWriter(config, { ...deps, bus, analytics, positions: createPositionStore(metadata) })
  const stopAll = await startAll([metadata, analytics, bus, writer], logger)
  process.on('disconnect', () => process.exit(1))
  process.on('message', () => void stopAll().then((clean) => process.exit(clean ? 0 : 1)))
  process.send?.('ready')
}

if (process.argv[2]?.startsWith('{"kafkaUrl":')) await run(JSON.parse(process.argv[2]) as HandoverRigArguments)
