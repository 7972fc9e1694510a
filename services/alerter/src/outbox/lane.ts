import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import CircuitBreaker from 'opossum'
import type { AlerterMetrics } from '../alerter-metrics.ts'
import type { Sender, SendResult } from '../channels/channel.ts'
import type { AlerterTiming } from '../config.ts'
import type { Leased, Outbox } from './outbox.ts'

export interface LaneDeps<Delivery extends Leased> {
  readonly outbox: Outbox<Delivery>
  readonly metrics: AlerterMetrics
  readonly logger: Logger
  readonly clock: Clock
  /** 0 to 1, for jitter. */
  random(): number
}

/** Sends what the outbox has for one channel: a few at a time, patiently, and not at all while nobody answers. */
export interface Lane {
  /** There may be something to send. */
  wake(): void
  inFlight(): readonly string[]
  /** Attempts that do not end soon are given up; they are made again after the next start. */
  stop(): Promise<void>
}

type Unavailable = Extract<SendResult, { kind: 'unavailable' }>

const STOP_GRACE_MS = 1500
const SETTLE_PAUSE_MS = 500
const BREAKER_WINDOW_MS = 60_000
/** A channel that does not heed the end of its time is left to itself after this much more. */
const OVERTIME_MS = 1000

export function createLane<Delivery extends Leased>(
  channel: Sender<Delivery>,
  timing: AlerterTiming,
  deps: LaneDeps<Delivery>,
): Lane {
  const { outbox, metrics, clock } = deps
  const logger = deps.logger.child({ channel: channel.name })
  const label = { channel: channel.name }
  const underway = new Map<string, Promise<void>>()
  const stopping = new AbortController()
  let pumping: Promise<void> | null = null
  let wokenMeanwhile = false
  let pausedUntilMs = 0
  let isTroubled = false
  let isStopping = false

  const breaker = new CircuitBreaker(
    async (delivery: Delivery): Promise<SendResult> => {
      const result = await attempt(delivery)
      if (result.kind === 'unavailable') throw new Unanswered(result)
      return result
    },
    {
      timeout: false,
      errorThresholdPercentage: 50,
      volumeThreshold: timing.breakerVolume,
      resetTimeout: timing.breakerResetMs,
      rollingCountTimeout: BREAKER_WINDOW_MS,
      rollingPercentilesEnabled: false,
    },
  )
  metrics.breaker.set(label, 0)
  breaker.on('open', () => {
    metrics.breaker.set(label, 2)
    logger.warn('the receiver does not answer: deliveries wait')
  })
  breaker.on('halfOpen', () => {
    metrics.breaker.set(label, 1)
    wake()
  })
  breaker.on('close', () => {
    metrics.breaker.set(label, 0)
    logger.info('the receiver answers again')
  })

  async function attempt(delivery: Delivery): Promise<SendResult> {
    const isFirst = delivery.attempts === 1 && !delivery.wasHeld
    const signal = AbortSignal.any([AbortSignal.timeout(timing.attemptMs), stopping.signal])
    const onFirstByte = (): void => {
      if (isFirst) metrics.firstByte.observe(label, Math.max(0, clock.nowMs() - happenedAtMs(delivery)) / 1000)
    }
    const overtime = new AbortController()
    try {
      return await Promise.race([
        channel.send(delivery, { nowMs: clock.nowMs(), signal, onFirstByte }),
        sleep(timing.attemptMs + OVERTIME_MS, undefined, { signal: overtime.signal }).then(() =>
          unavailable('the attempt did not end in time'),
        ),
      ])
    } catch (error) {
      logger.error({ error, delivery: delivery.id }, 'could not send')
      return unavailable('the channel failed')
    } finally {
      overtime.abort()
    }
  }

  async function deliver(delivery: Delivery): Promise<void> {
    const result = await breaker.fire(delivery).catch((error: unknown) => {
      if (error instanceof Unanswered) return error.result
      return unavailable('the channel waits for its receiver to answer')
    })
    await persistently(() => settle(delivery, result))
  }

  async function settle(delivery: Delivery, result: SendResult): Promise<void> {
    if (result.kind === 'delivered') {
      await outbox.delivered(delivery)
      metrics.deliveries.inc({ ...label, result: 'delivered' })
      if (!isTroubled) return
      isTroubled = false
      await outbox.hasten(channel.name)
      return
    }
    const { reason } = result
    const ageMs = clock.nowMs() - delivery.createdAtMs
    const isLast = delivery.attempts >= timing.attemptsMax || ageMs >= timing.giveUpAfterMs
    if (result.kind === 'refused' || isLast) {
      await outbox.failed(delivery, reason)
      metrics.deliveries.inc({ ...label, result: 'failed' })
      logger.warn({ delivery: delivery.id, reason }, 'a delivery has failed for good')
      return
    }
    isTroubled = true
    const asked = result.retryAfterMs ?? 0
    pausedUntilMs = Math.max(pausedUntilMs, clock.nowMs() + asked)
    await outbox.retry(delivery, reason, stopping.signal.aborted ? 0 : Math.max(asked, backoffMs(delivery.attempts)))
    metrics.deliveries.inc({ ...label, result: 'retried' })
    logger.info({ delivery: delivery.id, attempts: delivery.attempts, reason }, 'a delivery is tried again later')
  }

  function backoffMs(attempts: number): number {
    const full = Math.min(timing.backoffMaxMs, timing.backoffMs * 2 ** Math.min(attempts - 1, 30))
    return full * (0.5 + deps.random() / 2)
  }

  /** What was sent must be noted, or it is sent once more: the store is asked until it can. */
  async function persistently(work: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        logger.warn({ error }, 'could not note what became of a delivery')
        if (stopping.signal.aborted) return
        await sleep(SETTLE_PAUSE_MS)
      }
    }
  }

  async function fill(): Promise<void> {
    for (;;) {
      const room = roomNow()
      if (room <= 0) return
      const leased = await outbox.lease(channel.name, room)
      for (const delivery of leased) {
        // A lease that ran out because we were held up is still ours: the attempt goes on.
        if (underway.has(delivery.id)) continue
        const work = deliver(delivery).finally(() => {
          underway.delete(delivery.id)
          wake()
        })
        underway.set(delivery.id, work)
      }
      if (leased.length < room) return
    }
  }

  /** While a breaker is half open one delivery tries whether anybody answers. */
  function roomNow(): number {
    if (isStopping || breaker.opened || clock.nowMs() < pausedUntilMs) return 0
    return (breaker.halfOpen ? 1 : timing.concurrency) - underway.size
  }

  async function pump(): Promise<void> {
    do {
      wokenMeanwhile = false
      await fill().catch((error: unknown) => logger.warn({ error }, 'the outbox cannot be read now'))
    } while (wokenMeanwhile)
  }

  function wake(): void {
    wokenMeanwhile = true
    if (pumping !== null || isStopping) return
    pumping = pump().finally(() => {
      pumping = null
    })
  }

  return {
    wake,
    inFlight: () => [...underway.keys()],
    async stop() {
      // What were begun now would be cut off below, and sent once more after the start.
      isStopping = true
      await pumping
      const cut = setTimeout(() => stopping.abort(), underway.size === 0 ? 0 : STOP_GRACE_MS)
      await Promise.all(underway.values())
      clearTimeout(cut)
      stopping.abort()
      breaker.shutdown()
    },
  }
}

class Unanswered extends Error {
  readonly result: Unavailable

  constructor(result: Unavailable) {
    super(result.reason)
    this.result = result
  }
}

const unavailable = (reason: string): Unavailable => ({ kind: 'unavailable', reason, retryAfterMs: null })

function happenedAtMs({ payload, createdAtMs }: Leased): number {
  const { timestamp } = payload as { readonly timestamp?: string }
  return timestamp === undefined ? createdAtMs : Date.parse(timestamp)
}
