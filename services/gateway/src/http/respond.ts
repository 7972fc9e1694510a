import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import type { Logger } from '@driftline/platform/logger'
import type { Request, Response } from 'express'
import { isLoopback } from './origin.ts'
import { problemBody, toProblemError } from './problems.ts'

const gzipAsync = promisify(gzip)
/** Below this, compressing costs more than it saves. */
const GZIP_BYTES_MIN = 16_384

/** Sends JSON with an ETag, compressed where it pays. The body must fit the schema of its route; tests hold it to that. */
export async function sendJson(
  request: Request,
  response: Response,
  status: number,
  body: unknown,
  cache: string,
): Promise<void> {
  response.status(status).setHeader('cache-control', cache)
  const text = JSON.stringify(body)
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.vary('accept-encoding')
  if (text.length < GZIP_BYTES_MIN || isLocal(request) || !request.acceptsEncodings('gzip')) {
    response.send(text)
    return
  }
  const packed = await gzipAsync(text, { level: constants.Z_BEST_SPEED })
  response.setHeader('content-encoding', 'gzip')
  response.send(packed)
}

/** Within one machine the network is faster than any compression; a proxy on it speaks for others. */
function isLocal(request: Request): boolean {
  return isLoopback(request.socket.remoteAddress ?? '') && !('x-forwarded-for' in request.headers)
}

/** Sends an error as problem details; what nobody expected goes to the log with the request's id. */
export function sendProblem(request: Request, response: Response, error: unknown, logger: Logger): void {
  const problem = toProblemError(error)
  if (problem.status >= 500) {
    logger.error(
      { error, requestId: requestId(response), method: request.method, path: request.path },
      'request failed',
    )
  }
  if (response.headersSent) {
    response.destroy()
    return
  }
  response
    .status(problem.status)
    .set(problem.headers)
    .set('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(problemBody(problem, request.originalUrl.split('?', 1)[0], requestId(response))))
}

export function requestId(response: Response): string {
  return String(response.locals['requestId'] ?? '')
}
