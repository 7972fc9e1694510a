import assert from 'node:assert/strict'
import { z } from 'zod'
import type { GatewayAccess } from '../access/gateway-access.ts'
import { type Principal, rolePermissions } from '../access/principal.ts'
import { clearedCookie, sessionCookie } from '../http/credentials.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { credentials, currentSession, passwordChange, session } from '../schemas/access.ts'

export function sessionRoutes(access: GatewayAccess): AnyRoute[] {
  return [signIn(access), current(access), signOut(access), changePassword(access)]
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
    permissions: [...rolePermissions[principal.role]],
  }
}

function signIn(access: GatewayAccess): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/sessions',
    summary: 'Sign in',
    tag: 'Access',
    body: credentials,
    status: 201,
    response: session,
    refusals: [413, 415],
    async handle({ body, tenant, address, secure }) {
      const { token, expiresAt, principal } = await access.signIn({ ...body, tenant, address })
      return {
        body: { token, expiresAt: expiresAt.toISOString(), user: describeUser(principal) },
        headers: { 'set-cookie': sessionCookie(token, expiresAt, secure) },
      }
    },
  })
}

function current(access: GatewayAccess): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/sessions/current',
    summary: 'Who is signed in',
    tag: 'Access',
    status: 200,
    response: currentSession,
    cache: 'no-store',
    async handle({ principal, token }) {
      const expiresAt = await access.expiryOf(token ?? '')
      return { body: { expiresAt: expiresAt?.toISOString() ?? null, user: describeUser(signedIn(principal)) } }
    },
  })
}

function signOut(access: GatewayAccess): AnyRoute {
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

function changePassword(access: GatewayAccess): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/sessions/current/password',
    summary: 'Change the own password; all sessions of the user end',
    tag: 'Access',
    body: passwordChange,
    status: 204,
    response: z.null(),
    refusals: [413, 415],
    async handle({ body, principal, secure }) {
      await access.changeOwnPassword(signedIn(principal), body.currentPassword, body.newPassword)
      return { body: null, headers: { 'set-cookie': clearedCookie(secure) } }
    },
  })
}
