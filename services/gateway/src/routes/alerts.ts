import type { KnownAlert } from '../estate/findings.ts'
import { decodePlace, encodeCursor } from '../http/cursors.ts'
import { notFound } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { type AlertItem, alert, alertDetail, alertFilter, alertIdParam, alertList } from '../schemas/anomalies.ts'
import type { EstateRouteDeps } from './deps.ts'
import { signedIn } from './sessions.ts'

export function alertRoutes(deps: EstateRouteDeps): AnyRoute[] {
  return [list(deps), one(deps), acknowledge(deps), resolve(deps)]
}

function list(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/alerts',
    summary: 'Alerts, newest first, resolved ones included',
    tag: 'Anomalies and alerts',
    query: alertFilter,
    status: 200,
    response: alertList,
    async handle({ tenant, query }) {
      const place = decodePlace(query.cursor)
      const after = place && { openedMs: place.timeMs, id: place.id }
      const found = await deps.alerts.list(tenant, query, { limit: query.limit + 1, after })
      const items = found.slice(0, query.limit)
      const last = items.at(-1)
      const more = found.length > items.length && last !== undefined
      return { body: { items, nextCursor: more ? encodeCursor([Date.parse(last.timestamp), last.id]) : null } }
    },
  })
}

function one(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/alerts/{id}',
    summary: 'One alert, and what was sent of it',
    tag: 'Anomalies and alerts',
    params: alertIdParam,
    status: 200,
    response: alertDetail,
    refusals: [404],
    async handle({ tenant, params }) {
      const found = await deps.alerts.one(tenant, params.id)
      if (!found) throw notFound('alert', params.id)
      return { body: { ...found, deliveries: await deps.alerts.deliveries(tenant, found.id) } }
    },
  })
}

function acknowledge(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/alerts/{id}/acknowledge',
    summary: 'Say that somebody takes care of an alert',
    tag: 'Anomalies and alerts',
    params: alertIdParam,
    status: 200,
    response: alert,
    refusals: [404, 409],
    async handle({ tenant, params, principal }) {
      return { body: tell(deps, tenant, await deps.alerts.acknowledge(signedIn(principal), params.id)) }
    },
  })
}

function resolve(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/alerts/{id}/resolve',
    summary: 'Say that an alert is over',
    tag: 'Anomalies and alerts',
    params: alertIdParam,
    status: 200,
    response: alert,
    refusals: [404],
    async handle({ tenant, params, principal }) {
      return { body: tell(deps, tenant, await deps.alerts.resolve(signedIn(principal), params.id)) }
    },
  })
}

/** Screens of this gateway know at once; the alerter tells the others. */
function tell(deps: EstateRouteDeps, tenant: string, known: KnownAlert): AlertItem {
  const taken = deps.estate.tenant(tenant).findings.applyAlert(known)
  if (taken) deps.announce.alert(tenant, taken.item)
  return known.item
}
