import { accessDefaults, createAccess } from '@driftline/platform/access/access'
import { runService } from '@driftline/platform/run-service'
import { topics } from '@driftline/proto'
import { readIntakeConfig } from './config.ts'
import { createPushServer } from './push/http/push-server.ts'
import { createPushService } from './push/push-service.ts'
import { createIntake } from './service.ts'
import { createTicker, tickerDefaults } from './ticker.ts'

await runService(
  {
    name: 'intake',
    topics,
    engines: ['metadata', 'hotState', 'bus'],
    readConfig: readIntakeConfig,
    components: (config, { engines, logger, metrics, clock }) => {
      const { bus, hotState, metadata, sealer } = engines
      const access = createAccess(accessDefaults, { metadata, hotState, clock, logger })
      const push = createPushService(config.push, { bus, access, metadata, sealer, logger, metrics, clock })
      return [
        ...push.components,
        createIntake(config, { bus, access, logger, metrics, clock, services: push.services }),
        createPushServer(config.pushServer, { http: push.http, logger }),
        createTicker({ ...tickerDefaults, instance: config.instance }, { bus, hotState, logger, metrics, clock }),
      ]
    },
  },
  process.argv.slice(2),
  process.env,
)
