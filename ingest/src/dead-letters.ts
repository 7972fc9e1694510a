import { randomUUID } from 'node:crypto'
import { create, toBinary } from '@bufbuild/protobuf'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { DeadLetterSchema, topics } from '@driftline/proto'
import type { OrderedPublisher, OwnRecord } from './ordered-publisher.ts'
import type { Refused } from './refused.ts'

/** Whose input was refused. */
export interface LetterOrigin {
  readonly tenant: string
  /** Id of the source. */
  readonly source: string
  /** Routing key of the record. */
  readonly key: string
}

/** Where in its source an input came from, and whether its service can take it in again. */
export interface LetterPlace {
  /** An MQTT topic, the path of a file or of a request. */
  readonly subject: string
  /** Whether a person may send it again; what is longer than is kept never can. */
  readonly replayable: boolean
}

/**
 * Records what a source sent and will never be accepted. Everything is counted; the records themselves are limited per
 * source, so that a peer that sends nothing but rubbish cannot fill the topic.
 */
export interface DeadLetters {
  /** Resolves when the record is durable, or at once when the source's allowance is used up. */
  add(origin: LetterOrigin, refused: Refused, payload: Uint8Array, nowMs: number, place?: LetterPlace): Promise<void>
}

/** Allows `burst` records at once and `perSecond` in the long run. */
export interface DeadLetterAllowance {
  readonly burst: number
  readonly perSecond: number
}

/** The same for every door: what a person may want to look through, and a flood no longer is. */
export const letterAllowance: DeadLetterAllowance = { burst: 500, perSecond: 50 }

const PAYLOAD_BYTES_MAX = 16_384
const DETAIL_MAX = 1024
const NOWHERE: LetterPlace = { subject: '', replayable: false }

/** One for each source. */
export function createDeadLetters(
  { service, ...allowance }: DeadLetterAllowance & { readonly service: string },
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
    async add(origin, refused, payload, nowMs, place = NOWHERE) {
      counted.inc({ service, reason: refused.reason })
      const elapsedMs = Math.max(0, nowMs - (filledAtMs ?? nowMs))
      filledAtMs = nowMs
      tokens = Math.min(allowance.burst, tokens + (elapsedMs / 1000) * allowance.perSecond)
      if (tokens < 1) {
        suppressed.inc({ service })
        return
      }
      tokens -= 1
      await deps.publisher.publish([letterRecord(service, origin, refused, payload, nowMs, place)])
    },
  }
}

/** A record that says what was refused and shows how it began. */
function letterRecord(
  service: string,
  { tenant, source, key }: LetterOrigin,
  refused: Refused,
  payload: Uint8Array,
  nowMs: number,
  { subject, replayable }: LetterPlace,
): OwnRecord {
  const letter = create(DeadLetterSchema, {
    tenant,
    timeMs: BigInt(nowMs),
    service,
    source,
    reason: refused.reason,
    detail: textOf(refused.detail),
    payload: payload.subarray(0, PAYLOAD_BYTES_MAX),
    payloadSize: BigInt(payload.length),
    id: randomUUID(),
    subject: textOf(subject),
    replayable: replayable && payload.length <= PAYLOAD_BYTES_MAX,
  })
  const message = topics.deadLetters.message.typeName
  return { topic: topics.deadLetters.name, tenant, key, message, value: toBinary(DeadLetterSchema, letter) }
}

/** Protobuf refuses lone surrogates, which hostile topics and labels may hold. */
const textOf = (text: string): string => text.slice(0, DETAIL_MAX).toWellFormed()
