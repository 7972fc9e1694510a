import type { Consumer, Kafka } from 'kafkajs'
import { AppError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { maxRecordBytes } from '../bus-topic.ts'
import { kafkaRetry } from './client.ts'
import { createLogLimit } from './log-limit.ts'
import { createPartitionAssigner } from './partition-assigner.ts'

export interface ConsumerDeps {
  readonly logger: Logger
  /** Kafka will not run this consumer again: the process must end. */
  readonly onFatal: (error: Error) => void
}

/** How often a member shows that it lives, and how soon it sees that the group changes. */
export const heartbeatMs = 500
/** A member that says nothing for so long is dead, and its partitions go to others. */
const SESSION_TIMEOUT_MS = 10_000
/** A fetch without new records is answered after this; with some, at once. Stopping waits for it. */
const FETCH_WAIT_MS = 100

/**
 * A consumer with our settings. kafkajs restarts one after most failures, until `stopping` is aborted; when it gives
 * up, going on would look alive and read nothing, so that is fatal.
 */
export function createConsumer(kafka: Kafka, groupId: string, stopping: AbortSignal, deps: ConsumerDeps): Consumer {
  const { logger, onFatal } = deps
  const { assigner, remember } = createPartitionAssigner()
  const limit = createLogLimit()
  const consumer = kafka.consumer({
    groupId,
    partitionAssigners: [assigner],
    allowAutoTopicCreation: false,
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: heartbeatMs,
    minBytes: 1,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    maxBytesPerPartition: 2 * maxRecordBytes,
    maxBytes: 8 * maxRecordBytes,
    retry: { ...kafkaRetry, restartOnFailure: async () => !stopping.aborted },
  })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => remember(payload.memberAssignment))
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    if (stopping.aborted) return
    if (restart) {
      const leftOut = limit('restart')
      if (leftOut !== null) logger.warn({ error, groupId, leftOut }, 'a Kafka consumer failed and is started again')
      return
    }
    logger.error({ error, groupId }, 'a Kafka consumer failed for good')
    onFatal(new AppError('bus_unavailable', `the Kafka consumer of ${groupId} failed for good`, { cause: error }))
  })
  return consumer
}
