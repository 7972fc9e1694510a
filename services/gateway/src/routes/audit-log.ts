import type { GatewayAccess } from '../access/gateway-access.ts'
import { decodeCursor, encodeCursor } from '../http/cursors.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { auditEntry } from '../schemas/access.ts'
import { listOf, pageQuery } from '../schemas/common.ts'

export function auditLogRoutes(access: GatewayAccess): AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/api/v1/audit-log',
      summary: 'Who changed what, newest first',
      tag: 'Access',
      query: pageQuery,
      status: 200,
      response: listOf(auditEntry),
      async handle({ tenant, query }) {
        const before = (decodeCursor(query.cursor, ['string'])?.[0] as string | undefined) ?? null
        const entries = await access.auditLog(tenant, { limit: query.limit + 1, before })
        const items = entries.slice(0, query.limit)
        const last = items.at(-1)
        return {
          body: {
            items: items.map(({ at, ...entry }) => ({ ...entry, time: at.toISOString() })),
            nextCursor: entries.length > items.length && last ? encodeCursor([last.id]) : null,
          },
        }
      },
    }),
  ]
}
