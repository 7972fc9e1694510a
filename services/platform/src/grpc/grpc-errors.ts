import { Metadata, type ServerErrorResponse, status } from '@grpc/grpc-js'
import { AppError, type ErrorCode } from '../errors.ts'

const statusOf: Readonly<Partial<Record<ErrorCode, status>>> = {
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  rate_limited: status.RESOURCE_EXHAUSTED,
  not_found: status.NOT_FOUND,
  value_invalid: status.INVALID_ARGUMENT,
  record_too_large: status.INVALID_ARGUMENT,
  metadata_conflict: status.ABORTED,
  timeout: status.DEADLINE_EXCEEDED,
}

/** How an error is told to a peer: AppErrors by their code, any other as INTERNAL without its text. */
export function grpcError(error: unknown, retryAfterMs: number): ServerErrorResponse {
  if (!(error instanceof AppError)) return grpcStatus(status.INTERNAL, 'internal error')
  const code = statusOf[error.code] ?? (error.retryable ? status.UNAVAILABLE : status.INTERNAL)
  return grpcStatus(code, error.message, code === status.UNAVAILABLE ? retryAfterMs : undefined)
}

/** A status to end a call with. `retryAfterMs` is told in the trailer that gRPC retry policies read. */
export function grpcStatus(code: status, details: string, retryAfterMs?: number): ServerErrorResponse {
  const metadata = new Metadata()
  if (retryAfterMs !== undefined) metadata.set('grpc-retry-pushback-ms', String(Math.round(retryAfterMs)))
  return Object.assign(new Error(details), { code, details, metadata })
}

/** The token of `authorization: Bearer <token>`; null when there is none, or more than one header. */
export function bearerToken(metadata: Metadata): string | null {
  const [header, ...more] = metadata.get('authorization')
  if (typeof header !== 'string' || more.length > 0) return null
  return /^Bearer ([\x21-\x7e]{1,4096})$/i.exec(header)?.[1] ?? null
}
