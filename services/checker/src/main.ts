import { runService } from '@driftline/platform/run-service'
import { topics } from '@driftline/proto'
import { readCheckerConfig } from './config.ts'
import { createChecker } from './service.ts'

await runService(
  {
    name: 'checker',
    topics,
    engines: ['metadata', 'hotState', 'bus', 'analytics'],
    readConfig: readCheckerConfig,
    components: (config, { engines, logger, metrics, clock }) => {
      const { bus, hotState, metadata, analytics, sealer } = engines
      return [createChecker(config, { bus, hotState, metadata, analytics, sealer, logger, metrics, clock })]
    },
  },
  process.argv.slice(2),
  process.env,
)
