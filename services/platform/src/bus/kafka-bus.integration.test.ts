import { randomUUID } from 'node:crypto'
import { systemClock } from '../clock.ts'
import { createLogger } from '../logger.ts'
import { createSelfMetrics } from '../metrics.ts'
import { describeWithServer } from '../testing/real-servers.ts'
import { describeBus } from './bus.contract.ts'
import type { Bus } from './bus.ts'
import { createKafkaBus } from './kafka-bus.ts'

describeWithServer('kafka', 'with a real broker', (server) => {
  describeBus('the bus on Kafka', async (topics) => {
    const topicPrefix = `test-${randomUUID()}.`
    const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
    const opened: Bus[] = []
    return {
      async open() {
        const bus = createKafkaBus({ brokers: [server().url], clientId: 'test', topics, topicPrefix }, deps)
        opened.push(bus)
        await bus.start()
        return bus
      },
      async close() {
        for (const bus of opened) await bus.stop()
      },
    }
  })
})
