import assert from 'node:assert/strict'
import type { Principal } from '@driftline/platform/access/permissions'
import express, { type Request, type RequestHandler, type Response, type Router } from 'express'
import { z } from 'zod'
import { type RoutePermission, routeKey, routePermissions } from '../access/route-permissions.ts'
import type { Authenticator } from './authenticator.ts'
import { type GivenToken, tokenOf } from './credentials.ts'
import type { Limiter } from './limits.ts'
import { isOwnOrigin } from './origin.ts'
import { fromZod, ProblemError } from './problems.ts'
import { groupQuery } from './query-groups.ts'
import { reasonOf } from './reasons.ts'
import { sendJson } from './respond.ts'
import type { AnyRoute } from './route.ts'

export interface ApiRouterDeps {
  readonly authenticator: Authenticator
  readonly limiter: Pick<Limiter, 'address'>
  readonly allowedOrigins: readonly string[]
  readonly bodyBytesMax: number
  /** Tenant of public routes, which nobody has signed in to. */
  readonly defaultTenant: string
}

interface Caller {
  readonly principal: Principal | null
  readonly given: GivenToken | null
}

/** Registers routes with their checks in this order: who, how often, may they, from our own page, is it well formed. */
export function createApiRouter(routes: readonly AnyRoute[], deps: ApiRouterDeps): Router {
  const router = express.Router({ caseSensitive: true, strict: true })
  const methods = new Map<string, string[]>()
  for (const declared of routes) {
    const route = { ...declared, query: strictQuery(declared) }
    const permission = routePermissions[routeKey(route)]
    assert(permission, `${routeKey(route)} has no entry in the permission table`)
    const path = toExpressPath(route.path)
    methods.set(path, [...(methods.get(path) ?? []), route.method.toUpperCase()])
    const parse = express.json({ limit: deps.bodyBytesMax, strict: false, type: 'application/json' })
    router[route.method](path, (request, response, next) => {
      serve(route, permission, parse, request, response, deps).catch(next)
    })
  }
  for (const [path, allowed] of methods) router.all(path, refuseMethod(allowed))
  return router
}

/** Parameters that a route does not have are refused: a filter that is misspelt must not show everything. */
function strictQuery({ query = z.object({}) }: AnyRoute): z.ZodType {
  assert(query instanceof z.ZodObject, 'the query of a route is an object of parameters')
  return query.strict()
}

/** `/processes/{id}` as express writes it: `/processes/:id`. */
function toExpressPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}

function refuseMethod(allowed: readonly string[]): RequestHandler {
  const allow = allowed.includes('GET') ? [...allowed, 'HEAD'] : allowed
  return (request) => {
    throw new ProblemError(
      405,
      'method_not_allowed',
      `${request.method} is not possible here; try ${allow.join(', ')}`,
      {
        headers: { allow: allow.join(', ') },
      },
    )
  }
}

async function serve(
  route: AnyRoute,
  permission: RoutePermission,
  parse: RequestHandler,
  request: Request,
  response: Response,
  deps: ApiRouterDeps,
): Promise<void> {
  const caller = await identify(request, permission, deps)
  refuseForeignWrites(request, caller, deps.allowedOrigins)
  if (route.body) await readBody(request, response, parse)
  const { principal } = caller
  const reply = await route.handle({
    params: validated(route.params, request.params, 'path'),
    query: validated(route.query, groupQuery(request.query, route.grouped), 'query'),
    body: validated(route.body, request.body, 'body'),
    principal,
    tenant: principal?.tenant ?? deps.defaultTenant,
    address: request.ip ?? '',
    userAgent: request.get('user-agent') ?? '',
    token: caller.given?.token ?? null,
    secure: request.secure,
  })
  if (reply.headers) response.set(reply.headers)
  if (route.status === 204) response.status(204).setHeader('cache-control', 'no-store').end()
  else if (route.contentType) sendFile(response, route, reply.body)
  else await sendJson(request, response, route.status, reply.body, route.cache ?? defaultCache(route))
}

/** Sends bytes as they are, with an ETag. */
function sendFile(response: Response, route: AnyRoute, body: unknown): void {
  assert(body instanceof Uint8Array, `${routeKey(route)} has a content type, so its body is bytes`)
  response.status(route.status).setHeader('cache-control', route.cache ?? defaultCache(route))
  response.type(route.contentType ?? '').send(Buffer.from(body.buffer, body.byteOffset, body.byteLength))
}

/** Reads are kept by the browser and asked again with their ETag; answers to writes are not kept. */
function defaultCache(route: AnyRoute): string {
  return route.method === 'get' ? 'private, no-cache' : 'no-store'
}

async function identify(request: Request, permission: RoutePermission, deps: ApiRouterDeps): Promise<Caller> {
  const address = request.ip ?? ''
  if (permission === 'public') {
    await deps.limiter.address(address)
    return { principal: null, given: tokenOf(request) }
  }
  const given = tokenOf(request)
  const principal = await deps.authenticator.identify(given?.token ?? null, address)
  if (principal === null) {
    throw new ProblemError(
      401,
      'unauthenticated',
      given === null
        ? 'Sign in at POST /api/v1/sessions, or send an API key as Authorization: Bearer'
        : 'The session has ended or the key is not valid; sign in again',
      { headers: { 'www-authenticate': 'Bearer realm="driftline"' } },
    )
  }
  if (permission !== 'signed-in' && !principal.permissions.has(permission)) {
    throw new ProblemError(
      403,
      'forbidden',
      `This needs the permission ${permission}, which the role ${principal.role} lacks`,
    )
  }
  return { principal, given }
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** A page elsewhere can make a browser send our cookie, but not a header of its choice: bearers are not forgeable. */
function refuseForeignWrites(request: Request, caller: Caller, allowedOrigins: readonly string[]): void {
  if (SAFE_METHODS.has(request.method) || caller.given?.by === 'header') return
  if (isOwnOrigin(request, allowedOrigins)) return
  throw new ProblemError(
    403,
    'foreign_origin',
    'This came from a page of another site; writes are only taken from our own',
  )
}

function readBody(request: Request, response: Response, parse: RequestHandler): Promise<void> {
  if (!request.is('application/json')) {
    throw new ProblemError(415, 'unsupported_media_type', 'Send the body as application/json')
  }
  return new Promise((resolve, reject) => {
    void parse(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error)))
  })
}

function validated(schema: AnyRoute['params'], value: unknown, where: string): unknown {
  if (!schema) return {}
  const parsed = schema.safeParse(value, { error: reasonOf })
  if (!parsed.success) throw fromZod(parsed.error, where)
  return parsed.data
}
