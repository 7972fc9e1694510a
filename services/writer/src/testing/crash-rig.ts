import { setTimeout as sleep } from 'node:timers/promises'
import { create, toBinary } from '@bufbuild/protobuf'
import { createEmbeddedStore } from '@driftline/platform/analytics/create-analytics-store'
import { createEmbeddedServer } from '@driftline/platform/analytics/embedded-server'
import { testConfig } from '@driftline/platform/analytics/testing/store-test-kit'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { startAll } from '@driftline/platform/lifecycle'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { routingKey, SampleBatchSchema, topics } from '@driftline/proto'
import { createPositionStore } from '../positions.ts'
import { createWriter } from '../service.ts'

/**
 * The process that the crash test kills: bus, metadata, store and writer together, and a source that publishes batches
 * and reports each one that the bus has acknowledged. Like an agent, it sends again what was not acknowledged.
 */
export interface CrashRigArguments {
  readonly dir: string
  /** First batch to publish. */
  readonly from: number
  /** Batches to publish; then the process idles. */
  readonly count: number
}

export type CrashRigReport =
  | { readonly kind: 'ready'; readonly storePid: number }
  | { readonly kind: 'acknowledged'; readonly batch: number }
  /** The writer has committed everything that was published, by this process and those before it. */
  | { readonly kind: 'drained' }

/** Samples of a batch; batch n is series n. */
export const samplesPerBatch = 5
/** Sources by which batches are dealt out, so that every partition has some. */
const SOURCES = 6
const firstTimeMs = Math.floor(Date.now() / 86_400_000) * 86_400_000 - 86_400_000

async function run({ dir, from, count }: CrashRigArguments): Promise<void> {
  const logger = createLogger('fatal')
  const deps = { logger, clock: systemClock, metrics: createSelfMetrics() }
  const config = testConfig({ dir: `${dir}/clickhouse` })
  const bus = createEmbeddedBus({ dataDir: dir, topics }, deps)
  const metadata = createSqliteMetadata({ file: `${dir}/metadata.db` }, deps)
  const server = createEmbeddedServer({ ...serverConfig, dir: config.dir }, deps)
  const analytics = createEmbeddedStore(server, config, deps)
  const writer = createWriter(
    {
      lingerMs: 20,
      quietLingerMs: 20,
      quietBytes: 0,
      bodyBytesMax: 1_000_000,
      recordsMax: 50,
      sourcesMax: 100,
      settleAfterMs: 200,
    },
    { ...deps, bus, analytics, positions: createPositionStore(metadata) },
  )
  await startAll([bus, metadata, analytics, writer], logger)
  report({ kind: 'ready', storePid: server.childPid() ?? 0 })
  for (let batch = from; batch < from + count; batch++) {
    await bus.publish([recordOf(batch)])
    report({ kind: 'acknowledged', batch })
  }
  const { name } = topics.samples
  for (let partition = 0; partition < bus.partitionsOf(name); partition++) {
    while ((await bus.lagOf('writer', name, partition)) > 0) await sleep(100)
  }
  report({ kind: 'drained' })
}

const serverConfig = {
  database: 'driftline',
  memoryBytesMax: 400 * 1024 * 1024,
  startTimeoutMs: 20_000,
  healthIntervalMs: 1000,
}

function recordOf(batch: number) {
  const host = `host-${batch % SOURCES}`
  const message = create(SampleBatchSchema, {
    baseTimeMs: BigInt(firstTimeMs + batch * 1000),
    series: Array<bigint>(samplesPerBatch).fill(BigInt(batch)),
    timeOffsetMs: Array.from({ length: samplesPerBatch }, (_, i) => i),
    value: Array.from({ length: samplesPerBatch }, (_, i) => batch + i),
  })
  return {
    topic: topics.samples.name,
    key: routingKey('default', `host:${host}`),
    headers: {
      'content-type': 'application/protobuf' as const,
      message: SampleBatchSchema.typeName,
      tenant: 'default',
      source: host,
      epoch: '1',
      sequence: String(batch + 1),
    },
    value: toBinary(SampleBatchSchema, message),
  }
}

function report(message: CrashRigReport): void {
  process.send?.(message)
}

if (process.argv[2]?.startsWith('{"dir":')) {
  process.on('disconnect', () => process.exit(0))
  run(JSON.parse(process.argv[2]) as CrashRigArguments).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(1)
  })
}
