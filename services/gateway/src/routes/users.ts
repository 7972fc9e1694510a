import { z } from 'zod'
import type { GatewayAccess, UserRecord } from '../access/gateway-access.ts'
import { pageByKey } from '../http/cursors.ts'
import { notFound } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { idParam, user, userCreate, userPatch } from '../schemas/access.ts'
import { listOf, pageQuery } from '../schemas/common.ts'
import { signedIn } from './sessions.ts'

export function userRoutes(access: GatewayAccess): AnyRoute[] {
  return [list(access), create(access), one(access), update(access), remove(access)]
}

function toUser(record: UserRecord) {
  return {
    ...record,
    createdAt: record.createdAt.toISOString(),
    lastSignInAt: record.lastSignInAt?.toISOString() ?? null,
  }
}

function list(access: GatewayAccess): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/users',
    summary: 'Users, by name',
    tag: 'Access',
    query: pageQuery,
    status: 200,
    response: listOf(user),
    async handle({ tenant, query }) {
      const users = (await access.listUsers(tenant)).map(toUser)
      users.sort((a, b) => (a.username < b.username ? -1 : 1))
      return { body: pageByKey(users, (each) => each.username, query) }
    },
  })
}

function create(access: GatewayAccess): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/users',
    summary: 'Create a user',
    tag: 'Access',
    body: userCreate,
    status: 201,
    response: user,
    refusals: [409, 413, 415],
    async handle({ body, principal }) {
      return { body: toUser(await access.createUser(signedIn(principal), body)) }
    },
  })
}

function one(access: GatewayAccess): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/users/{id}',
    summary: 'One user',
    tag: 'Access',
    params: idParam,
    status: 200,
    response: user,
    refusals: [404],
    async handle({ tenant, params }) {
      const found = (await access.listUsers(tenant)).find((each) => each.id === params.id)
      if (!found) throw notFound('user', params.id)
      return { body: toUser(found) }
    },
  })
}

function update(access: GatewayAccess): AnyRoute {
  return route({
    method: 'patch',
    path: '/api/v1/users/{id}',
    summary: 'Change role or password of a user, or lock them out',
    tag: 'Access',
    params: idParam,
    body: userPatch,
    status: 200,
    response: user,
    refusals: [404, 409, 413, 415],
    async handle({ params, body, principal }) {
      return { body: toUser(await access.updateUser(signedIn(principal), params.id, body)) }
    },
  })
}

function remove(access: GatewayAccess): AnyRoute {
  return route({
    method: 'delete',
    path: '/api/v1/users/{id}',
    summary: 'Remove a user',
    tag: 'Access',
    params: idParam,
    status: 204,
    response: z.null(),
    refusals: [404, 409],
    async handle({ params, principal }) {
      await access.removeUser(signedIn(principal), params.id)
      return { body: null }
    },
  })
}
