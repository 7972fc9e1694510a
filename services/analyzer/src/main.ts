import { runService } from '@driftline/platform/run-service'
import { topics } from '@driftline/proto'
import { createMetadataCheckpoints } from './checkpoints.ts'
import { readAnalyzerConfig } from './config.ts'
import { createAnalyzer } from './service.ts'

await runService(
  {
    name: 'analyzer',
    topics,
    engines: ['metadata', 'bus'],
    readConfig: readAnalyzerConfig,
    components: (config, { engines, logger, metrics, clock }) => {
      const checkpoints = createMetadataCheckpoints({ metadata: engines.metadata, clock })
      return [createAnalyzer(config, { bus: engines.bus, checkpoints, logger, metrics, clock })]
    },
  },
  process.argv.slice(2),
  process.env,
)
