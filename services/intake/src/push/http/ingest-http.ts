import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DoorCall, HttpDoor, NotRun } from '../door.ts'
import type { Entry } from '../doorkeeper.ts'
import type { PushMetrics } from '../push-metrics.ts'
import type { Answer } from './answers.ts'
import { problemJson } from './answers.ts'
import { type RequestProblem, underPressure } from './body.ts'

/** What the routes need of the push doors. */
export interface HttpHost {
  admit(authorization: string | undefined, address: string): Promise<Entry>
  /** Lets a call in and runs `work`. */
  run<T>(entry: Entry & { kind: 'in' }, door: HttpDoor, work: (call: DoorCall) => Promise<T>): Promise<T | NotRun>
  readonly metrics: PushMetrics
  readonly retryAfterMs: number
  fail(error: unknown): void
}

/**
 * Answers the routes of the push doors, and no others. Works as a listener of a server, or as a middleware before
 * anything reads the body: who sends is told by the key alone, never by a cookie.
 */
export type IngestHttp = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

const switchedOff: RequestProblem = {
  status: 403,
  reason: 'source_switched_off',
  detail: 'The source of this key and door is switched off; switch it on among the sources',
}

const statuses = { unauthenticated: 401, forbidden: 403, rate_limited: 429, unavailable: 503 } as const

export function createIngestHttp(doors: readonly HttpDoor[], host: HttpHost): IngestHttp {
  const byPath = new Map(doors.map((door) => [door.path, door]))
  return (request, response, next) => {
    const door = byPath.get((request.url ?? '/').split('?', 1)[0]!)
    if (door === undefined) {
      next()
      return
    }
    // The pattern of the route, for whoever counts requests by it.
    Object.assign(request, { route: { path: door.path } })
    answer(request, door, host)
      .catch((error: unknown): Answer => {
        host.fail(error)
        return { status: 500, contentType: 'text/plain', body: 'internal error\n', outcome: 'failed' }
      })
      .then((given) => send(response, given, door, host))
  }
}

async function answer(request: IncomingMessage, door: HttpDoor, host: HttpHost): Promise<Answer> {
  const refuse = (problem: RequestProblem, headers: Record<string, string> = {}): Answer =>
    door.refuse(request)(problem, headers)
  if (request.method !== 'POST') {
    const detail = `${request.method} is not possible here; try POST`
    return problemJson({ status: 405, reason: 'method_not_allowed', detail }, { allow: 'POST' })
  }
  const { ip } = request as { readonly ip?: string }
  const entry = await host.admit(request.headers.authorization, ip ?? request.socket.remoteAddress ?? '')
  if (entry.kind === 'out') {
    const { reason, detail } = entry
    const headers: Record<string, string> =
      reason === 'unauthenticated' ? { 'www-authenticate': 'Bearer realm="driftline", Basic realm="driftline"' } : {}
    return refuse({ status: statuses[reason], reason, detail }, headers)
  }
  const given = await host.run(entry, door, (call) => door.take(request, call))
  if (given === 'under_pressure') return refuse(underPressure)
  return given === 'switched_off' ? refuse(switchedOff) : given
}

function send(response: ServerResponse, given: Answer, { door }: HttpDoor, { metrics, retryAfterMs }: HttpHost): void {
  metrics.requests.inc({ door, answer: given.outcome })
  if (response.headersSent || response.destroyed) return
  const retry = given.status === 429 || given.status === 503
  response.writeHead(given.status, {
    ...given.headers,
    // Who sends nothing for so long is not waited for either.
    ...(given.status === 408 ? { connection: 'close' } : {}),
    ...(retry ? { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) } : {}),
    ...(given.contentType === '' ? {} : { 'content-type': given.contentType }),
    'cache-control': 'no-store',
  })
  response.end(given.body)
}
