import { randomUUID } from 'node:crypto'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express'
import helmet from 'helmet'
import { ProblemError } from './problems.ts'
import type { Trust } from './proxies.ts'
import { requestId, sendProblem } from './respond.ts'

export interface AppParts {
  /** `/livez`, `/readyz`, `/metrics`. */
  readonly operations: express.Router
  readonly api: express.Router
  /** Routers of other components that answer on the same port, such as the intake's; before the web app. */
  readonly others: readonly RequestHandler[]
  readonly web: RequestHandler
}

export interface AppOptions {
  readonly allowedOrigins: readonly string[]
  /** Whose X-Forwarded-* is believed: anybody may send it. */
  readonly trust: Trust
  readonly tls: boolean
  readonly logger: Logger
  readonly metrics: SelfMetrics
}

/** Puts the HTTP door together: security headers first, problem details last. */
export function createApp(parts: AppParts, options: AppOptions): Express {
  const app = express()
  app.disable('x-powered-by')
  app.set('trust proxy', options.trust)
  app.set('query parser', 'simple')
  app.set('etag', 'weak')
  app.use(identifyRequest(options.metrics), securityHeaders(options.tls), allowOrigins(options.allowedOrigins))
  app.use(parts.operations, parts.api)
  for (const other of parts.others) app.use(other)
  app.use(['/api', '/v1'], () => {
    throw new ProblemError(404, 'not_found', 'There is no such resource; GET /api/v1/openapi.json lists them all')
  })
  app.use(parts.web)
  app.use(() => {
    throw new ProblemError(404, 'not_found', 'There is no such page')
  })
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    sendProblem(request, response, error, options.logger)
  })
  return app
}

const LATENCY_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

function identifyRequest(metrics: SelfMetrics): RequestHandler {
  const duration = metrics.histogram(
    'driftline_http_request_duration_seconds',
    'Time to answer HTTP requests',
    LATENCY_BUCKETS_S,
    ['method', 'route', 'status'],
  )
  return (request, response, next) => {
    response.locals['requestId'] = randomUUID()
    response.setHeader('x-request-id', requestId(response))
    const startedAt = performance.now()
    response.once('finish', () => {
      // The route's pattern, never the path: labels come from a closed list.
      const route = (request.route as { path?: unknown } | undefined)?.path
      const labels = {
        method: KNOWN_METHODS.has(request.method) ? request.method : 'other',
        route: typeof route === 'string' ? route : 'none',
        status: String(response.statusCode),
      }
      duration.observe(labels, (performance.now() - startedAt) / 1000)
    })
    next()
  }
}

const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Everything comes from here and nothing is inline; `connect-src 'self'` covers the live channel's WebSocket. */
function securityHeaders(tls: boolean): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        workerSrc: ["'self'"],
        manifestSrc: ["'self'"],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: tls ? { maxAge: 31_536_000 } : false,
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
  }) as RequestHandler
}

/** CORS for the origins of the configuration; none by default. */
function allowOrigins(allowed: readonly string[]): RequestHandler {
  return (request, response, next) => {
    const { origin } = request.headers
    if (allowed.length > 0) response.vary('origin')
    if (origin === undefined || !allowed.includes(origin)) return next()
    response.set({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'etag, retry-after, x-request-id',
    })
    if (request.method !== 'OPTIONS') return next()
    response
      .set({
        'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
        'access-control-allow-headers': 'authorization, content-type',
        'access-control-max-age': '600',
      })
      .status(204)
      .end()
  }
}
