import type { SelfMetrics } from '@driftline/platform/metrics'
import type { Refused } from '../collect/admit.ts'
import type { OrderedPublisher } from './ordered-publisher.ts'
import { deadLetterRecord, type StreamOrigin } from './records.ts'

/**
 * Records what a stream sent and will never be accepted. Everything is counted; the records themselves are limited per
 * stream, so that a peer that sends nothing but rubbish cannot fill the topic.
 */
export interface DeadLetters {
  /** Resolves when the record is durable, or at once when the stream's allowance is used up. */
  add(origin: StreamOrigin, refused: Refused, payload: Uint8Array, nowMs: number): Promise<void>
}

/** Allows `burst` records at once and `perSecond` in the long run. */
export interface DeadLetterAllowance {
  readonly burst: number
  readonly perSecond: number
}

export function createDeadLetters(
  allowance: DeadLetterAllowance,
  deps: { readonly publisher: OrderedPublisher; readonly metrics: SelfMetrics },
): DeadLetters {
  const counted = deps.metrics.counter('driftline_dead_letters_total', 'Inputs that were refused', [
    'service',
    'reason',
  ])
  const suppressed = deps.metrics.counter(
    'driftline_dead_letters_suppressed_total',
    'Refused inputs that were counted and not recorded, because their source sent too many',
    ['service'],
  )
  let tokens = allowance.burst
  let filledAtMs: number | null = null
  return {
    async add(origin, refused, payload, nowMs) {
      counted.inc({ service: 'intake', reason: refused.reason })
      const elapsedMs = Math.max(0, nowMs - (filledAtMs ?? nowMs))
      filledAtMs = nowMs
      tokens = Math.min(allowance.burst, tokens + (elapsedMs / 1000) * allowance.perSecond)
      if (tokens < 1) {
        suppressed.inc({ service: 'intake' })
        return
      }
      tokens -= 1
      await deps.publisher.publish([deadLetterRecord(origin, refused, payload, nowMs)])
    },
  }
}
