import type { Principal } from '@driftline/platform/access/permissions'
import type { z } from 'zod'

export type Method = 'get' | 'post' | 'patch' | 'put' | 'delete'

/** What a handler gets: validated input and who asks. */
export interface RouteRequest<P, Q, B> {
  readonly params: P
  readonly query: Q
  readonly body: B
  /** Null only on routes that the permission table marks `public`. */
  readonly principal: Principal | null
  /** Tenant of the principal; every query is bound to it. */
  readonly tenant: string
  /** Address of the client, for the audit log and limits. */
  readonly address: string
  readonly userAgent: string
  /** Session token or API key of the request as given; null on public routes. */
  readonly token: string | null
  /** Whether the client reached us by TLS; decides about the `Secure` of cookies. */
  readonly secure: boolean
}

export interface RouteReply<T> {
  readonly body: T
  readonly headers?: Readonly<Record<string, string>>
}

/** One operation of the API: its schemas validate the request, describe it in OpenAPI, and are held to in tests. */
export interface Route<
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
  R extends z.ZodType = z.ZodType,
> {
  readonly method: Method
  /** In OpenAPI's notation: `/api/v1/processes/{id}`. */
  readonly path: string
  readonly summary: string
  readonly tag: string
  readonly params?: P
  readonly query?: Q
  /** A parameter of the query that is given by parts: `field.a=1` or `field[a]=1` is `{field: {a: ['1']}}`. */
  readonly grouped?: string
  readonly body?: B
  /** Status of success; 204 has no body. */
  readonly status: number
  readonly response: R
  /** Type of an answer that is a file and no JSON; its body is bytes. */
  readonly contentType?: string
  /** Statuses of refusals beyond 400, 401, 403, 429 and 5xx. */
  readonly refusals?: readonly number[]
  /** `Cache-Control` of success; `private, no-cache` for reads without it: kept, but asked again with its ETag. */
  readonly cache?: string
  handle(request: RouteRequest<z.output<P>, z.output<Q>, z.output<B>>): Promise<RouteReply<z.input<R>>>
}

/** A route of any schemas, as the router and the OpenAPI document see it. */
export type AnyRoute = Omit<Route, 'handle'> & {
  handle(request: RouteRequest<unknown, unknown, unknown>): Promise<RouteReply<unknown>>
}

/** Declares a route; only here for the types of its handler. */
export function route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(
  definition: Route<P, Q, B, R>,
): AnyRoute {
  return definition as unknown as AnyRoute
}
