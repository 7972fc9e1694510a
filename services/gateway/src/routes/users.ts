import type { Access } from '@driftline/platform/access/access'
import type { User, UserChange } from '@driftline/platform/access/users'
import { z } from 'zod'
import { decodeCursor, encodeCursor } from '../http/cursors.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { idParam, user, userCreate, userPatch } from '../schemas/access.ts'
import { listOf, pageQuery } from '../schemas/common.ts'
import { signedIn } from './sessions.ts'

export function userRoutes({ users }: Pick<Access, 'users'>): AnyRoute[] {
  return [list(users), create(users), one(users), update(users), remove(users)]
}

type Users = Access['users']

function toJson(each: User) {
  return {
    ...each,
    createdAt: each.createdAt.toISOString(),
    lastSignInAt: each.lastSignInAt?.toISOString() ?? null,
  }
}

function list(users: Users): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/users',
    summary: 'Users, by name',
    tag: 'Access',
    query: pageQuery,
    status: 200,
    response: listOf(user),
    async handle({ principal, query }) {
      const after = decodeCursor(query.cursor, ['string'])?.[0] as string | undefined
      const page = { limit: query.limit + 1, ...(after === undefined ? {} : { after }) }
      const found = await users.list(signedIn(principal), page)
      const items = found.slice(0, query.limit)
      const last = items.at(-1)
      const more = found.length > items.length && last !== undefined
      return { body: { items: items.map(toJson), nextCursor: more ? encodeCursor([last.username]) : null } }
    },
  })
}

function create(users: Users): AnyRoute {
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
      return { body: toJson(await users.create(signedIn(principal), body)) }
    },
  })
}

function one(users: Users): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/users/{id}',
    summary: 'One user',
    tag: 'Access',
    params: idParam,
    status: 200,
    response: user,
    refusals: [404],
    async handle({ params, principal }) {
      return { body: toJson(await users.get(signedIn(principal), params.id)) }
    },
  })
}

function update(users: Users): AnyRoute {
  return route({
    method: 'patch',
    path: '/api/v1/users/{id}',
    summary: 'Change role or password of a user, or lock them out; ends their sessions',
    tag: 'Access',
    params: idParam,
    body: userPatch,
    status: 200,
    response: user,
    refusals: [404, 409, 413, 415],
    async handle({ params, body, principal }) {
      const change: UserChange = {
        ...(body.role === undefined ? {} : { role: body.role }),
        ...(body.active === undefined ? {} : { active: body.active }),
        ...(body.password === undefined ? {} : { password: body.password }),
      }
      return { body: toJson(await users.update(signedIn(principal), params.id, change)) }
    },
  })
}

function remove(users: Users): AnyRoute {
  return route({
    method: 'delete',
    path: '/api/v1/users/{id}',
    summary: 'Remove a user',
    tag: 'Access',
    params: idParam,
    status: 204,
    response: z.null(),
    refusals: [404],
    async handle({ params, principal }) {
      await users.remove(signedIn(principal), params.id)
      return { body: null }
    },
  })
}
