import { accessDefaults, createAccess } from '@driftline/platform/access/access'
import { runService } from '@driftline/platform/run-service'
import { topics } from '@driftline/proto'
import { readMqttConfig } from './config.ts'
import { createMqtt } from './service.ts'

await runService(
  {
    name: 'mqtt',
    topics,
    engines: ['metadata', 'hotState', 'bus'],
    readConfig: readMqttConfig,
    components: (config, { engines, logger, metrics, clock }) => {
      const { bus, hotState, metadata, sealer } = engines
      const access = createAccess(accessDefaults, { metadata, hotState, clock, logger })
      return [createMqtt(config, { bus, hotState, metadata, sealer, access, logger, metrics, clock })]
    },
  },
  process.argv.slice(2),
  process.env,
)
