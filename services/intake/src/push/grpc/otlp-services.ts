import { create, toBinary } from '@bufbuild/protobuf'
import { anyPack, DurationSchema } from '@bufbuild/protobuf/wkt'
import { AppError } from '@driftline/platform/errors'
import type { GrpcServiceBinding } from '@driftline/platform/grpc/grpc-server'
import { grpcService } from '@driftline/platform/grpc/grpc-service'
import {
  type ExportLogsServiceResponse,
  ExportLogsServiceResponseSchema,
  type ExportMetricsServiceResponse,
  ExportMetricsServiceResponseSchema,
  LogsService,
  MetricsService,
  RetryInfoSchema,
  StatusSchema,
} from '@driftline/proto/otlp'
import { Metadata, type ServerErrorResponse, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js'
import type { DoorCall, NotRun } from '../door.ts'
import type { Entry } from '../doorkeeper.ts'
import { type Export, type Signal, takeExport } from '../otlp/take-export.ts'

type Response = ExportMetricsServiceResponse | ExportLogsServiceResponse
type Call = ServerUnaryCall<Buffer, Response>

/** What the services need of the push doors. */
export interface OtlpHost {
  admit(authorization: string | undefined, address: string): Promise<Entry>
  /** Lets a call in that holds so many bytes, and runs `work`. */
  run<T>(
    entry: Entry & { kind: 'in' },
    subject: string,
    bytes: number,
    work: (call: DoorCall) => Promise<T>,
  ): Promise<T | NotRun>
  count(answer: string): void
  readonly retryAfterMs: number
}

/** OTLP/gRPC: `MetricsService/Export` and `LogsService/Export`, for the intake's gRPC port. */
export function createOtlpServices(host: OtlpHost): GrpcServiceBinding[] {
  return [
    {
      definition: grpcService(MetricsService, { rawRequests: ['Export'] }),
      implementation: {
        export: (call: Call, reply: sendUnaryData<Response>) => void answer('metrics', call, reply, host),
      },
    },
    {
      definition: grpcService(LogsService, { rawRequests: ['Export'] }),
      implementation: {
        export: (call: Call, reply: sendUnaryData<Response>) => void answer('logs', call, reply, host),
      },
    },
  ]
}

const refusals = {
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  rate_limited: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
} as const

async function answer(signal: Signal, call: Call, reply: sendUnaryData<Response>, host: OtlpHost): Promise<void> {
  try {
    const response = await take(signal, call, host)
    if (response instanceof Error) reply(response)
    else reply(null, response)
  } catch (error) {
    host.count('failed')
    // A retryable failure of the bus, or of anything else, is not told in detail to a peer.
    const code = error instanceof AppError ? status.UNAVAILABLE : status.INTERNAL
    const text = error instanceof AppError ? 'what was sent cannot be stored now' : 'internal error'
    reply(refusal(code, text, host.retryAfterMs))
  }
}

async function take(signal: Signal, call: Call, host: OtlpHost): Promise<Response | ServerErrorResponse> {
  const [authorization, ...more] = call.metadata.get('authorization')
  const header = more.length === 0 && typeof authorization === 'string' ? authorization : undefined
  const entry = await host.admit(header, addressOf(call.getPeer()))
  if (entry.kind === 'out') {
    host.count(entry.reason)
    return refusal(refusals[entry.reason], entry.detail, host.retryAfterMs)
  }
  const bytes = call.request
  const taken = await host.run(entry, `/v1/${signal}`, bytes.length, (door) => takeExport(signal, bytes, door))
  if (typeof taken === 'string') {
    host.count(taken)
    if (taken === 'switched_off') {
      return refusal(status.PERMISSION_DENIED, 'the source of this key is switched off', host.retryAfterMs)
    }
    return refusal(status.RESOURCE_EXHAUSTED, 'too much is on its way at once', host.retryAfterMs)
  }
  if (taken.problem !== null) {
    host.count(taken.problem.reason)
    return refusal(status.INVALID_ARGUMENT, `${taken.problem.reason}: ${taken.problem.detail}`, host.retryAfterMs)
  }
  host.count(taken.rejected === 0 ? 'accepted' : 'partial')
  return responseOf(signal, taken)
}

/** The port changes with each connection, and is no part of who somebody is. */
function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '')
}

function responseOf(signal: Signal, { rejected, message }: Export & { problem: null }): Response {
  const count = BigInt(rejected)
  if (signal === 'metrics') {
    const partialSuccess = { rejectedDataPoints: count, errorMessage: message }
    return create(ExportMetricsServiceResponseSchema, rejected === 0 ? {} : { partialSuccess })
  }
  const partialSuccess = { rejectedLogRecords: count, errorMessage: message }
  return create(ExportLogsServiceResponseSchema, rejected === 0 ? {} : { partialSuccess })
}

/** What can be sent again later says when, in the detail that OTLP's exporters read. */
function refusal(code: status, details: string, retryAfterMs: number): ServerErrorResponse {
  const metadata = new Metadata()
  if (code === status.UNAVAILABLE || code === status.RESOURCE_EXHAUSTED) {
    const retryDelay = create(DurationSchema, { seconds: BigInt(Math.ceil(retryAfterMs / 1000)) })
    const retry = anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay }))
    const bytes = toBinary(StatusSchema, create(StatusSchema, { code, message: details, details: [retry] }))
    metadata.set('grpc-status-details-bin', Buffer.from(bytes))
  }
  return Object.assign(new Error(details), { code, details, metadata })
}
