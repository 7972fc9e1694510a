import { z } from 'zod'
import type { ApiKeyRecord, GatewayAccess } from '../access/gateway-access.ts'
import { pageByKey } from '../http/cursors.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { apiKey, apiKeyCreate, apiKeyCreated, idParam } from '../schemas/access.ts'
import { listOf, pageQuery } from '../schemas/common.ts'
import { signedIn } from './sessions.ts'

export function apiKeyRoutes(access: GatewayAccess): AnyRoute[] {
  return [list(access), create(access), revoke(access)]
}

function toApiKey(record: ApiKeyRecord) {
  return {
    ...record,
    createdAt: record.createdAt.toISOString(),
    lastUsedAt: record.lastUsedAt?.toISOString() ?? null,
    revokedAt: record.revokedAt?.toISOString() ?? null,
  }
}

function list(access: GatewayAccess): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/api-keys',
    summary: 'API keys, revoked ones included; never the keys themselves',
    tag: 'Access',
    query: pageQuery,
    status: 200,
    response: listOf(apiKey),
    async handle({ tenant, query }) {
      const keys = (await access.listKeys(tenant)).map(toApiKey)
      keys.sort((a, b) => (a.id < b.id ? -1 : 1))
      return { body: pageByKey(keys, (each) => each.id, query) }
    },
  })
}

function create(access: GatewayAccess): AnyRoute {
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
      const { key, record } = await access.createKey(signedIn(principal), body)
      return { body: { ...toApiKey(record), key } }
    },
  })
}

function revoke(access: GatewayAccess): AnyRoute {
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
      await access.revokeKey(signedIn(principal), params.id)
      return { body: null }
    },
  })
}
