import type { Access } from '@driftline/platform/access/access'
import { decodeCursor, encodeCursor } from '../http/cursors.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { auditEntry } from '../schemas/access.ts'
import { listOf, pageQuery } from '../schemas/common.ts'
import { signedIn } from './sessions.ts'

export function auditLogRoutes({ auditLog }: Pick<Access, 'auditLog'>): AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/api/v1/audit-log',
      summary: 'Who changed what, newest first',
      tag: 'Access',
      query: pageQuery,
      status: 200,
      response: listOf(auditEntry),
      async handle({ principal, query }) {
        const before = decodeCursor(query.cursor, ['string'])?.[0] as string | undefined
        const page = { limit: query.limit + 1, ...(before === undefined ? {} : { before }) }
        const found = await auditLog.list(signedIn(principal), page)
        const items = found.slice(0, query.limit)
        const last = items.at(-1)
        return {
          body: {
            items: items.map(({ at, ...entry }) => ({ ...entry, time: at.toISOString() })),
            nextCursor: found.length > items.length && last ? encodeCursor([last.id]) : null,
          },
        }
      },
    }),
  ]
}
