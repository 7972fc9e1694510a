import type { IncomingMessage } from 'node:http'
import type { Answer, Refuse } from './http/answers.ts'
import type { Admitted } from './pressure.ts'
import type { PushConfig } from './push-config.ts'
import { createPushRequest, type PushRequest, type PushRequestDeps } from './push-request.ts'
import type { PushSource } from './push-source.ts'
import { type SettleDeps, type Settling, settle } from './settle.ts'

/** What every door needs of the component. */
export interface DoorDeps extends PushRequestDeps, SettleDeps {
  readonly config: PushConfig
}

/** A request that was let in. */
export interface DoorCall {
  readonly source: PushSource
  readonly admitted: Admitted
  /** Path of the request. */
  readonly subject: string
  readonly deps: DoorDeps
  /** Takes note that the bus is not done with something: what it holds is given back only then. */
  hold(work: Promise<void>): void
}

/** Why a call was not let in. */
export type NotRun = 'under_pressure' | 'switched_off'

/** A door over HTTP. */
export interface HttpDoor {
  readonly path: string
  readonly door: PushSource['door']
  take(request: IncomingMessage, call: DoorCall): Promise<Answer>
  readonly refuse: (request: IncomingMessage) => Refuse
}

export function openRequest({ source, subject, deps }: DoorCall): PushRequest {
  source.refresh()
  return createPushRequest(source, subject, deps.config, deps)
}

/** Publishes what waits and resolves when it is durable. Errors: those of the bus. */
export async function settleCall(request: PushRequest, call: DoorCall): Promise<void> {
  const settling: Settling = settle(request, call.deps.config.publishTimeoutMs, call.deps)
  call.hold(settling.done)
  await settling.durable
}

/** Counts what a request came to, once, at its end. */
export function countRequest(request: PushRequest, bytes: number, { metrics, book }: DoorDeps): void {
  const { tally, source, subject } = request
  const { door, meter } = source
  meter.events(1, bytes, tally.newestMs === Number.NEGATIVE_INFINITY ? Number.NaN : tally.newestMs)
  metrics.bytes.inc({ door }, bytes)
  for (const [reason, { count, detail }] of tally.reasons) {
    metrics.refused.inc({ door, reason }, Math.max(1, count))
    meter.refused(reason, detail, subject, Math.max(1, count))
  }
  for (const [reason, count] of tally.skipped) {
    metrics.skipped.inc({ door, reason }, count)
    meter.filtered(reason, count)
  }
  meter.series(book.sizeOf(source.tenant, source.id))
}
