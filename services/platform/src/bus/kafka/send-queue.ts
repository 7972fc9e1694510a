import type { Message, Producer } from 'kafkajs'
import { AppError } from '../../errors.ts'
import { translateKafkaError } from './client.ts'

/** Messages that wait for their turn to be sent. */
export interface SendQueue {
  /** Resolves when all in-sync replicas have the messages. Messages of a partition keep their order. */
  send(messages: readonly QueuedMessage[]): Promise<void>
  /** Resolves when nothing is under way any more. */
  drain(): Promise<void>
}

export interface QueuedMessage {
  readonly topic: string
  readonly message: Message
  readonly bytes: number
}

const SEND_BYTES = 8 * 1024 * 1024
const WAITING_BYTES = 64 * 1024 * 1024

interface Waiting {
  readonly messages: readonly QueuedMessage[]
  readonly bytes: number
  resolve(): void
  reject(error: AppError): void
}

/**
 * One request at a time, for order: with several under way, a retry of one could overtake another. What comes
 * meanwhile shares the next request, so waiting costs little. A failure also fails what waits behind it: a source that
 * tries again in order then never has a later batch stored before an earlier one.
 */
export function createSendQueue(
  producer: Producer,
  onSent: (messages: readonly QueuedMessage[], durationMs: number) => void,
): SendQueue {
  const waiting: Waiting[] = []
  let waitingBytes = 0
  let sending: Promise<void> | null = null

  const sendTogether = async (messages: readonly QueuedMessage[]): Promise<void> => {
    for (const part of partsOf(messages)) {
      const startedMs = performance.now()
      await producer.sendBatch({ acks: -1, topicMessages: byTopic(part) })
      onSent(part, performance.now() - startedMs)
    }
  }

  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const together = takeUpTo(waiting, SEND_BYTES)
      try {
        await sendTogether(together.flatMap((each) => each.messages))
        for (const each of together) each.resolve()
      } catch (cause) {
        const error = translateKafkaError(cause, 'could not publish to Kafka')
        for (const each of [...together, ...waiting.splice(0)]) each.reject(error)
        waitingBytes = 0
        break
      }
      waitingBytes = waiting.reduce((sum, each) => sum + each.bytes, 0)
    }
    sending = null
  }

  return {
    send(messages) {
      const bytes = messages.reduce((sum, each) => sum + each.bytes, 0)
      if (waiting.length > 0 && waitingBytes + bytes > WAITING_BYTES) {
        const message = `${waitingBytes} bytes wait for Kafka; try again`
        return Promise.reject(new AppError('bus_unavailable', message, { retryable: true }))
      }
      return new Promise((resolve, reject) => {
        waiting.push({ messages, bytes, resolve, reject })
        waitingBytes += bytes
        sending ??= run()
      })
    },
    async drain() {
      while (sending !== null) await sending
    },
  }
}

function takeUpTo(waiting: Waiting[], limit: number): Waiting[] {
  let bytes = 0
  let count = 0
  for (const each of waiting) {
    if (count > 0 && bytes + each.bytes > limit) break
    bytes += each.bytes
    count += 1
  }
  return waiting.splice(0, count)
}

/** Consecutive messages that fit into one request; a single publish may be larger than that. */
function* partsOf(messages: readonly QueuedMessage[]): Generator<QueuedMessage[]> {
  let part: QueuedMessage[] = []
  let bytes = 0
  for (const message of messages) {
    if (part.length > 0 && bytes + message.bytes > SEND_BYTES) {
      yield part
      part = []
      bytes = 0
    }
    part.push(message)
    bytes += message.bytes
  }
  if (part.length > 0) yield part
}

function byTopic(messages: readonly QueuedMessage[]): { topic: string; messages: Message[] }[] {
  const topics = new Map<string, Message[]>()
  for (const { topic, message } of messages) {
    const list = topics.get(topic)
    if (list === undefined) topics.set(topic, [message])
    else list.push(message)
  }
  return [...topics].map(([topic, list]) => ({ topic, messages: list }))
}
