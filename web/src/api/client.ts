import { format } from '../format.ts'
import { withLocalTimes } from './local-times.ts'

/** Problem document of RFC 9457, as the gateway answers every error. */
export interface Problem {
  readonly type?: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  /** Our own member: the stable code of the error. */
  readonly code?: string
  /** Every field that was refused; of an expression also where in it. */
  readonly errors?: readonly FieldError[]
}

export interface FieldError {
  /** Path of the field, such as `expressions.0.expression`. */
  readonly parameter: string
  readonly reason: string
  readonly offset?: number
  readonly length?: number
}

/** What failed and why; `status` 0 means that the server was not reached at all. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly errors: readonly FieldError[]

  constructor(problem: Problem) {
    super(problem.title)
    this.name = 'ApiError'
    this.status = problem.status
    this.code = problem.code ?? ''
    this.detail = problem.detail ?? ''
    this.errors = problem.errors ?? []
  }
}

/** A list as the API pages it. */
export interface Page<T> {
  readonly items: T[]
  readonly nextCursor: string | null
}

type Query = Record<string, string | number | boolean | null | undefined>

interface CallOptions {
  query?: Query
  signal?: AbortSignal
  /** A 401 here is an answer about a password, not the end of the session. */
  expectUnauthorised?: boolean
  /** What people and machines wrote, such as log lines and payloads: no time in it is turned into local time. */
  verbatim?: boolean
}

async function toProblem(response: Response): Promise<Problem> {
  const fallback = { title: `The server answered ${response.status}`, status: response.status }
  if (!response.headers.get('content-type')?.includes('json')) return fallback
  try {
    return { ...fallback, ...((await response.json()) as Partial<Problem>) }
  } catch {
    return fallback
  }
}

function address(path: string, query?: Query): string {
  const url = path.startsWith('/api/') ? path : `/api/v1${path}`
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== '') params.set(key, String(value))
  }
  const text = params.toString()
  return text ? `${url}${url.includes('?') ? '&' : '?'}${text}` : url
}

/** Typed calls to the gateway; paths are relative to `/api/v1`. Throws ApiError, or the AbortError of `signal`. */
function createApi(fetcher: typeof fetch) {
  let unauthorised: () => void = () => {}

  async function call<T>(method: string, path: string, body: unknown, options: CallOptions = {}): Promise<T> {
    let response: Response
    try {
      response = await fetcher(address(path, options.query), {
        method,
        credentials: 'same-origin',
        headers:
          body === undefined
            ? { accept: 'application/json' }
            : { accept: 'application/json', 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(options.signal ? { signal: options.signal } : {}),
      })
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error
      throw new ApiError({
        title: 'The server cannot be reached',
        status: 0,
        detail: 'Live values go on as soon as it answers.',
      })
    }
    if (!response.ok) {
      if (response.status === 401 && !options.expectUnauthorised) unauthorised()
      throw new ApiError(await toProblem(response))
    }
    if (response.status === 204 || response.headers.get('content-length') === '0') return undefined as T
    const text = await response.text()
    return JSON.parse(options.verbatim ? text : withLocalTimes(text, format, Date.now())) as T
  }

  return {
    get: <T>(path: string, options?: CallOptions) => call<T>('GET', path, undefined, options),
    post: <T>(path: string, body?: unknown, options?: CallOptions) => call<T>('POST', path, body ?? {}, options),
    put: <T>(path: string, body: unknown, options?: CallOptions) => call<T>('PUT', path, body, options),
    patch: <T>(path: string, body: unknown, options?: CallOptions) => call<T>('PATCH', path, body, options),
    delete: <T>(path: string, options?: CallOptions) => call<T>('DELETE', path, undefined, options),
    /** Called whenever a session turned out to be over. */
    onUnauthorised(handler: () => void): void {
      unauthorised = handler
    },
  }
}

export const api = createApi((input, init) => fetch(input, init))

/** Any thrown thing in words for people: what failed, and why where the server said it. */
export function describeError(error: unknown): { title: string; detail: string; status: number } {
  if (error instanceof ApiError) return { title: error.message, detail: error.detail, status: error.status }
  return {
    title: 'Something in this page failed',
    detail: error instanceof Error ? error.message : String(error),
    status: -1,
  }
}
