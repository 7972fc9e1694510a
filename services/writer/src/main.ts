import { fileURLToPath } from 'node:url'
import { runService } from '@driftline/platform/run-service'
import { topics } from '@driftline/proto'
import { readWriterConfig } from './config.ts'
import { createPositionStore } from './positions.ts'
import { createWriter } from './service.ts'

await runService(
  {
    name: 'writer',
    topics,
    engines: ['metadata', 'analytics', 'bus'],
    migrationsDir: fileURLToPath(new URL('../../../infra/clickhouse', import.meta.url)),
    readConfig: readWriterConfig,
    components: (config, { engines, logger, metrics, clock }) => {
      const { bus, analytics } = engines
      const positions = createPositionStore(engines.metadata)
      return [createWriter(config, { bus, analytics, positions, logger, metrics, clock })]
    },
  },
  process.argv.slice(2),
  process.env,
)
