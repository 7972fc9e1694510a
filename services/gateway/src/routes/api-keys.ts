import type { Access } from '@driftline/platform/access/access'
import type { ApiKey } from '@driftline/platform/access/api-keys'
import { z } from 'zod'
import { decodeCursor, encodeCursor } from '../http/cursors.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { apiKey, apiKeyCreate, apiKeyCreated, idParam } from '../schemas/access.ts'
import { listOf, pageQuery } from '../schemas/common.ts'
import { signedIn } from './sessions.ts'

export function apiKeyRoutes({ apiKeys }: Pick<Access, 'apiKeys'>): AnyRoute[] {
  return [list(apiKeys), create(apiKeys), revoke(apiKeys)]
}

type ApiKeys = Access['apiKeys']

function toJson(each: ApiKey) {
  return {
    ...each,
    createdAt: each.createdAt.toISOString(),
    lastUsedAt: each.lastUsedAt?.toISOString() ?? null,
    revokedAt: each.revokedAt?.toISOString() ?? null,
  }
}

function list(apiKeys: ApiKeys): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/api-keys',
    summary: 'API keys, newest first, revoked ones included; never the keys themselves',
    tag: 'Access',
    query: pageQuery,
    status: 200,
    response: listOf(apiKey),
    async handle({ principal, query }) {
      const before = decodeCursor(query.cursor, ['string'])?.[0] as string | undefined
      const page = { limit: query.limit + 1, ...(before === undefined ? {} : { before }) }
      const found = await apiKeys.list(signedIn(principal), page)
      const items = found.slice(0, query.limit)
      const last = items.at(-1)
      const more = found.length > items.length && last !== undefined
      return { body: { items: items.map(toJson), nextCursor: more ? encodeCursor([last.id]) : null } }
    },
  })
}

function create(apiKeys: ApiKeys): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/api-keys',
    summary: 'Make an API key; the key is in this answer and nowhere else',
    tag: 'Access',
    body: apiKeyCreate,
    status: 201,
    response: apiKeyCreated,
    refusals: [413, 415],
    async handle({ body, principal }) {
      const made = await apiKeys.create(signedIn(principal), body)
      return { body: { ...toJson(made.apiKey), key: made.key } }
    },
  })
}

function revoke(apiKeys: ApiKeys): AnyRoute {
  return route({
    method: 'delete',
    path: '/api/v1/api-keys/{id}',
    summary: 'Revoke an API key',
    tag: 'Access',
    params: idParam,
    status: 204,
    response: z.null(),
    refusals: [404],
    async handle({ params, principal }) {
      await apiKeys.revoke(signedIn(principal), params.id)
      return { body: null }
    },
  })
}
