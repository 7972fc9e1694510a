import {
  collectFrames,
  createInstanceCollector,
  type InstanceRange,
  instanceRange,
  isExact,
} from '../estate/instances.ts'
import { pageByKey } from '../http/cursors.ts'
import { badParameter } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { readKeyFrames } from '../queries/snapshots.ts'
import { processIdParam } from '../schemas/common.ts'
import { instancesQuery, type ProcessInstance, type ProcessRow, processInstances } from '../schemas/hosts.ts'
import { type EstateRouteDeps, knownProcess } from './deps.ts'

const iso = (timeMs: number): string => new Date(timeMs).toISOString()

export function instanceRoutes(deps: EstateRouteDeps): AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/api/v1/processes/{id}/instances',
      summary: 'Instances of a group, of a host all of them: alive now, by pid, or those that lived in a range',
      tag: 'Processes',
      params: processIdParam,
      query: instancesQuery,
      status: 200,
      response: processInstances,
      refusals: [404],
      async handle({ tenant, params, query }) {
        const state = knownProcess(deps, tenant, params.id)
        const wanted = (row: ProcessRow): boolean => state.kind === 'host' || row.group === state.id
        const { from, to = deps.clock.nowMs() } = query
        if (from === undefined) {
          const live =
            state.host === null ? [] : [...(deps.estate.tenant(tenant).hosts.get(state.host)?.rows.values() ?? [])]
          const rows: ProcessInstance[] = live.filter(wanted).map((row) => ({ ...row, endTime: null, rssTrend: [] }))
          rows.sort((a, b) => a.pid - b.pid)
          const page = pageByKey(rows, (row) => String(row.pid).padStart(10, '0'), query)
          return { body: { ...page, from: null, to: null, step: null, exact: true, more: 0 } }
        }
        if (from >= to) throw badParameter('from', 'must be before `to`')
        const range = instanceRange(from, to, query.step)
        const found =
          state.host === null ? { items: [], more: 0 } : await collect(deps, tenant, state.host, range, wanted)
        const keyOf = new Map(found.items.map((item, index) => [item, String(index).padStart(4, '0')]))
        return {
          body: {
            ...pageByKey(found.items, (item) => keyOf.get(item) ?? '', query),
            from: iso(from),
            to: iso(to),
            step: range.stepMs / 1000,
            exact: isExact(range),
            more: found.more,
          },
        }
      },
    }),
  ]
}

async function collect(
  deps: EstateRouteDeps,
  tenant: string,
  host: string,
  range: InstanceRange,
  wanted: (row: ProcessRow) => boolean,
) {
  const { fromMs, toMs } = range
  const collector = createInstanceCollector(range, wanted)
  const start = await deps.history.tableAt(tenant, host, fromMs)
  if (start && start.timeMs > fromMs - FRESH_MS) collector.see(fromMs, start.rows.values())
  if (isExact(range)) {
    const frames = await deps.history.framesBetween(tenant, host, fromMs, toMs)
    await collectFrames(start?.rows ?? new Map(), frames, collector)
  } else {
    await collectFrames(new Map(), await readKeyFrames(deps.store, tenant, host, range), collector)
    const end = await deps.history.tableAt(tenant, host, toMs)
    if (end && end.timeMs > fromMs) collector.see(Math.min(toMs, end.timeMs), end.rows.values())
  }
  return collector.result()
}

/** A table before the range stands for its start when it is at most so old: key frames come each minute. */
const FRESH_MS = 90_000
