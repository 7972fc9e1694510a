import { OpenAPIRegistry, OpenApiGeneratorV31, type RouteConfig } from '@asteasolutions/zod-to-openapi'
import { definitionSchemas } from '@driftline/ingest/definitions/source'
import { z } from 'zod'
import { routeKey, routePermissions } from '../access/route-permissions.ts'
import { problem } from '../schemas/common.ts'
import { type AnyRoute, route } from './route.ts'

/** Statuses that any route may answer with. */
const COMMON_REFUSALS = [400, 401, 403, 429, 500, 503]

/** The OpenAPI 3.1 document, made from the schemas that validate. */
export function createOpenApiDocument(routes: readonly AnyRoute[], version: string): Record<string, unknown> {
  const registry = new OpenAPIRegistry()
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'A session token or an API key',
  })
  registry.registerComponent('securitySchemes', 'cookie', { type: 'apiKey', in: 'cookie', name: 'driftline_session' })
  for (const each of routes) registry.registerPath(describe(each))
  for (const [name, shape] of shapesOfSources()) registry.registerComponent('schemas', name, shape)
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Driftline',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description:
        'Times are ISO 8601 in UTC; no data is null, never 0. Errors are RFC 9457 problem details. Live data comes over the WebSocket at /api/v1/live: send {"subscribe": [channel, ...]} or {"unsubscribe": [...]}; each channel answers {channel, seq, snapshot}, then {channel, seq, changes}, or {channel, error}. After a gap in seq, subscribe again for a new snapshot.',
    },
    servers: [{ url: '/' }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
  }) as unknown as Record<string, unknown>
}

/**
 * What a source's definition may be, by the names of its schemas: to the routes it is any object, which they look into
 * by the source's kind.
 */
function shapesOfSources(): Map<string, Record<string, unknown>> {
  const shapes = new Map<string, Record<string, unknown>>()
  for (const schema of Object.values(definitionSchemas)) {
    const text = JSON.stringify(z.toJSONSchema(schema, { io: 'input' })).replaceAll('#/$defs/', '#/components/schemas/')
    const { $defs } = JSON.parse(text) as { $defs: Record<string, Record<string, unknown>> }
    // Named schemas stand there, the whole one among them.
    for (const [name, shape] of Object.entries($defs)) shapes.set(name, shape)
  }
  return shapes
}

function describe(each: AnyRoute): RouteConfig {
  const permission = routePermissions[routeKey(each)]
  const open = permission === 'public'
  const refusals = [...new Set([...COMMON_REFUSALS, ...(each.refusals ?? [])])].sort((a, b) => a - b)
  return {
    method: each.method,
    path: each.path,
    summary: each.summary,
    operationId: operationId(each),
    description: open
      ? 'Needs no session.'
      : permission === 'signed-in'
        ? 'Needs a session or any API key.'
        : `Needs the permission \`${permission}\`.`,
    tags: [each.tag],
    security: open ? [] : [{ bearer: [] }, { cookie: [] }],
    request: {
      ...(each.params ? { params: each.params as z.ZodObject } : {}),
      ...(each.query ? { query: each.query as z.ZodObject } : {}),
      ...(each.body ? { body: { required: true, content: { 'application/json': { schema: each.body } } } } : {}),
    },
    responses: {
      [each.status]:
        each.status === 204
          ? { description: 'Done' }
          : {
              description: 'Success',
              content: { [each.contentType ?? 'application/json']: { schema: each.response } },
            },
      ...Object.fromEntries(
        refusals.map((status) => [
          status,
          { description: 'Refused', content: { 'application/problem+json': { schema: problem } } },
        ]),
      ),
    },
  }
}

/** `GET /api/v1/processes/{id}/metrics` is `getProcessesByIdMetrics`. */
function operationId(each: AnyRoute): string {
  const words = each.path
    .replace('/api/v1/', '')
    .split(/[/\-.]/)
    .map((part) => part.replace(/^\{(\w+)\}$/, (_, name: string) => `by-${name}`))
    .flatMap((part) => part.split('-'))
  return each.method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}

/** The route that serves the document, itself part of it. */
export function openApiRoute(document: () => Record<string, unknown>): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/openapi.json',
    summary: 'This description of the API',
    tag: 'Operations',
    status: 200,
    response: z.record(z.string(), z.unknown()),
    cache: 'public, max-age=300',
    handle: async () => ({ body: document() }),
  })
}
