import { fromBinary } from '@bufbuild/protobuf'
import { validateDefinition } from '@driftline/ingest/validate-definition'
import {
  type AgentBatch,
  type AgentHello,
  type CollectRequest,
  CollectRequestSchema,
  type Series,
  type SeriesDefinitions,
} from '@driftline/proto'
import type { IntakeLimits } from '../limits.ts'
import { createOwnership } from '../validate/owned-process.ts'
import type { Reason } from '../validate/reasons.ts'
import { createSeriesMap, type SeriesMap } from '../validate/series-map.ts'
import { type AcceptedBatch, type BatchPosition, checkPosition, validateBatch } from '../validate/validate-batch.ts'
import { validateHello } from '../validate/validate-hello.ts'

/** Something that will never be accepted, and why. */
export interface Refused {
  readonly reason: Reason
  readonly detail: string
}

/** What one message of a stream comes to. */
export type Admission =
  | { readonly kind: 'hello'; readonly hello: AgentHello }
  /** Definitions that consumers must hear of before the next batch, and how many were refused, by reason. */
  | { readonly kind: 'definitions'; readonly series: readonly Series[]; readonly refused: readonly Refused[] }
  | { readonly kind: 'batch'; readonly batch: AcceptedBatch }
  | { readonly kind: 'refused'; readonly position: BatchPosition; readonly refused: Refused }
  /** The peer does not keep to the protocol: the stream ends. */
  | { readonly kind: 'violation'; readonly detail: string; readonly reason: Reason }

/** What a stream has said so far. */
export interface StreamState {
  readonly tenant: string
  hello: AgentHello | null
  owns: (process: string) => boolean
  readonly series: SeriesMap
  position: BatchPosition | null
}

/** `seed` is secret and random: agents choose their series ids. */
export function createStreamState(tenant: string, limits: IntakeLimits, seed: number): StreamState {
  const series = createSeriesMap({ maxSize: limits.seriesMax, seed })
  return { tenant, hello: null, owns: () => false, series, position: null }
}

/** Decodes and judges the next message of a stream, in order. Changes `state`; does nothing else. */
export function admit(limits: IntakeLimits, state: StreamState, bytes: Uint8Array, nowMs: number): Admission {
  let message: CollectRequest['message']
  try {
    message = fromBinary(CollectRequestSchema, bytes, { readUnknownFields: false }).message
  } catch (error) {
    return violation('message_malformed', (error as Error).message)
  }
  if (message.case === 'hello') return admitHello(state, message.value)
  if (state.hello === null) return violation('message_malformed', 'the first message of a stream is hello')
  if (message.case === 'definitions') return admitDefinitions(state, message.value, nowMs)
  if (message.case === 'batch') return admitBatch(limits, state, state.hello, message.value, nowMs)
  return violation('message_malformed', 'a message is hello, definitions or batch')
}

function admitHello(state: StreamState, hello: AgentHello): Admission {
  if (state.hello !== null) return violation('message_malformed', 'hello came twice')
  const verdict = validateHello(hello)
  if (verdict.kind !== 'emit') return violation(verdict.reason as Reason, 'detail' in verdict ? verdict.detail : '')
  state.hello = hello
  state.owns = createOwnership(hello.host)
  return { kind: 'hello', hello }
}

function admitDefinitions(state: StreamState, message: SeriesDefinitions, nowMs: number): Admission {
  const series: Series[] = []
  const refused: Refused[] = []
  for (const definition of message.definitions) {
    const verdict = validateDefinition(definition, { tenant: state.tenant, owns: state.owns, nowMs })
    if (verdict.kind === 'emit') {
      const change = state.series.define(definition.id, verdict.value)
      if (change === 'full') refused.push({ reason: 'series_too_many', detail: 'the stream defined too many series' })
      else if (change !== 'same') series.push(verdict.value)
    } else if (verdict.kind === 'dead-letter') {
      state.series.refuse(definition.id)
      refused.push({ reason: verdict.reason as Reason, detail: verdict.detail })
    }
  }
  return { kind: 'definitions', series, refused }
}

function admitBatch(
  limits: IntakeLimits,
  state: StreamState,
  hello: AgentHello,
  batch: AgentBatch,
  nowMs: number,
): Admission {
  const { epoch, sequence } = batch
  const position = checkPosition(state.position, batch)
  if (position.kind !== 'emit') return refusedBatch({ epoch, sequence }, position)
  // A refused batch has used its sequence: the agent will not send it again.
  state.position = position.value
  const { tenant, owns, series } = state
  const verdict = validateBatch(batch, { tenant, host: hello.host, owns, series, limits, nowMs })
  return verdict.kind === 'emit' ? { kind: 'batch', batch: verdict.value } : refusedBatch(position.value, verdict)
}

function refusedBatch(position: BatchPosition, verdict: { reason: string; detail?: string }): Admission {
  return { kind: 'refused', position, refused: { reason: verdict.reason as Reason, detail: verdict.detail ?? '' } }
}

function violation(reason: Reason, detail: string): Admission {
  return { kind: 'violation', reason, detail }
}
