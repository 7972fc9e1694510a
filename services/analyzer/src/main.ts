import type { Component } from '@driftline/platform/lifecycle'
import { runService } from '@driftline/platform/run-service'
import { topics } from '@driftline/proto'
import { createMetadataCheckpoints } from './checkpoints.ts'
import { readAnalyzerConfig } from './config.ts'
import { createHistoryReader } from './history/history-reader.ts'
import { createAnalyzer } from './service.ts'

await runService(
  {
    name: 'analyzer',
    topics,
    engines: ['metadata', 'bus'],
    readConfig: readAnalyzerConfig,
    components: (config, { engines, logger, metrics, clock }) => {
      const checkpoints = createMetadataCheckpoints({ metadata: engines.metadata, clock })
      const deps = { bus: engines.bus, checkpoints, logger, metrics, clock }
      if (!config.hasSharedStore) return [createAnalyzer(config, deps)]
      // Not waited for: the analyzer starts, and works, without the store.
      const store: Component = { name: 'history', start: async () => {}, stop: () => engines.analytics.stop() }
      return [store, createAnalyzer(config, { ...deps, history: createHistoryReader(engines) })]
    },
  },
  process.argv.slice(2),
  process.env,
)
