import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../clock.ts'
import { createLogger } from '../logger.ts'
import { createSelfMetrics } from '../metrics.ts'
import { describeBus } from './bus.contract.ts'
import type { Bus } from './bus.ts'
import { createEmbeddedBus } from './embedded-bus.ts'

describeBus('the bus on LMDB', async (topics) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'driftline-bus-'))
  const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
  const opened: Bus[] = []
  return {
    async open() {
      const bus = createEmbeddedBus({ dataDir, topics }, deps)
      opened.push(bus)
      await bus.start()
      return bus
    },
    async close() {
      for (const bus of opened) await bus.stop()
      await rm(dataDir, { recursive: true })
    },
  }
})
