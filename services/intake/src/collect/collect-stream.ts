import { create } from '@bufbuild/protobuf'
import type { DeadLetters } from '@driftline/ingest/dead-letters'
import type { OrderedPublisher } from '@driftline/ingest/ordered-publisher'
import { seriesRecords } from '@driftline/ingest/series-records'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import { grpcError, grpcStatus } from '@driftline/platform/grpc/grpc-errors'
import type { Logger } from '@driftline/platform/logger'
import { type AgentHello, type CollectResponse, CollectResponseSchema } from '@driftline/proto'
import { type ServerDuplexStream, type ServerErrorResponse, status } from '@grpc/grpc-js'
import type { IntakeMetrics } from '../intake-metrics.ts'
import type { IntakeLimits } from '../limits.ts'
import { keyOf, type StreamOrigin } from '../publish/records.ts'
import type { StreamState } from './admit.ts'
import type { SourceLanes } from './source-lanes.ts'
import { type Reply, type Turn, takeTurn } from './turn.ts'

export interface CollectConfig {
  readonly limits: IntakeLimits
  /** Batches that the peer may send and not yet see acknowledged; beyond it the stream is not read. */
  readonly window: number
  /** Bytes that wait in this stream before it is not read. */
  readonly queueBytesMax: number
  /** When a publish takes longer, the peer is told to come back later. Milliseconds. */
  readonly publishTimeoutMs: number
  /** How long a peer is asked to stay away after the bus has failed, milliseconds. */
  readonly retryAfterMs: number
  /** A stream says hello within this time, milliseconds. */
  readonly helloTimeoutMs: number
  /** Definitions are told again this often, so that they outlive the retention of the topic. Milliseconds. */
  readonly redefineMs: number
}

export interface CollectDeps {
  readonly bus: Bus
  readonly series: OrderedPublisher
  /** Of this stream alone: it carries the stream's allowance. */
  readonly deadLetters: DeadLetters
  readonly lanes: SourceLanes
  readonly metrics: IntakeMetrics
  readonly logger: Logger
  readonly clock: Clock
  /** Told after each publish whether the bus took it. */
  onPublished(confirmed: boolean): void
}

export type CollectCall = ServerDuplexStream<Buffer, CollectResponse>

/** One agent's stream while it is served. */
export interface CollectStream {
  /** Ends the stream with a status, or with OK for null. */
  end(error: ServerErrorResponse | null): void
  /** Resolves when the stream has ended and the bus has settled what it had in flight. */
  readonly closed: Promise<void>
}

interface Session {
  readonly call: CollectCall
  readonly state: StreamState
  readonly config: CollectConfig
  readonly deps: CollectDeps
  readonly queue: Buffer[]
  queuedBytes: number
  origin: StreamOrigin
  working: boolean
  halfClosed: boolean
  ended: boolean
  /** Settles when nothing of this stream is on its way to the bus. */
  inFlight: Promise<unknown>
  definedAtMs: number
  readonly closed: Promise<void>
  readonly close: () => void
  helloTimer: NodeJS.Timeout | undefined
}

/**
 * Serves a stream: messages wait in a bounded queue, are judged in order, published in turns, and answered only when
 * they are durable. One turn at a time keeps the order of the source.
 */
export function serveCollect(
  call: CollectCall,
  state: StreamState,
  config: CollectConfig,
  deps: CollectDeps,
): CollectStream {
  let close = (): void => {}
  const closed = new Promise<void>((resolve) => {
    close = resolve
  })
  const session: Session = {
    call,
    state,
    config,
    deps,
    queue: [],
    queuedBytes: 0,
    origin: { tenant: state.tenant, host: 'unknown', source: 'unknown' },
    working: false,
    halfClosed: false,
    ended: false,
    inFlight: Promise.resolve(),
    definedAtMs: deps.clock.nowMs(),
    closed,
    close,
    helloTimer: undefined,
  }
  session.helloTimer = setTimeout(
    () => endStream(session, grpcStatus(status.DEADLINE_EXCEEDED, 'no hello in time')),
    config.helloTimeoutMs,
  )
  call.on('data', (bytes: Buffer) => receive(session, bytes))
  call.on('end', () => {
    session.halfClosed = true
    void work(session)
  })
  call.on('cancelled', () => endStream(session, null))
  call.on('error', () => endStream(session, null))
  return { end: (error) => endStream(session, error), closed }
}

function receive(session: Session, bytes: Buffer): void {
  if (session.ended) return
  session.deps.metrics.bytes.inc(bytes.length)
  session.queue.push(bytes)
  session.queuedBytes += bytes.length
  // Unread messages make HTTP/2 flow control hold the peer back, whatever window it keeps to.
  if (!hasRoom(session)) session.call.pause()
  void work(session)
}

function hasRoom({ queue, queuedBytes, config }: Session): boolean {
  return queue.length < config.window && queuedBytes < config.queueBytesMax
}

async function work(session: Session): Promise<void> {
  if (session.working) return
  session.working = true
  const { queue, call, config, state, deps } = session
  while (queue.length > 0 && !session.ended) {
    const turn = takeTurn(queue, { limits: config.limits, state, origin: session.origin }, deps.clock.nowMs())
    session.queuedBytes -= turn.bytes
    await (turn.hello === null ? settle(session, turn) : greet(session, turn.hello))
    if (call.isPaused() && hasRoom(session)) call.resume()
  }
  session.working = false
  if (session.halfClosed && !session.ended) endStream(session, null)
}

async function greet(session: Session, hello: AgentHello): Promise<void> {
  clearTimeout(session.helloTimer)
  const { config, deps, state } = session
  session.origin = { tenant: state.tenant, host: hello.host, source: hello.source }
  const laneFree = deps.lanes.take(`${state.tenant}\n${hello.source}`, {
    supersede: () => supersede(session),
    closed: session.closed,
  })
  session.inFlight = laneFree
  try {
    await withTimeout(laneFree, config.publishTimeoutMs)
    send(session, { case: 'welcome', value: { $typeName: 'driftline.v1.Welcome', window: config.window } })
  } catch (error) {
    endStream(session, grpcError(error, config.retryAfterMs))
  }
}

function supersede(session: Session): void {
  session.deps.metrics.superseded.inc()
  session.deps.logger.warn({ ...session.origin }, 'a newer stream of the same source ended this one')
  endStream(session, grpcStatus(status.ABORTED, 'a newer stream of this source took over'))
}

async function settle(session: Session, turn: Turn): Promise<void> {
  const { config, deps } = session
  const publishing = publish(session, turn)
  session.inFlight = publishing
  try {
    await withTimeout(publishing, config.publishTimeoutMs)
  } catch (error) {
    deps.metrics.publishFailures.inc()
    deps.onPublished(false)
    deps.logger.warn({ error, ...session.origin }, 'could not publish; the agent is asked to come back')
    endStream(session, grpcError(error, config.retryAfterMs))
    return
  }
  count(deps, turn)
  for (const reply of turn.replies) send(session, reply)
  if (turn.violation === null) return
  deps.metrics.violations.inc()
  endStream(session, grpcStatus(status.INVALID_ARGUMENT, `${turn.violation.reason}: ${turn.violation.detail}`))
}

async function publish(session: Session, turn: Turn): Promise<void> {
  const { deps, origin, state, config } = session
  const nowMs = deps.clock.nowMs()
  const due = nowMs - session.definedAtMs >= config.redefineMs
  const series = due ? state.series.all().map((each) => ({ ...each, definedAtMs: BigInt(nowMs) })) : turn.series
  if (series.length > 0) await deps.series.publish(seriesRecords({ tenant: origin.tenant, key: keyOf(origin) }, series))
  if (due) session.definedAtMs = nowMs
  if (turn.records.length > 0) {
    const stopTimer = deps.metrics.publishSeconds.startTimer()
    await deps.bus.publish(turn.records)
    stopTimer()
    deps.onPublished(true)
  }
  const letterOrigin = { tenant: origin.tenant, source: origin.source, key: keyOf(origin) }
  for (const { refused, payload } of turn.deadLetters) {
    await deps.deadLetters.add(letterOrigin, refused, payload, nowMs)
  }
}

function count({ metrics, clock }: CollectDeps, turn: Turn): void {
  const nowMs = clock.nowMs()
  for (const batch of turn.accepted) {
    metrics.batches.inc()
    metrics.samples.inc(batch.sampleCount)
    metrics.droppedSamples.inc(batch.droppedSamples)
    metrics.durableSeconds.observe(Math.max(0, nowMs - batch.timeMs) / 1000)
  }
  for (const reply of turn.replies) if (reply.case === 'refusal') metrics.refused.inc({ reason: reply.value.reason })
}

function send(session: Session, message: Reply): void {
  if (!session.ended) session.call.write(create(CollectResponseSchema, { message }))
}

function endStream(session: Session, error: ServerErrorResponse | null): void {
  if (session.ended) return
  session.ended = true
  session.queue.length = 0
  clearTimeout(session.helloTimer)
  void session.inFlight.then(session.close, session.close)
  if (error === null) session.call.end()
  else session.call.emit('error', error)
}

async function withTimeout(promise: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new AppError('bus_unavailable', `not stored within ${timeoutMs} ms`, { retryable: true })
    timer = setTimeout(() => reject(error), timeoutMs)
  })
  try {
    await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
