import type { IncomingMessage } from 'node:http'
import { create, type DescMessage, type MessageShape, toBinary, toJsonString } from '@bufbuild/protobuf'
import { AppError } from '@driftline/platform/errors'
import {
  ExportLogsServiceResponseSchema,
  ExportMetricsServiceResponseSchema,
  StatusSchema,
} from '@driftline/proto/otlp'
import { status as grpcStatus } from '@grpc/grpc-js'
import type { DoorCall, HttpDoor } from '../door.ts'
import { type Answer, problemJson, unavailable } from '../http/answers.ts'
import { encodingOf, mediaTypeOf, type RequestProblem, readWhole } from '../http/body.ts'
import { logsFromJson, metricsFromJson } from './from-json.ts'
import { type Export, type Signal, takeExport, takeMalformed } from './take-export.ts'

const PROTOBUF = 'application/x-protobuf'
const JSON_TYPE = 'application/json'
/** Parsed JSON takes many times its size in memory. */
const JSON_BYTES_MAX = 16 * 1024 * 1024

const codes: Readonly<Partial<Record<RequestProblem['status'], grpcStatus>>> = {
  400: grpcStatus.INVALID_ARGUMENT,
  401: grpcStatus.UNAUTHENTICATED,
  403: grpcStatus.PERMISSION_DENIED,
  413: grpcStatus.RESOURCE_EXHAUSTED,
  429: grpcStatus.RESOURCE_EXHAUSTED,
  503: grpcStatus.UNAVAILABLE,
}

/** `POST /v1/metrics` or `/v1/logs`: OTLP/HTTP, in protobuf or JSON; answers in the encoding of the request. */
export function createOtlpDoor(signal: Signal): HttpDoor {
  return {
    path: `/v1/${signal}`,
    door: 'otlp',
    refuse: (incoming) => refuseAs(mediaTypeOf(incoming)),
    async take(incoming, call): Promise<Answer> {
      const type = mediaTypeOf(incoming)
      if (type !== PROTOBUF && type !== JSON_TYPE) {
        const detail = `content-type is ${PROTOBUF} or ${JSON_TYPE}, not ${type.slice(0, 50) || 'missing'}`
        return problemJson({ status: 415, reason: 'type_unsupported', detail })
      }
      const refuse = refuseAs(type)
      const body = await readBody(incoming, type, call)
      if ('status' in body) return refuse(body, {})
      try {
        const taken = await takeBody(signal, type, body, call)
        if (taken.problem !== null) return refuse({ status: 400, ...taken.problem }, {})
        return responseOf(signal, type, taken)
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        call.deps.logger.warn({ error, source: call.source.id }, 'could not publish what was pushed')
        return refuse(unavailable, {})
      }
    },
  }
}

async function readBody(incoming: IncomingMessage, type: string, call: DoorCall): Promise<Buffer | RequestProblem> {
  const encoding = encodingOf(incoming)
  if (typeof encoding !== 'string') return encoding
  const { config } = call.deps
  const decodedBytesMax = type === JSON_TYPE ? Math.min(JSON_BYTES_MAX, config.decodedBytesMax) : config.decodedBytesMax
  return readWhole(incoming, encoding, { ...config, decodedBytesMax }, call.admitted)
}

async function takeBody(signal: Signal, type: string, body: Buffer, call: DoorCall): Promise<Export> {
  if (type === PROTOBUF) return takeExport(signal, body, call)
  const bytes = signal === 'metrics' ? metricsFromJson(body.toString()) : logsFromJson(body.toString())
  if (bytes instanceof Uint8Array) return takeExport(signal, bytes, call)
  await takeMalformed(bytes, body, call)
  return { problem: bytes }
}

/** Not set when all was accepted, as OTLP asks for. */
function responseOf(signal: Signal, type: string, { rejected, message }: Export & { problem: null }): Answer {
  const outcome = rejected === 0 ? 'accepted' : 'partial'
  const count = BigInt(rejected)
  if (signal === 'metrics') {
    const partialSuccess = { rejectedDataPoints: count, errorMessage: message }
    const response = create(ExportMetricsServiceResponseSchema, rejected === 0 ? {} : { partialSuccess })
    return encoded(ExportMetricsServiceResponseSchema, response, type, 200, outcome)
  }
  const partialSuccess = { rejectedLogRecords: count, errorMessage: message }
  const response = create(ExportLogsServiceResponseSchema, rejected === 0 ? {} : { partialSuccess })
  return encoded(ExportLogsServiceResponseSchema, response, type, 200, outcome)
}

/** Errors are google.rpc.Status in the encoding of the request. */
function refuseAs(type: string) {
  return ({ status, reason, detail }: RequestProblem, headers: Readonly<Record<string, string>> = {}): Answer => {
    const message = create(StatusSchema, {
      code: codes[status] ?? grpcStatus.INVALID_ARGUMENT,
      message: `${reason}: ${detail}`,
    })
    return { ...encoded(StatusSchema, message, type === PROTOBUF ? type : JSON_TYPE, status, reason), headers }
  }
}

function encoded<T extends DescMessage>(
  schema: T,
  message: MessageShape<T>,
  type: string,
  status: number,
  outcome: string,
): Answer {
  const body = type === PROTOBUF ? toBinary(schema, message) : toJsonString(schema, message)
  return { status, contentType: type, body, outcome }
}
