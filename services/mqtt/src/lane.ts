import { AppError } from '@driftline/platform/errors'
import type { Logger } from '@driftline/platform/logger'
import type { MqttMessage } from './message.ts'

export interface LaneLimits {
  /** How long the first message of a batch waits for others. */
  readonly lingerMs: number
  /** A batch of so many messages, or so many bytes of payload, waits for no more. */
  readonly batchMessages: number
  readonly batchBytes: number
  /** Messages and bytes that may be without acknowledgement; beyond, nothing more is read. */
  readonly heldMessagesMax: number
  readonly heldBytesMax: number
  /** After a failed publish, and the longest pause after several. */
  readonly retryFirstMs: number
  readonly retryLongestMs: number
}

export const laneLimits: LaneLimits = {
  lingerMs: 4,
  batchMessages: 4000,
  batchBytes: 1_048_576,
  heldMessagesMax: 20_000,
  heldBytesMax: 16 * 1_048_576,
  retryFirstMs: 100,
  retryLongestMs: 5000,
}

/** What a lane asks of the source that it serves. `Batch` is what one publish takes. */
export interface LaneTaker<Batch> {
  /** Reads a message into what is put together. Never throws for what a message says. */
  read(message: MqttMessage, byteLength: number): void
  /** Hands over what was put together since the last time; null when there is nothing to publish. */
  handOver(): Batch | null
  /** Resolves when it is durable. May be called again with the same batch after it failed. */
  publish(batch: Batch): Promise<void>
  /** A batch can never be stored: what becomes of it. */
  refuse(batch: Batch, error: AppError): void
  /** A batch is durable, or there was nothing to store. */
  durable(messages: number): void
  /** True when no more should be read, false when there is room again. */
  full(isFull: boolean): void
  /** The bus fails, or does again what it should. */
  stuck(error: unknown | null): void
}

/**
 * From messages to durable batches and back to acknowledgements. Messages are read as they come; one publish is under
 * way at a time, and what comes meanwhile is the next batch. While the bus is away nothing is settled.
 */
export interface Lane {
  take(message: MqttMessage, settle: (() => void) | null, byteLength: number): void
  /** Waits with the others for what was put together beside `take`. */
  hold(settle: (() => void) | null, byteLength: number): void
  /** Something was put together without a message. */
  nudge(): void
  readonly heldMessages: number
  /** Publishes what is there and answers whether all of it became durable within the time. */
  drain(timeoutMs: number): Promise<boolean>
  /** Gives up: what is not durable is never settled. */
  abandon(): void
}

export function createLane<Batch>(
  limits: LaneLimits,
  taker: LaneTaker<Batch>,
  deps: { readonly logger: Logger; readonly random: () => number },
): Lane {
  let settles: (() => void)[] = []
  let messages = 0
  let bytes = 0
  let heldMessages = 0
  let heldBytes = 0
  let isFull = false
  let working = false
  let abandoned = false
  let timer: NodeJS.Timeout | undefined
  let endPause: () => void = () => {}
  const idle: (() => void)[] = []

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const pauseTimer = setTimeout(resolve, ms)
      endPause = () => {
        clearTimeout(pauseTimer)
        resolve()
      }
    })

  /** Publishes until it is durable, refused for good, or given up; answers whether its messages may be settled. */
  const makeDurable = async (batch: Batch): Promise<boolean> => {
    for (let failures = 0; !abandoned; failures++) {
      try {
        await taker.publish(batch)
        if (failures > 0) taker.stuck(null)
        return true
      } catch (error) {
        if (error instanceof AppError && error.code === 'record_too_large') {
          taker.refuse(batch, error)
          return true
        }
        if (failures === 0) deps.logger.warn({ error }, 'the bus does not take messages; none is acknowledged')
        taker.stuck(error)
        const longMs = Math.min(limits.retryLongestMs, limits.retryFirstMs * 2 ** Math.min(failures, 16))
        await pause(longMs * (0.5 + deps.random() / 2))
      }
    }
    return false
  }

  const checkRoom = (): void => {
    const over = heldMessages >= limits.heldMessagesMax || heldBytes >= limits.heldBytesMax
    // Room is told at half, so that reading does not stop and go with every batch.
    const under = heldMessages <= limits.heldMessagesMax / 2 && heldBytes <= limits.heldBytesMax / 2
    if (isFull ? !under : !over) return
    isFull = !isFull
    taker.full(isFull)
  }

  const work = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    working = true
    while (!abandoned) {
      const mine = { settles, messages, bytes }
      settles = []
      messages = 0
      bytes = 0
      const batch = taker.handOver()
      if (batch === null && mine.messages === 0) break
      if (batch !== null && !(await makeDurable(batch))) break
      heldMessages -= mine.messages
      heldBytes -= mine.bytes
      taker.durable(mine.messages)
      for (const settle of mine.settles) settle()
      checkRoom()
      // What came meanwhile has waited long enough only when it is a good batch; else it waits for company.
      if (messages < limits.batchMessages && bytes < limits.batchBytes) break
    }
    working = false
    if (messages > 0 && !abandoned) schedule()
    else for (const resolve of idle.splice(0)) resolve()
  }

  const schedule = (): void => {
    if (working || abandoned) return
    if (messages >= limits.batchMessages || bytes >= limits.batchBytes || idle.length > 0) void work()
    else timer ??= setTimeout(() => void work(), limits.lingerMs)
  }

  const hold = (settle: (() => void) | null, byteLength: number): void => {
    if (settle !== null) settles.push(settle)
    messages += 1
    bytes += byteLength
    heldMessages += 1
    heldBytes += byteLength
    checkRoom()
    schedule()
  }

  return {
    take(message, settle, byteLength) {
      if (abandoned) return
      taker.read(message, byteLength)
      hold(settle, message.payload.length)
    },
    hold,
    nudge() {
      if (!working && !abandoned) timer ??= setTimeout(() => void work(), limits.lingerMs)
    },
    get heldMessages() {
      return heldMessages
    },
    async drain(timeoutMs) {
      if (abandoned) return false
      const done = new Promise<void>((resolve) => idle.push(resolve))
      if (!working) void work()
      const late = new Promise<void>((resolve) => setTimeout(resolve, timeoutMs).unref())
      await Promise.race([done, late])
      return heldMessages === 0
    },
    abandon() {
      abandoned = true
      clearTimeout(timer)
      endPause()
    },
  }
}
