import { runService } from '@driftline/platform/run-service'
import { topics } from '@driftline/proto'
import { readTailerConfig } from './config.ts'
import { createTailer } from './service.ts'

await runService(
  {
    name: 'tailer',
    topics,
    engines: ['metadata', 'bus'],
    readConfig: readTailerConfig,
    components: (config, { engines, logger, metrics, clock }) => {
      const { bus, metadata, sealer, dataDir } = engines
      return [createTailer(config, { bus, metadata, sealer, dataDir, logger, metrics, clock })]
    },
  },
  process.argv.slice(2),
  process.env,
)
