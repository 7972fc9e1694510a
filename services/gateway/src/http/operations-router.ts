import type { Access } from '@driftline/platform/access/access'
import type { Clock } from '@driftline/platform/clock'
import type { SelfMetrics } from '@driftline/platform/metrics'
import type { HealthCheck } from '@driftline/platform/ops-server'
import { readiness } from '@driftline/platform/ops-server'
import express, { type Request, type Router } from 'express'
import type { Estate } from '../estate/estate.ts'
import { tokenOf } from './credentials.ts'
import type { Limiter } from './limits.ts'
import { isLoopback } from './origin.ts'
import { ProblemError } from './problems.ts'
import { renderCollected } from './prometheus.ts'

export interface OperationsRouterDeps {
  readonly checks: readonly HealthCheck[]
  readonly metrics: SelfMetrics
  readonly estate: Estate
  readonly access: Pick<Access, 'authenticate'>
  readonly limiter: Limiter
  readonly clock: Clock
  readonly defaultTenant: string
}

/** What machines ask: is it alive, is it ready, and the metrics. */
export function createOperationsRouter(deps: OperationsRouterDeps): Router {
  const router = express.Router()
  router.get('/livez', (_request, response) => {
    response.set('cache-control', 'no-store').json({ status: 'ok' })
  })
  router.get('/readyz', (_request, response, next) => {
    readiness(deps.checks)
      .then(({ ready, failing }) => {
        response.status(ready ? 200 : 503).set('cache-control', 'no-store')
        response.json({ status: ready ? 'ok' : 'unavailable', failing })
      })
      .catch(next)
  })
  router.get('/metrics', (request, response, next) => {
    tenantAsking(request, deps)
      .then(async (tenant) => {
        const own = await deps.metrics.registry.metrics()
        const collected = renderCollected(deps.estate.tenant(tenant), deps.clock.nowMs())
        response.set('content-type', deps.metrics.registry.contentType).set('cache-control', 'no-store')
        response.send(own + collected)
      })
      .catch(next)
  })
  return router
}

/**
 * Whose collected metrics the request may see: those of its key, or of the default tenant when it comes from this
 * machine itself. A proxy on this machine forwards for others, so forwarded requests always need a key.
 */
async function tenantAsking(request: Request, deps: OperationsRouterDeps): Promise<string> {
  const given = tokenOf(request)
  if (given === null) {
    const forwarded = 'x-forwarded-for' in request.headers || 'forwarded' in request.headers
    if (!forwarded && isLoopback(request.socket.remoteAddress ?? '')) return deps.defaultTenant
  }
  const principal = given === null ? null : await deps.access.authenticate(given.token)
  if (principal === null) {
    await deps.limiter.address(request.ip ?? '')
    throw new ProblemError(401, 'unauthenticated', 'Send an API key as Authorization: Bearer', {
      headers: { 'www-authenticate': 'Bearer realm="driftline"' },
    })
  }
  await deps.limiter.session(given!.token)
  if (!principal.permissions.has('estate:read'))
    throw new ProblemError(403, 'forbidden', 'This key may not read metrics')
  return principal.tenant
}
