import { decodeCursor } from '../http/cursors.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { alertFilter, alertList, anomalyFilter, anomalyList } from '../schemas/anomalies.ts'
import { processIdParam } from '../schemas/common.ts'
import { type EstateRouteDeps, knownProcess } from './deps.ts'

/** Nothing detects yet, so these lists are empty; a cursor of theirs cannot exist. */
const nothing = (query: { cursor?: string | undefined }) => {
  decodeCursor(query.cursor, ['number', 'string'])
  return { body: { items: [], nextCursor: null } }
}

export function anomalyRoutes(deps: EstateRouteDeps): AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/api/v1/anomalies',
      summary: 'Anomalies, newest first, closed ones included',
      tag: 'Anomalies and alerts',
      query: anomalyFilter,
      status: 200,
      response: anomalyList,
      handle: async ({ query }) => nothing(query),
    }),
    route({
      method: 'get',
      path: '/api/v1/processes/{id}/anomalies',
      summary: 'Anomalies of a process, newest first, closed ones included',
      tag: 'Anomalies and alerts',
      params: processIdParam,
      query: anomalyFilter,
      status: 200,
      response: anomalyList,
      refusals: [404],
      async handle({ tenant, params, query }) {
        knownProcess(deps, tenant, params.id)
        return nothing(query)
      },
    }),
    route({
      method: 'get',
      path: '/api/v1/alerts',
      summary: 'Alerts, newest first, resolved ones included',
      tag: 'Anomalies and alerts',
      query: alertFilter,
      status: 200,
      response: alertList,
      handle: async ({ query }) => nothing(query),
    }),
  ]
}
