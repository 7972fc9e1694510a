import type { Clock } from '@driftline/platform/clock'
import type { SelfMetrics } from '@driftline/platform/metrics'
import type { HealthCheck } from '@driftline/platform/ops-server'
import { readiness } from '@driftline/platform/ops-server'
import express, { type Request, type Router } from 'express'
import type { VerdictCount } from '../access/verdicts.ts'
import type { Estate } from '../estate/estate.ts'
import type { Authenticator } from './authenticator.ts'
import { tokenOf } from './credentials.ts'
import { detectionMetricNames, renderDetection } from './detection-metrics.ts'
import { isLoopback, isLoopbackHost } from './origin.ts'
import { ProblemError } from './problems.ts'
import { renderCollected } from './prometheus.ts'

export interface OperationsRouterDeps {
  readonly checks: readonly HealthCheck[]
  readonly metrics: SelfMetrics
  readonly estate: Estate
  readonly verdictCounts: (tenant: string) => Promise<VerdictCount[]>
  readonly authenticator: Authenticator
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
        const registered = deps.metrics.registry.getMetricsAsArray().map(({ name }) => name)
        const ownNames = new Set([...registered, ...detectionMetricNames])
        const mine = deps.estate.tenant(tenant)
        const nowMs = deps.clock.nowMs()
        // Machines watch this when something is wrong: without the verdicts, the rest still counts.
        const verdicts = await deps.verdictCounts(tenant).catch(() => [])
        const collected = renderDetection(mine, verdicts, nowMs) + renderCollected(mine, nowMs, ownNames)
        response.set('content-type', deps.metrics.registry.contentType).set('cache-control', 'no-store')
        response.send(own + collected)
      })
      .catch(next)
  })
  return router
}

/**
 * Whose collected metrics the request may see: those of its key, or of the default tenant when it comes from this
 * machine itself. A proxy on this machine forwards for others, so forwarded requests always need a key; and so do those
 * for another name, with which a page elsewhere had a browser on this machine ask.
 */
async function tenantAsking(request: Request, deps: OperationsRouterDeps): Promise<string> {
  const given = tokenOf(request)
  if (given === null) {
    const forwarded = 'x-forwarded-for' in request.headers || 'forwarded' in request.headers
    const here = isLoopback(request.socket.remoteAddress ?? '') && isLoopbackHost(request.headers.host ?? '')
    if (here && !forwarded) return deps.defaultTenant
  }
  const principal = await deps.authenticator.identify(given?.token ?? null, request.ip ?? '')
  if (principal === null) {
    throw new ProblemError(401, 'unauthenticated', 'Send an API key as Authorization: Bearer', {
      headers: { 'www-authenticate': 'Bearer realm="driftline"' },
    })
  }
  if (!principal.permissions.has('estate:read'))
    throw new ProblemError(403, 'forbidden', 'This key may not read metrics')
  return principal.tenant
}
