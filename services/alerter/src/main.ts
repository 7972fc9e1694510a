import { runService } from '@driftline/platform/run-service'
import { topics } from '@driftline/proto'
import { readAlerterConfig } from './config.ts'
import { createAlerter } from './service.ts'

await runService(
  {
    name: 'alerter',
    topics,
    engines: ['metadata', 'bus'],
    readConfig: readAlerterConfig,
    components: (config, { engines, logger, metrics, clock }) => {
      const { bus, metadata } = engines
      return [createAlerter(config, { bus, metadata, logger, metrics, clock })]
    },
  },
  process.argv.slice(2),
  process.env,
)
