import { join } from 'node:path'
import type { CheckTypeName } from '@driftline/checks/types/check-types'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { topics } from '@driftline/proto'
import type { CheckType } from '../../check-type.ts'
import { createCheckerMetrics } from '../checker-metrics.ts'
import { createEvidence } from '../evidence.ts'
import { createRunKpis } from '../kpis.ts'
import { createRunPublisher } from '../run-publisher.ts'
import { createWorker, workerDefaults } from '../worker.ts'
import { createScripted } from './scripted.ts'

/** The engine on a real embedded bus and SQLite in a directory; a process of its own, so that it can be killed. */
export async function startWorker(directory: string): Promise<{ stop(): Promise<void> }> {
  const deps = { logger: createLogger('fatal'), clock: systemClock, metrics: createSelfMetrics() }
  const metadata = createSqliteMetadata({ file: join(directory, 'metadata.sqlite') }, deps)
  const bus = createEmbeddedBus({ dataDir: directory, topics }, deps)
  await metadata.start()
  await bus.start()
  const shared = { ...deps, metadata, bus }
  const publisher = createRunPublisher('checker:test', shared)
  const kpis = createRunKpis({ source: 'checker:test' }, shared)
  const scripted = createScripted({
    'slow.example': [{ do: 'hang' }],
    'wrong.example': [{ do: 'fail', retry: 'never' }],
  })
  const worker = createWorker(
    { ...workerDefaults, drainMs: 200 },
    {
      ...shared,
      publisher,
      kpis,
      metrics: createCheckerMetrics(deps.metrics),
      types: new Map<CheckTypeName, CheckType>([['rest', scripted.type]]),
      evidence: createEvidence(publisher, deps.logger),
      random: Math.random,
      productUrl: () => null,
      demoUrl: () => null,
    },
  )
  await kpis.start()
  await worker.start()
  return {
    async stop() {
      await worker.stop()
      await kpis.stop()
      await bus.stop()
      await metadata.stop()
    },
  }
}

const [, script, directory] = process.argv
if (script === import.meta.filename && directory !== undefined) {
  const worker = await startWorker(directory)
  process.on('SIGTERM', () => void worker.stop().then(() => process.exit(0)))
  process.stdout.write('ready\n')
}
