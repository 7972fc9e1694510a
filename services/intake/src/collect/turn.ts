import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import type { AgentHello, CollectResponse, Series } from '@driftline/proto'
import type { IntakeLimits } from '../limits.ts'
import { batchRecords, type StreamOrigin } from '../publish/records.ts'
import type { AcceptedBatch } from '../validate/validate-batch.ts'
import { admit, type Refused, type StreamState } from './admit.ts'

const TURN_MESSAGES_MAX = 32
const TURN_BYTES_MAX = 8 * 1024 * 1024

export type Reply = CollectResponse['message']

/** What several messages of a stream come to, to be published and then answered as one. */
export interface Turn {
  /** Definitions that consumers must have before `records`. */
  readonly series: Series[]
  readonly records: OutgoingRecord[]
  readonly deadLetters: { readonly refused: Refused; readonly payload: Uint8Array }[]
  readonly accepted: AcceptedBatch[]
  /** In the order of the messages; acknowledgements that follow each other are one. */
  readonly replies: Reply[]
  hello: AgentHello | null
  /** The peer broke the protocol: the stream ends after this turn. */
  violation: Refused | null
  bytes: number
}

/**
 * Takes messages from the front of the queue and judges them. A hello is a turn of its own, because nothing may be
 * published before the source's lane is free.
 */
export function takeTurn(
  queue: Uint8Array[],
  context: { readonly limits: IntakeLimits; readonly state: StreamState; readonly origin: StreamOrigin },
  nowMs: number,
): Turn {
  const turn: Turn = {
    series: [],
    records: [],
    deadLetters: [],
    accepted: [],
    replies: [],
    hello: null,
    violation: null,
    bytes: 0,
  }
  for (let messages = 0; messages < TURN_MESSAGES_MAX && turn.bytes < TURN_BYTES_MAX; messages++) {
    const payload = queue.shift()
    if (payload === undefined) break
    turn.bytes += payload.length
    const admission = admit(context.limits, context.state, payload, nowMs)
    if (admission.kind === 'hello') {
      turn.hello = admission.hello
      break
    }
    if (admission.kind === 'violation') {
      turn.violation = { reason: admission.reason, detail: admission.detail }
      turn.deadLetters.push({ refused: turn.violation, payload })
      break
    }
    if (admission.kind === 'definitions') {
      for (const each of admission.series) turn.series.push(each)
      for (const refused of admission.refused) turn.deadLetters.push({ refused, payload })
    } else if (admission.kind === 'batch') {
      turn.accepted.push(admission.batch)
      turn.records.push(...batchRecords(context.origin, admission.batch))
      acknowledge(turn.replies, admission.batch)
    } else {
      turn.deadLetters.push({ refused: admission.refused, payload })
      turn.replies.push(refusal(admission.position, admission.refused))
    }
  }
  return turn
}

function acknowledge(replies: Reply[], { epoch, sequence }: AcceptedBatch): void {
  const reply: Reply = {
    case: 'acknowledgement',
    value: { $typeName: 'driftline.v1.Acknowledgement', epoch, sequence },
  }
  // An acknowledgement covers all before it in its epoch; one of an earlier epoch still has to be told.
  const last = replies.at(-1)
  if (last?.case === 'acknowledgement' && last.value.epoch === epoch) replies[replies.length - 1] = reply
  else replies.push(reply)
}

function refusal(position: { epoch: bigint; sequence: bigint }, refused: Refused): Reply {
  return { case: 'refusal', value: { $typeName: 'driftline.v1.Refusal', ...position, ...refused } }
}
