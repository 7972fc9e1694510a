import { createKafkaBus } from '@driftline/platform/bus/kafka-bus'
import { systemClock } from '@driftline/platform/clock'
import { startAll } from '@driftline/platform/lifecycle'
import { createLogger } from '@driftline/platform/logger'
import { createPostgresMetadata } from '@driftline/platform/metadata/postgres-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { topics } from '@driftline/proto'
import { createMetadataCheckpoints } from '../checkpoints.ts'
import { defaultStepConfig } from '../config.ts'
import { createAnalyzer } from '../service.ts'

export interface HandoverRigArguments {
  readonly kafkaUrl: string
  readonly topicPrefix: string
  readonly postgresUrl: string
}

/** Event time of the test has nothing to do with the clock, so silence must not close anything. */
export const handoverStep = { ...defaultStepConfig, silenceMs: 3_600_000 }

/** An analyzer as a process of its own. Says `ready`; told `stop`, it stops as on SIGTERM and exits. */
async function run({ kafkaUrl, topicPrefix, postgresUrl }: HandoverRigArguments): Promise<void> {
  const logger = createLogger('fatal')
  const deps = { logger, metrics: createSelfMetrics(), clock: systemClock }
  const bus = createKafkaBus({ brokers: [kafkaUrl], clientId: 'analyzer-handover', topics, topicPrefix }, deps)
  const metadata = createPostgresMetadata({ url: postgresUrl }, deps)
  const analyzer = createAnalyzer(
    { dataDir: '', checkpointMs: 300, step: handoverStep },
    { ...deps, bus, checkpoints: createMetadataCheckpoints({ metadata, clock: systemClock }) },
  )
  const stopAll = await startAll([bus, metadata, analyzer], logger)
  process.on('disconnect', () => process.exit(1))
  process.on('message', () => void stopAll().then((clean) => process.exit(clean ? 0 : 1)))
  process.send?.('ready')
}

if (process.argv[2]?.startsWith('{"kafkaUrl":')) await run(JSON.parse(process.argv[2]) as HandoverRigArguments)
