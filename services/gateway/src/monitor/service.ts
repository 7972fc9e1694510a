import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf'
import { AppError } from '@driftline/platform/errors'
import { bearerToken, grpcError, grpcStatus } from '@driftline/platform/grpc/grpc-errors'
import { createGrpcHealth } from '@driftline/platform/grpc/grpc-health'
import { createGrpcServer, type GrpcServer } from '@driftline/platform/grpc/grpc-server'
import { grpcService } from '@driftline/platform/grpc/grpc-service'
import type { Logger } from '@driftline/platform/logger'
import {
  type AnalyzeProcessRequest,
  AnalyzeProcessResponseSchema,
  type DetectAnomaliesRequest,
  DetectAnomaliesResponseSchema,
  type ManageAlertsRequest,
  ManageAlertsResponseSchema,
  type MonitorProcessRequest,
  MonitorProcessResponseSchema,
  MonitorService,
  ProvideVisibilityResponseSchema,
  type TrackPerformanceRequest,
  TrackPerformanceResponseSchema,
} from '@driftline/proto'
import { type handleUnaryCall, type ServerUnaryCall, status } from '@grpc/grpc-js'
import type { z } from 'zod'
import { ProblemError } from '../http/problems.ts'
import type { analyticsResult, performanceMetrics } from '../schemas/analytics.ts'
import type { AlertItem, AnomalyItem, OperationalDashboard } from '../schemas/anomalies.ts'
import type { ProcessMetrics } from '../schemas/processes.ts'
import type { Caller, Desk, Question } from './ask.ts'
import {
  alertMessage,
  analysisMessage,
  anomalyMessage,
  metricsMessage,
  performanceMessage,
  visibilityMessage,
} from './messages.ts'

export interface MonitorConfig {
  readonly bind: string
  /** 0 picks a free port. */
  readonly port: number
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null
}

/** Requests are names and numbers. */
const REQUEST_BYTES_MAX = 64 * 1024
const CALLS_AT_ONCE_MAX = 100
const STOP_GRACE_MS = 1500
const RETRY_AFTER_MS = 1000

/** `driftline.v1.MonitorService` and `grpc.health.v1` on a port of their own. Errors of `start` as createGrpcServer. */
export function createMonitorServer(
  config: MonitorConfig,
  deps: { readonly desk: Desk; readonly logger: Logger },
): GrpcServer {
  const health = createGrpcHealth([MonitorService.typeName])
  const serving = (value: boolean): void => {
    health.set('', value)
    health.set(MonitorService.typeName, value)
  }
  const server = createGrpcServer(
    {
      name: 'monitor service',
      bind: config.bind,
      port: config.port,
      tls: config.tls === null ? null : { ...config.tls, clientCaFile: null },
      maxMessageBytes: REQUEST_BYTES_MAX,
      maxConcurrentCalls: CALLS_AT_ONCE_MAX,
      stopGraceMs: STOP_GRACE_MS,
    },
    [{ definition: grpcService(MonitorService), implementation: operations(deps) }, health],
  )
  return {
    ...server,
    async start() {
      await server.start()
      serving(true)
    },
    async stop() {
      serving(false)
      health.endWatches()
      await server.stop()
    },
  }
}

function operations({ desk, logger }: { readonly desk: Desk; readonly logger: Logger }) {
  /** Asks the desk, in the types that the route's schema promises. */
  const asking =
    (caller: Caller) =>
    async <T>(question: Question): Promise<T> =>
      (await desk.ask(caller, question)) as T

  const unary =
    <Q, D extends DescMessage>(
      answer: D,
      work: (ask: ReturnType<typeof asking>, request: Q) => Promise<MessageInitShape<D>>,
    ): handleUnaryCall<Q, unknown> =>
    (call: ServerUnaryCall<Q, unknown>, reply) => {
      const caller = { token: bearerToken(call.metadata), address: addressOf(call.getPeer()) }
      work(asking(caller), call.request).then(
        (message) => reply(null, create(answer, message)),
        (error: unknown) => reply(refusal(error, logger)),
      )
    }

  return {
    monitorProcess: unary(MonitorProcessResponseSchema, async (ask, { processId }: MonitorProcessRequest) => ({
      metrics: metricsMessage(
        await ask<ProcessMetrics>({ route: 'GET /api/v1/processes/{id}/metrics', params: { id: processId } }),
      ),
    })),
    trackPerformance: unary(TrackPerformanceResponseSchema, async (ask, request: TrackPerformanceRequest) =>
      performanceMessage(
        await ask<z.output<typeof performanceMetrics>>({
          route: 'GET /api/v1/processes/{id}/performance',
          params: { id: request.processId },
          query: texts({ from: request.fromMs, to: request.toMs, step: request.stepSeconds }),
        }),
      ),
    ),
    detectAnomalies: unary(DetectAnomaliesResponseSchema, async (ask, request: DetectAnomaliesRequest) => {
      const { items } = await ask<{ items: AnomalyItem[] }>({
        route: 'GET /api/v1/processes/{id}/anomalies',
        params: { id: request.processId },
        query: texts({ limit: request.limit }),
      })
      return { anomalies: items.map(anomalyMessage) }
    }),
    manageAlerts: unary(ManageAlertsResponseSchema, async (ask, { anomalyId }: ManageAlertsRequest) => ({
      alert: alertMessage(
        await ask<AlertItem>({ route: 'POST /api/v1/anomalies/{id}/alert', params: { id: anomalyId } }),
      ),
    })),
    analyzeProcess: unary(AnalyzeProcessResponseSchema, async (ask, request: AnalyzeProcessRequest) =>
      analysisMessage(
        await ask<z.output<typeof analyticsResult>>({
          route: 'GET /api/v1/processes/{id}/analysis',
          params: { id: request.processId },
          query: texts({ from: request.fromMs, to: request.toMs }),
        }),
      ),
    ),
    provideVisibility: unary(ProvideVisibilityResponseSchema, async (ask) =>
      visibilityMessage(await ask<OperationalDashboard>({ route: 'GET /api/v1/overview' })),
    ),
  }
}

/** What was given, as a query string would say it. */
function texts(values: Readonly<Record<string, bigint | number | undefined>>): Record<string, string> {
  const given = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([key, value]) => [key, String(value)]))
}

/** `ipv4:127.0.0.1:5000` or `ipv6:[::1]:5000` without port, for limits. */
function addressOf(peer: string): string {
  return peer.replace(/^ipv[46]:/, '').replace(/:\d+$/, '')
}

const statusOfProblem: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  409: status.FAILED_PRECONDITION,
  429: status.RESOURCE_EXHAUSTED,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
}

function refusal(error: unknown, logger: Logger) {
  if (error instanceof ProblemError) return grpcStatus(statusOfProblem[error.status] ?? status.INTERNAL, error.message)
  if (!(error instanceof AppError)) logger.error({ error }, 'an operation of the monitor service failed')
  return grpcError(error, RETRY_AFTER_MS)
}
