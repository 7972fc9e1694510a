import assert from 'node:assert/strict'
import { routeKey, routePermissions } from '../access/route-permissions.ts'
import type { Authenticator } from '../http/authenticator.ts'
import { fromZod, ProblemError } from '../http/problems.ts'
import { reasonOf } from '../http/reasons.ts'
import type { AnyRoute } from '../http/route.ts'

/** Who calls, as gRPC tells it. */
export interface Caller {
  readonly token: string | null
  readonly address: string
}

/** What an operation asks: a route of the HTTP API, with its input as that would get it. */
export interface Question {
  /** Such as `GET /api/v1/processes/{id}/metrics`. */
  readonly route: string
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
}

/**
 * Answers the same operations as the HTTP API, so that identity, permission, validation and tenant are decided in one
 * place. Errors: ProblemError as over HTTP, AppError.
 */
export interface Desk {
  ask(caller: Caller, question: Question): Promise<unknown>
}

export function createDesk(routes: readonly AnyRoute[], deps: { readonly authenticator: Authenticator }): Desk {
  const byKey = new Map(routes.map((route) => [routeKey(route), route]))
  return {
    async ask(caller, { route: key, params = {}, query = {} }) {
      const route = byKey.get(key)
      const permission = routePermissions[key]
      assert(route !== undefined && permission !== undefined, `${key} is a route`)
      const principal = await deps.authenticator.identify(caller.token, caller.address)
      if (principal === null) {
        throw new ProblemError(401, 'unauthenticated', 'Send an API key as metadata authorization: Bearer <key>')
      }
      if (permission === 'public' || permission === 'signed-in' || !principal.permissions.has(permission)) {
        throw new ProblemError(403, 'forbidden', `This needs the permission ${permission}`)
      }
      const reply = await route.handle({
        params: validated(route.params, params, 'path'),
        query: validated(route.query, query, 'query'),
        body: {},
        principal,
        tenant: principal.tenant,
        address: caller.address,
        userAgent: 'grpc',
        token: caller.token,
        secure: false,
      })
      return reply.body
    },
  }
}

function validated(schema: AnyRoute['params'], value: unknown, where: string): unknown {
  if (schema === undefined) return {}
  const parsed = schema.safeParse(value, { error: reasonOf })
  if (!parsed.success) throw fromZod(parsed.error, where)
  return parsed.data
}
