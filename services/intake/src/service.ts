import { randomInt } from 'node:crypto'
import { createDeadLetters, letterAllowance } from '@driftline/ingest/dead-letters'
import { createOrderedPublisher } from '@driftline/ingest/ordered-publisher'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import { bearerToken, grpcError, grpcStatus } from '@driftline/platform/grpc/grpc-errors'
import { createGrpcHealth } from '@driftline/platform/grpc/grpc-health'
import { createGrpcServer, type GrpcServiceBinding } from '@driftline/platform/grpc/grpc-server'
import { grpcService } from '@driftline/platform/grpc/grpc-service'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { IntakeService } from '@driftline/proto'
import { type ServerErrorResponse, status } from '@grpc/grpc-js'
import { createStreamState } from './collect/admit.ts'
import { type CollectCall, type CollectConfig, type CollectStream, serveCollect } from './collect/collect-stream.ts'
import { createSourceLanes } from './collect/source-lanes.ts'
import type { AgentDoorConfig } from './config.ts'
import { createIntakeMetrics } from './intake-metrics.ts'

/** Whose key it is, as far as the intake cares. */
export interface IntakePrincipal {
  readonly tenant: string
  readonly permissions: { has(permission: 'ingest'): boolean }
}

export interface IntakeDeps {
  readonly bus: Bus
  /** Who a key belongs to; null for none. Errors are told to the agent as UNAVAILABLE when they are retryable. */
  readonly access: { authenticate(token: string): Promise<IntakePrincipal | null> }
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
  /** Other services that answer on the same port. */
  readonly services?: readonly GrpcServiceBinding[]
}

/** The gRPC door for agents. `port()` answers after the start. */
export interface Intake extends Component {
  port(): number
}

const MESSAGE_BYTES_MAX = 16 * 1024 * 1024
const STOP_GRACE_MS = 3000
const RETRY_AFTER_MS = 1000
const SHUT_AFTER_FAILURE_MS = 5000
const REAUTHENTICATE_MS = 60_000
const DEAD_LETTER_ALLOWANCE = { service: 'intake', ...letterAllowance }

export function createIntake(config: AgentDoorConfig, deps: IntakeDeps): Intake {
  const names = [IntakeService.typeName, ...(deps.services ?? []).map(nameOf)]
  const health = createGrpcHealth(names)
  const streams = new Set<CollectStream>()
  const setServing = (serving: boolean): void => {
    for (const name of ['', ...names]) health.set(name, serving)
  }
  let recovery: NodeJS.Timeout | undefined
  const collect = createCollect(config, deps, streams, (confirmed) => {
    clearTimeout(recovery)
    setServing(confirmed)
    // Nobody may come to a door that says it is shut, so it opens again by itself to be tried.
    if (!confirmed) recovery = setTimeout(() => setServing(true), SHUT_AFTER_FAILURE_MS).unref()
  })
  const service = {
    definition: grpcService(IntakeService, { rawRequests: ['Collect'] }),
    implementation: { collect: (call: CollectCall) => void collect(call) },
  }
  const server = createGrpcServer(
    {
      name: 'intake',
      bind: config.bind,
      port: config.grpcPort,
      tls: config.tls,
      maxMessageBytes: MESSAGE_BYTES_MAX,
      maxConcurrentCalls: 100,
      stopGraceMs: STOP_GRACE_MS,
    },
    [service, health, ...(deps.services ?? [])],
  )
  return {
    name: 'intake',
    port: server.port,
    async start() {
      await server.start()
      if (config.tls === null && !isLoopback(config.bind)) {
        deps.logger.warn({ bind: config.bind }, 'agents are served without encryption beyond this machine')
      }
      setServing(true)
      deps.logger.info({ bind: config.bind, port: server.port() }, 'agents may connect')
    },
    async stop() {
      clearTimeout(recovery)
      setServing(false)
      health.endWatches()
      const closing = [...streams]
      for (const stream of closing) stream.end(grpcStatus(status.UNAVAILABLE, 'the intake stops', RETRY_AFTER_MS))
      await server.stop()
      await Promise.race([Promise.all(closing.map((stream) => stream.closed)), delay(STOP_GRACE_MS)])
    },
  }
}

/** Full name of a service, which the paths of its methods begin with. */
function nameOf({ definition }: GrpcServiceBinding): string {
  return Object.values(definition)[0]?.path.split('/')[1] ?? ''
}

type Collect = (call: CollectCall) => Promise<void>

function createCollect(
  config: AgentDoorConfig,
  deps: IntakeDeps,
  streams: Set<CollectStream>,
  onPublished: (confirmed: boolean) => void,
): Collect {
  const metrics = createIntakeMetrics(deps.metrics)
  const lanes = createSourceLanes()
  const own = { source: config.instance, epoch: deps.clock.nowMs() }
  const series = createOrderedPublisher(own, deps.bus)
  const letters = createOrderedPublisher(own, deps.bus)
  const collectConfig = collectConfigOf(config)

  return async (call) => {
    if (streams.size >= config.streamsMax) {
      return refuseCall(call, grpcStatus(status.RESOURCE_EXHAUSTED, 'too many agents are connected', RETRY_AFTER_MS))
    }
    const admitted = await authorize(call, deps)
    if ('refusal' in admitted) {
      metrics.unauthenticated.inc()
      return refuseCall(call, admitted.refusal)
    }
    if (call.cancelled) return
    const state = createStreamState(admitted.tenant, config.limits, randomInt(2 ** 32))
    const deadLetters = createDeadLetters(DEAD_LETTER_ALLOWANCE, { publisher: letters, metrics: deps.metrics })
    const stream = serveCollect(call, state, collectConfig, {
      bus: deps.bus,
      series,
      deadLetters,
      lanes,
      metrics,
      logger: deps.logger,
      clock: deps.clock,
      onPublished,
    })
    streams.add(stream)
    metrics.streams.set(streams.size)
    const recheck = setInterval(() => void endUnlessAuthorized(call, stream, deps, admitted.tenant), REAUTHENTICATE_MS)
    await stream.closed
    clearInterval(recheck)
    streams.delete(stream)
    metrics.streams.set(streams.size)
  }
}

function collectConfigOf(config: AgentDoorConfig): CollectConfig {
  return {
    limits: config.limits,
    window: config.window,
    queueBytesMax: 2 * MESSAGE_BYTES_MAX,
    publishTimeoutMs: 15_000,
    retryAfterMs: RETRY_AFTER_MS,
    helloTimeoutMs: 10_000,
    redefineMs: 12 * 3_600_000,
  }
}

type Authorization = { readonly tenant: string } | { readonly refusal: ServerErrorResponse }

/** Deny by default: no key, an unknown key and a key without the permission are all kept out. */
async function authorize(call: CollectCall, deps: IntakeDeps): Promise<Authorization> {
  const token = bearerToken(call.metadata)
  if (token === null) {
    return { refusal: grpcStatus(status.UNAUTHENTICATED, 'send metadata authorization: Bearer <API key>') }
  }
  try {
    const principal = await deps.access.authenticate(token)
    if (principal === null) return { refusal: grpcStatus(status.UNAUTHENTICATED, 'the API key is not valid') }
    if (principal.permissions.has('ingest')) return { tenant: principal.tenant }
    return { refusal: grpcStatus(status.PERMISSION_DENIED, 'the API key may not send data: it lacks "ingest"') }
  } catch (error) {
    deps.logger.warn({ error }, 'could not check an API key')
    return { refusal: grpcError(error, RETRY_AFTER_MS) }
  }
}

/** A key that was revoked ends its stream. While keys cannot be checked, streams that are open go on. */
async function endUnlessAuthorized(
  call: CollectCall,
  stream: CollectStream,
  deps: IntakeDeps,
  tenant: string,
): Promise<void> {
  const again = await authorize(call, deps)
  if ('tenant' in again ? again.tenant === tenant : again.refusal.code === status.UNAVAILABLE) return
  stream.end('refusal' in again ? again.refusal : grpcStatus(status.UNAUTHENTICATED, 'the API key changed'))
}

function refuseCall(call: CollectCall, error: ServerErrorResponse): void {
  call.on('error', () => {})
  call.emit('error', error)
}

function isLoopback(bind: string): boolean {
  return bind === 'localhost' || bind === '::1' || bind.startsWith('127.')
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
