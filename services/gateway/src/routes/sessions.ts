import assert from 'node:assert/strict'
import type { Access } from '@driftline/platform/access/access'
import type { Principal } from '@driftline/platform/access/permissions'
import { z } from 'zod'
import { clearedCookie, sessionCookie } from '../http/credentials.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { credentials, currentSession, passwordChange, session } from '../schemas/access.ts'

export function sessionRoutes(access: Access): AnyRoute[] {
  return [signIn(access), current(), signOut(access), changePassword(access)]
}

/** Routes behind a permission always have one; the assertion is for a route that was declared `public` by mistake. */
export function signedIn(principal: Principal | null): Principal {
  assert(principal, 'the route answers without a session')
  return principal
}

function describeUser(principal: Principal) {
  return {
    kind: principal.kind,
    userId: principal.kind === 'user' ? principal.id : null,
    username: principal.name,
    role: principal.role,
    tenant: principal.tenant,
    permissions: [...principal.permissions],
  }
}

function signIn(access: Access): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/sessions',
    summary: 'Sign in',
    tag: 'Access',
    body: credentials,
    status: 201,
    response: session,
    refusals: [413, 415],
    async handle({ body, address, secure }) {
      const { token, expiresAt, principal } = await access.signIn({ ...body, address })
      return {
        body: { token, expiresAt: expiresAt.toISOString(), user: describeUser(principal) },
        headers: { 'set-cookie': sessionCookie(token, expiresAt, secure) },
      }
    },
  })
}

function current(): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/sessions/current',
    summary: 'Who is signed in',
    tag: 'Access',
    status: 200,
    response: currentSession,
    cache: 'no-store',
    async handle({ principal }) {
      const asking = signedIn(principal)
      return { body: { expiresAt: asking.expiresAt?.toISOString() ?? null, user: describeUser(asking) } }
    },
  })
}

function signOut(access: Access): AnyRoute {
  return route({
    method: 'delete',
    path: '/api/v1/sessions',
    summary: 'Sign out',
    tag: 'Access',
    status: 204,
    response: z.null(),
    async handle({ token, secure }) {
      await access.signOut(token ?? '')
      return { body: null, headers: { 'set-cookie': clearedCookie(secure) } }
    },
  })
}

function changePassword(access: Access): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/sessions/current/password',
    summary: 'Change the own password; every other session of the user ends',
    tag: 'Access',
    body: passwordChange,
    status: 204,
    response: z.null(),
    refusals: [409, 413, 415],
    async handle({ body, principal, token, address }) {
      await access.users.changeOwnPassword(signedIn(principal), { ...body, token: token ?? '', address })
      return { body: null }
    },
  })
}
