import { randomBytes } from 'node:crypto'
import { createKafkaBus } from '@driftline/platform/bus/kafka-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { AnomalyPhase, topics } from '@driftline/proto'
import { expect, it } from 'vitest'
import { anomalyOf, eventually, testConfig } from './testing/alerter-test-kit.ts'
import { startReceiver } from './testing/receiver.ts'
import { startStack } from './testing/stack.ts'

describeWithServer('kafka', 'over Kafka', (server) => {
  it('tells of alerts that open and end, each once, although records come twice', async () => {
    const receiver = await startReceiver()
    const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
    const topicPrefix = `alerter-${randomBytes(4).toString('hex')}.`
    const bus = createKafkaBus({ brokers: [server().url], clientId: 'alerter-test', topics, topicPrefix }, deps)
    const config = testConfig({ alert_channels: [{ channel: 'webhook', url: receiver.url }] })
    const stack = await startStack({ config, bus })
    try {
      const opened = Array.from({ length: 10 }, (_, i) => anomalyOf({ id: `an_${i}`, process: `os:web-${i}:nginx` }))
      const closed = opened.map((each) => ({ ...each, phase: AnomalyPhase.CLOSED, revision: 2 }))
      await stack.publish(...opened)
      await stack.publish(...opened)
      await stack.publish(...closed)
      await stack.publish(...opened, ...closed)
      await eventually('all is told of', () => receiver.received.length >= 20, 60_000)
      await eventually('all is read', async () => {
        const { name } = topics.anomalies
        const partitions = Array.from({ length: bus.partitionsOf(name) }, (_, partition) => partition)
        const lags = await Promise.all(partitions.map((partition) => bus.lagOf('alerter', name, partition)))
        return lags.every((lag) => lag === 0)
      })
      expect(receiver.received).toHaveLength(20)
      for (const { id } of (await stack.metadata.db.selectFrom('alert_episodes').select('id').execute()).values()) {
        const own = receiver.received.filter(({ alertId }) => alertId === id).map(({ type }) => type)
        expect(own).toEqual(['alert.opened', 'alert.resolved'])
      }
    } finally {
      await stack.stop()
      await receiver.stop()
    }
  })
})
