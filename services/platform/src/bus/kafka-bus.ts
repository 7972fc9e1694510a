import { setTimeout as sleep } from 'node:timers/promises'
import { topics as driftlineTopics } from '@driftline/proto'
import type { Admin } from 'kafkajs'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { SelfMetrics } from '../metrics.ts'
import type { Bus, OutgoingRecord, Subscription } from './bus.ts'
import { createBusMetrics } from './bus-metrics.ts'
import { type BusTopics, checkRecordSize, topicIndex } from './bus-topic.ts'
import { createClient, type KafkaConnection, translateKafkaError } from './kafka/client.ts'
import { subscribeGroup } from './kafka/group-subscription.ts'
import { createOffsetReaders } from './kafka/offset-readers.ts'
import { toMessage } from './kafka/records.ts'
import { createSendQueue, type QueuedMessage } from './kafka/send-queue.ts'
import { ensureTopics } from './kafka/topic-setup.ts'

export interface KafkaBusConfig extends KafkaConnection {
  /** Driftline's unless given. */
  readonly topics?: BusTopics
  /** Put in front of the names of topics and groups, for installations that share a cluster. */
  readonly topicPrefix?: string
  /** Copies of each partition of a topic that is made here; -1 leaves it to the brokers. */
  readonly replicationFactor?: number
  /** How long `start` waits for the brokers. */
  readonly connectTimeoutMs?: number
}

export interface KafkaBusDeps {
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
  /** Called when a consumer cannot go on; the default ends the process through `runProcess`. */
  readonly onFatal?: (error: Error) => void
}

const DEFAULTS = {
  topics: driftlineTopics as BusTopics,
  topicPrefix: '',
  replicationFactor: -1,
  connectTimeoutMs: 60_000,
}
const CONNECT_PAUSE_MS = 1000

/**
 * The bus on Kafka, through kafkajs. Errors of `start`: `bus_unavailable`, `config_invalid` when a topic has another
 * number of partitions.
 */
export function createKafkaBus(given: KafkaBusConfig, deps: KafkaBusDeps): Bus {
  const config = { ...DEFAULTS, ...given }
  const { topicPrefix } = config
  const logger = deps.logger.child({ component: 'bus' })
  const metrics = createBusMetrics(deps.metrics)
  const topicNamed = topicIndex(config.topics)
  const kafka = createClient(config, logger)
  const admin = kafka.admin()
  // Idempotence is off on purpose: kafkajs 2.2.4 can lose acknowledged records with it.
  const producer = kafka.producer({
    idempotent: false,
    allowAutoTopicCreation: false,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition!,
  })
  const queue = createSendQueue(producer, (messages, durationMs) => {
    for (const [topic, { records, bytes }] of sumByTopic(messages, topicPrefix)) {
      metrics.published(topic, records, bytes, durationMs)
    }
  })
  const subscriptions = new Set<Subscription>()
  let state: 'new' | 'running' | 'stopped' = 'new'

  const requireRunning = (): void => {
    if (state === 'running') return
    throw new AppError('stopped', state === 'new' ? 'the bus has not been started' : 'the bus is stopped')
  }

  /** Lets `stop` end a subscription that its owner has not. */
  const track = async (starting: Promise<Subscription>): Promise<Subscription> => {
    const started = await starting
    let stopped: Promise<void> | null = null
    const subscription: Subscription = {
      stop() {
        subscriptions.delete(subscription)
        stopped ??= started.stop()
        return stopped
      },
    }
    subscriptions.add(subscription)
    if (state === 'stopped') await subscription.stop()
    return subscription
  }

  const consumerDeps = { logger, onFatal: deps.onFatal ?? throwUncaught }
  const readers = createOffsetReaders({ kafka, admin, topicPrefix }, consumerDeps)
  const queued = (record: OutgoingRecord): QueuedMessage => ({
    topic: topicPrefix + record.topic,
    message: toMessage(record, topicNamed(record.topic).partitions, deps.clock.nowMs()),
    bytes: checkRecordSize(record),
  })

  return {
    name: 'bus',
    async start() {
      await connect(admin, config.connectTimeoutMs, logger, () => state === 'stopped')
      try {
        await ensureTopics(admin, Object.values(config.topics), topicPrefix, config.replicationFactor)
        await producer.connect()
      } catch (error) {
        throw translateKafkaError(error, 'could not prepare Kafka')
      }
      state = 'running'
    },
    async stop() {
      if (state === 'stopped') return
      state = 'stopped'
      await Promise.all([...subscriptions].map((subscription) => subscription.stop()))
      await queue.drain()
      await producer.disconnect()
      await admin.disconnect()
    },
    async publish(records) {
      requireRunning()
      if (records.length > 0) await queue.send(records.map(queued))
    },
    async subscribe(options) {
      requireRunning()
      const onFailed = (group: string): void => metrics.handlerFailures.inc({ group })
      const groupDeps = { ...consumerDeps, topicPrefix, readers, onHandled: metrics.handled, onFailed }
      return track(subscribeGroup(kafka, options, groupDeps))
    },
    async tail(options) {
      requireRunning()
      return track(readers.tail(options))
    },
    async read(topic, partition, from, to) {
      requireRunning()
      return readers.read(topic, { partition, from, to })
    },
    async lagOf(group, topic, partition) {
      requireRunning()
      return readers.lagOf(group, topic, partition)
    },
    partitionsOf: (topic) => topicNamed(topic).partitions,
  }
}

/** `runProcess` ends the process in order when an error is caught by nobody. */
function throwUncaught(error: Error): void {
  setImmediate(() => {
    throw error
  })
}

async function connect(admin: Admin, timeoutMs: number, logger: Logger, isStopped: () => boolean): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    try {
      return await admin.connect()
    } catch (cause) {
      const error = translateKafkaError(cause, 'Kafka cannot be reached')
      if (!error.retryable || performance.now() > deadline || isStopped()) throw error
      logger.warn({ error }, 'Kafka cannot be reached; trying again')
      await sleep(CONNECT_PAUSE_MS)
    }
  }
}

function sumByTopic(
  messages: readonly QueuedMessage[],
  topicPrefix: string,
): Map<string, { records: number; bytes: number }> {
  const sums = new Map<string, { records: number; bytes: number }>()
  for (const { topic, bytes } of messages) {
    const name = topic.slice(topicPrefix.length)
    const sum = sums.get(name) ?? { records: 0, bytes: 0 }
    sums.set(name, { records: sum.records + 1, bytes: sum.bytes + bytes })
  }
  return sums
}
