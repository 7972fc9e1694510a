import { accessDefaults, createAccess } from '@driftline/platform/access/access'
import { runService } from '@driftline/platform/run-service'
import { topics } from '@driftline/proto'
import { readIntakeConfig } from './config.ts'
import { createIntake } from './service.ts'
import { createTicker, tickerDefaults } from './ticker.ts'

await runService(
  {
    name: 'intake',
    topics,
    engines: ['metadata', 'hotState', 'bus'],
    readConfig: readIntakeConfig,
    components: (config, { engines, logger, metrics, clock }) => {
      const { bus, hotState, metadata } = engines
      const access = createAccess(accessDefaults, { metadata, hotState, clock, logger })
      return [
        createIntake(config, { bus, access, logger, metrics, clock }),
        createTicker({ ...tickerDefaults, instance: config.instance }, { bus, hotState, logger, metrics, clock }),
      ]
    },
  },
  process.argv.slice(2),
  process.env,
)
