import { AppError, type ErrorCode } from '@driftline/platform/errors'
import type { z } from 'zod'
import type { Problem } from '../schemas/common.ts'

/** A refusal that a client sees as RFC 9457 problem details. */
export class ProblemError extends Error {
  readonly status: number
  readonly code: string
  readonly errors: Problem['errors']
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    detail: string,
    more: { errors?: Problem['errors']; headers?: Record<string, string> } = {},
  ) {
    super(detail)
    this.name = 'ProblemError'
    this.status = status
    this.code = code
    this.errors = more.errors
    this.headers = more.headers ?? {}
  }
}

const TITLES: Record<number, string> = {
  400: 'Bad request',
  401: 'Sign in first',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  406: 'Not acceptable',
  409: 'Conflict',
  413: 'Body too large',
  415: 'Unsupported media type',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Temporarily unavailable',
  504: 'Took too long',
}

const STATUS_OF_CODE: Partial<Record<ErrorCode, number>> = {
  not_found: 404,
  unauthenticated: 401,
  forbidden: 403,
  rate_limited: 429,
  metadata_conflict: 409,
  value_invalid: 400,
  record_too_large: 413,
  store_unavailable: 503,
  bus_unavailable: 503,
  metadata_unavailable: 503,
  hot_state_unavailable: 503,
  secret_unreadable: 503,
  disk_full: 503,
  stopped: 503,
  timeout: 504,
}

/** A parameter of the request is wrong; says which and why. The reason reads on from the parameter's name. */
export function badParameter(parameter: string, reason: string): ProblemError {
  return badParameters([{ parameter, reason }])
}

function badParameters(errors: NonNullable<Problem['errors']>): ProblemError {
  const detail = errors.map((each) => `${each.parameter} ${each.reason}`).join('; ')
  return new ProblemError(400, 'bad_request', detail, { errors })
}

/** What a schema refused, each with the name of its parameter or the path of its field. */
export function fromZod(error: z.ZodError, fallbackName: string): ProblemError {
  return badParameters(
    error.issues.flatMap((issue) => {
      const path = issue.path.map(String).join('.')
      if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ parameter: key, reason: 'is unknown' }))
      return [{ parameter: path === '' ? fallbackName : path, reason: issue.message }]
    }),
  )
}

export function notFound(what: string, id: string): ProblemError {
  return new ProblemError(404, 'not_found', `No ${what} ${JSON.stringify(id)} is known`)
}

/** Any error as what the client may know of it: unexpected ones keep their message to the log. */
export function toProblemError(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error
  if (error instanceof AppError) return fromAppError(error)
  const http = error as { status?: unknown; type?: unknown; message?: unknown }
  if (http.type === 'entity.parse.failed') return new ProblemError(400, 'invalid_json', 'The body is not valid JSON')
  if (http.type === 'entity.too.large')
    return new ProblemError(413, 'body_too_large', 'The body is larger than allowed')
  if (http.type === 'encoding.unsupported' || http.type === 'charset.unsupported') {
    return new ProblemError(415, 'unsupported_media_type', 'This encoding of the body is not supported')
  }
  // body-parser and the router raise plain errors with a 4xx status, such as a path that is not valid percent-encoding.
  if (typeof http.status === 'number' && http.status >= 400 && http.status < 500) {
    return new ProblemError(http.status, 'bad_request', 'The request is malformed')
  }
  return new ProblemError(500, 'internal', 'Something unexpected went wrong; the log has it under the request id')
}

function fromAppError(error: AppError): ProblemError {
  const status = STATUS_OF_CODE[error.code] ?? 500
  const headers: Record<string, string> = error.retryable ? { 'retry-after': '2' } : {}
  const detail = status === 500 ? 'Something unexpected went wrong; the log has it under the request id' : error.message
  return new ProblemError(status, status === 500 ? 'internal' : error.code, detail, { headers })
}

export function problemBody(error: ProblemError, instance?: string, requestId?: string): Problem {
  return {
    type: `/problems/${error.code.replaceAll('_', '-')}`,
    title: TITLES[error.status] ?? 'Error',
    status: error.status,
    detail: error.message,
    ...(instance === undefined ? {} : { instance }),
    code: error.code,
    ...(requestId === undefined ? {} : { requestId }),
    ...(error.errors === undefined ? {} : { errors: error.errors }),
  }
}
