import { fromBinary } from '@bufbuild/protobuf'
import { ProcessTableSchema } from '@driftline/proto'
import { applyFrame, type Rows } from '../estate/process-table.ts'
import { toHostItem } from '../estate/views.ts'
import { pageByKey } from '../http/cursors.ts'
import { badParameter } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { hostParam, listOf, pageQuery } from '../schemas/common.ts'
import { atQuery, framesQuery, type HostChanges, hostFrames, hostItem, hostTable } from '../schemas/hosts.ts'
import { type EstateRouteDeps, knownHost } from './deps.ts'

const FRAMES_RANGE_MS_MAX = 5 * 60_000
const iso = (timeMs: number): string => new Date(timeMs).toISOString()

export function hostRoutes(deps: EstateRouteDeps): AnyRoute[] {
  return [list(deps), one(deps), processes(deps), frames(deps)]
}

function list({ estate, clock }: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/hosts',
    summary: 'Hosts, by name',
    tag: 'Hosts',
    query: pageQuery,
    status: 200,
    response: listOf(hostItem),
    async handle({ tenant, query }) {
      const mine = estate.tenant(tenant)
      const hosts = [...mine.hosts.values()].sort((a, b) => (a.host < b.host ? -1 : 1))
      const page = pageByKey(hosts, (host) => host.host, query)
      const nowMs = clock.nowMs()
      return { body: { ...page, items: page.items.map((host) => toHostItem(mine, host, nowMs)) } }
    },
  })
}

function one(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/hosts/{host}',
    summary: 'One host',
    tag: 'Hosts',
    params: hostParam,
    status: 200,
    response: hostItem,
    refusals: [404],
    async handle({ tenant, params }) {
      const host = knownHost(deps, tenant, params.host)
      return { body: toHostItem(deps.estate.tenant(tenant), host, deps.clock.nowMs()) }
    },
  })
}

function processes(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/hosts/{host}/processes',
    summary: 'The whole process table of a host, now or at a past moment',
    tag: 'Hosts',
    params: hostParam,
    query: atQuery,
    status: 200,
    response: hostTable,
    refusals: [404],
    async handle({ tenant, params, query }) {
      const live = knownHost(deps, tenant, params.host)
      const table =
        query.at === undefined || query.at >= deps.clock.nowMs()
          ? live
          : await deps.history.tableAt(tenant, live.host, query.at)
      return {
        body: {
          host: live.host,
          time: table?.timeMs ? iso(table.timeMs) : null,
          description: table?.description ?? live.description,
          items: table ? [...table.rows.values()] : [],
          nextCursor: null,
        },
      }
    },
  })
}

/** A stretch of the past at once, so that a rewound page can play without asking for each second. */
function frames(deps: EstateRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/hosts/{host}/frames',
    summary: 'The process table at a moment and every change after it, for playing the past',
    tag: 'Hosts',
    params: hostParam,
    query: framesQuery,
    status: 200,
    response: hostFrames,
    refusals: [404],
    async handle({ tenant, params, query }) {
      const { host, description } = knownHost(deps, tenant, params.host)
      if (query.from >= query.to) throw badParameter('from', 'must be before `to`')
      if (query.to - query.from > FRAMES_RANGE_MS_MAX)
        throw badParameter('to', 'must be at most 5 minutes after `from`')
      const start = await deps.history.tableAt(tenant, host, query.from)
      const rows: Rows = start?.rows ?? new Map()
      const snapshot = {
        host,
        time: start ? iso(start.timeMs) : null,
        description: start?.description ?? description,
        // The rows go on changing below, so the answer takes copies.
        rows: [...rows.values()].map((row) => ({ ...row })),
      }
      const changes: HostChanges[] = []
      // Frames go on from the table that is shown; without one the first that makes sense is a key frame.
      const afterMs = start?.timeMs ?? query.from
      const following = await deps.history.framesBetween(tenant, host, afterMs, query.to)
      const first = start ? 0 : following.findIndex(({ keyFrame }) => keyFrame)
      for (const frame of first < 0 ? [] : following.slice(first)) {
        const table = fromBinary(ProcessTableSchema, frame.table)
        const { upserts, removed } = applyFrame(rows, table, frame.keyFrame)
        changes.push({ time: iso(frame.timeMs), upserts: upserts.map((upsert) => ({ ...upsert })), removed })
      }
      return { body: { host, snapshot, changes } }
    },
  })
}
