import type { Permission } from '@driftline/platform/access/permissions'
import type { AnyRoute } from '../http/route.ts'

/** `public` answers without a session; `signed-in` to everybody with a session or a key, also one that only sends. */
export type RoutePermission = Permission | 'public' | 'signed-in'

/** What each route needs. A route that is not in the table does not register: access is denied by default. */
export const routePermissions: Readonly<Record<string, RoutePermission>> = {
  'GET /api/v1/openapi.json': 'public',
  'POST /api/v1/sessions': 'public',
  'GET /api/v1/sessions/current': 'account:self',
  'DELETE /api/v1/sessions': 'account:self',
  'POST /api/v1/sessions/current/password': 'account:self',

  'GET /api/v1/users': 'users:manage',
  'POST /api/v1/users': 'users:manage',
  'GET /api/v1/users/{id}': 'users:manage',
  'PATCH /api/v1/users/{id}': 'users:manage',
  'DELETE /api/v1/users/{id}': 'users:manage',
  'GET /api/v1/api-keys': 'keys:manage',
  'POST /api/v1/api-keys': 'keys:manage',
  'DELETE /api/v1/api-keys/{id}': 'keys:manage',
  'GET /api/v1/audit-log': 'audit:read',

  'GET /api/v1/overview': 'estate:read',
  'GET /api/v1/processes': 'estate:read',
  'GET /api/v1/processes/{id}': 'estate:read',
  'PATCH /api/v1/processes/{id}': 'process:write',
  'GET /api/v1/processes/{id}/metrics': 'estate:read',
  'GET /api/v1/processes/{id}/performance': 'estate:read',
  'GET /api/v1/processes/{id}/analysis': 'estate:read',
  'GET /api/v1/processes/{id}/anomalies': 'estate:read',
  'GET /api/v1/processes/{id}/baseline': 'estate:read',
  'GET /api/v1/processes/{id}/detection': 'estate:read',
  'PUT /api/v1/processes/{id}/detection': 'process:write',
  'DELETE /api/v1/processes/{id}/detection': 'process:write',
  'GET /api/v1/processes/{id}/instances': 'estate:read',
  'GET /api/v1/processes/{id}/series': 'estate:read',
  'GET /api/v1/anomalies': 'estate:read',
  'GET /api/v1/anomalies/{id}': 'estate:read',
  'POST /api/v1/anomalies/{id}/verdict': 'process:write',
  'POST /api/v1/anomalies/{id}/alert': 'process:write',
  'GET /api/v1/drift': 'estate:read',
  'GET /api/v1/detection/quality': 'estate:read',
  'GET /api/v1/alerts': 'estate:read',
  'GET /api/v1/alerts/{id}': 'estate:read',
  'POST /api/v1/alerts/{id}/acknowledge': 'process:write',
  'POST /api/v1/alerts/{id}/resolve': 'process:write',
  // Secrets of webhooks are among them.
  'GET /api/v1/channels': 'keys:manage',
  'GET /api/v1/hosts': 'estate:read',
  'GET /api/v1/hosts/{host}': 'estate:read',
  'GET /api/v1/hosts/{host}/processes': 'estate:read',
  'GET /api/v1/hosts/{host}/frames': 'estate:read',
  'GET /api/v1/query': 'estate:read',
  'GET /api/v1/logs': 'estate:read',
  'GET /api/v1/logs/histogram': 'estate:read',
  'GET /api/v1/logs/fields': 'estate:read',
  'GET /api/v1/logs/patterns': 'estate:read',
  'GET /api/v1/logs/{id}/context': 'estate:read',

  'GET /api/v1/reports/completion.json': 'estate:read',
  'GET /api/v1/reports/completion.pdf': 'estate:read',
  'GET /api/v1/reports/completion.csv': 'estate:read',
  'GET /api/v1/reports/performance.json': 'estate:read',
  'GET /api/v1/reports/performance.pdf': 'estate:read',
  'GET /api/v1/reports/performance.csv': 'estate:read',

  // A new host fetches the agent with the key that the agent will send with.
  'GET /api/v1/agent': 'signed-in',
  'GET /api/v1/sources': 'operations:read',
  'GET /api/v1/sources/{id}': 'operations:read',
  // Those of files need `sources:files`, too: what is in a file of the server is not for every operator.
  'POST /api/v1/sources': 'sources:write',
  'PUT /api/v1/sources/{id}': 'sources:write',
  'PATCH /api/v1/sources/{id}': 'sources:write',
  'DELETE /api/v1/sources/{id}': 'sources:write',
  'POST /api/v1/sources/{id}/mappings': 'sources:write',
  'POST /api/v1/source-previews': 'sources:write',
  'GET /api/v1/source-previews/{id}': 'sources:write',
  'DELETE /api/v1/source-previews/{id}': 'sources:write',
  'GET /api/v1/dead-letters': 'operations:read',
  'GET /api/v1/dead-letters/summary': 'operations:read',
  'GET /api/v1/dead-letters/{id}': 'operations:read',
  'POST /api/v1/dead-letters/{id}/replay': 'sources:write',
  'POST /api/v1/dead-letters/replay': 'sources:write',
  'GET /api/v1/status': 'operations:read',
  'GET /api/v1/settings/retention': 'operations:read',

  // Who defines flows sees names, kinds and hosts; the rest only who may also write.
  'GET /api/v1/credentials': 'flows:write',
  'GET /api/v1/credentials/{name}': 'credentials:write',
  'POST /api/v1/credentials': 'credentials:write',
  'PUT /api/v1/credentials/{name}': 'credentials:write',
  'DELETE /api/v1/credentials/{name}': 'credentials:write',
  'POST /api/v1/credentials/rotation': 'credentials:write',
  'GET /api/v1/settings/network': 'operations:read',
  'PUT /api/v1/settings/network': 'network:write',
}

export function routeKey(route: Pick<AnyRoute, 'method' | 'path'>): string {
  return `${route.method.toUpperCase()} ${route.path}`
}
