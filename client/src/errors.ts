import { type ServiceError, status } from '@grpc/grpc-js'
import type { DriftlineErrorCode } from './types.ts'

/** An operation that failed: `code` is stable, the message is for people. */
export class DriftlineError extends Error {
  readonly code: DriftlineErrorCode
  /** Whether the same call may succeed later. */
  readonly retryable: boolean

  constructor(code: DriftlineErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'DriftlineError'
    this.code = code
    this.retryable = code === 'unavailable' || code === 'timeout' || code === 'rate_limited'
  }
}

const codes: Readonly<Partial<Record<status, DriftlineErrorCode>>> = {
  [status.NOT_FOUND]: 'not_found',
  [status.INVALID_ARGUMENT]: 'invalid_argument',
  [status.UNAUTHENTICATED]: 'unauthenticated',
  [status.PERMISSION_DENIED]: 'forbidden',
  [status.RESOURCE_EXHAUSTED]: 'rate_limited',
  [status.UNAVAILABLE]: 'unavailable',
  [status.CANCELLED]: 'unavailable',
  [status.DEADLINE_EXCEEDED]: 'timeout',
}

export function toDriftlineError(cause: ServiceError): DriftlineError {
  return new DriftlineError(codes[cause.code] ?? 'internal', cause.details || cause.message, { cause })
}
