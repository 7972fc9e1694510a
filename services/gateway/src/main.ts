import { createFileFlows, readFileFlows } from '@driftline/checks/file-flows'
import { createFileSources, readFileSources } from '@driftline/ingest/file-sources'
import { accessDefaults, createAccess } from '@driftline/platform/access/access'
import type { Component } from '@driftline/platform/lifecycle'
import { runService } from '@driftline/platform/run-service'
import { readSettings } from '@driftline/platform/settings'
import { topics } from '@driftline/proto'
import { accountSettings, readGatewayConfig } from './config.ts'
import { createGateway } from './service.ts'

await runService(
  {
    name: 'gateway',
    topics,
    engines: ['metadata', 'hotState', 'analytics', 'bus'],
    readConfig: (source) => ({
      ...readGatewayConfig(source),
      ...readSettings(source, accountSettings),
      sources: readFileSources(source),
      fileFlows: readFileFlows(source),
    }),
    components: (config, { engines, logger, metrics, clock }) => {
      const deps = { ...engines, logger, metrics, clock }
      const access = createAccess(accessDefaults, deps)
      const accounts: Component = {
        name: 'accounts',
        async start() {
          const made = await access.ensureFirstAdmin({ password: config.adminPassword })
          // The log would keep the password; whoever started the gateway sees this once.
          if (made?.password) process.stdout.write(`User ${made.username}, password ${made.password}\n`)
        },
        async stop() {},
      }
      return [
        accounts,
        createFileSources({ sources: config.sources }, deps),
        createFileFlows({ flows: config.fileFlows }, deps),
        createGateway(config, { ...deps, access }),
      ]
    },
  },
  process.argv.slice(2),
  process.env,
)
