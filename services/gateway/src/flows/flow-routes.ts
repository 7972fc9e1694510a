import { flowId } from '@driftline/checks/flow-definition'
import type { StoredFlow } from '@driftline/checks/flow-store'
import { actorOf } from '@driftline/platform/access/audit-log'
import type { Principal } from '@driftline/platform/access/permissions'
import { AppError } from '@driftline/platform/errors'
import { z } from 'zod'
import { pageByKey } from '../http/cursors.ts'
import { badParameter, ProblemError } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { signedIn } from '../routes/sessions.ts'
import { pendingRun } from './check-reader.ts'
import {
  anyDefinition,
  cloneBody,
  type FlowDetail,
  type FlowItem,
  flowCreated,
  flowDetail,
  flowFilter,
  flowList,
  flowParam,
} from './flow-schemas.ts'
import { eventsOn, itemOf, newestOpen, shortOf } from './flow-views.ts'
import { type FlowRouteDeps, translated } from './route-deps.ts'
import { readRunStats } from './run-figures.ts'

export const TAG = 'Business processes'
const DAY_MS = 86_400_000

export function flowRoutes(deps: FlowRouteDeps): AnyRoute[] {
  return [list(deps), one(deps), create(deps), change(deps), remove(deps), clone(deps)]
}

function list(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/flows',
    summary: 'Business processes by name, with their health, their last run and the one under way',
    tag: TAG,
    query: flowFilter,
    status: 200,
    response: flowList,
    async handle({ tenant, query }) {
      const words = (query.q ?? '').toLowerCase().split(/\s+/).filter(Boolean)
      const found = (await itemsOf(deps, tenant)).filter((item) => fits(item, query, words))
      return { body: pageByKey(found, sortKey, query) }
    },
  })
}

const sortKey = ({ name, id }: FlowItem): string => `${name.toLowerCase()}\n${id}`

async function itemsOf(deps: FlowRouteDeps, tenant: string): Promise<FlowItem[]> {
  const nowMs = deps.clock.nowMs()
  const [rows, stats] = await Promise.all([
    deps.checkQueue.open(tenant),
    deps.runStatsCache.get(tenant, async () => {
      const read = await readRunStats(deps.store, tenant, nowMs - DAY_MS)
      return new Map(read.map((each) => [each.process, each]))
    }),
  ])
  const flows = deps.book.of(tenant)
  // What waits has no events yet; of what began the board knows more.
  const waiting = rows.filter(({ id, state }) => state === 'pending' && deps.board.get(tenant, id) === null)
  const pending = waiting.map((row) => pendingRun(row, flows.get(row.flow)?.definition ?? null))
  const open = newestOpen([...eventsOn(deps.board, tenant), ...pending])
  const items = [...flows.values()].map((flow) =>
    itemOf(flow, shortOf(deps, tenant, flow.id, open.get(flow.id) ?? null, nowMs), stats.get(flow.id)),
  )
  return items.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
}

function fits(item: FlowItem, query: z.infer<typeof flowFilter>, words: readonly string[]): boolean {
  if (query.category !== undefined && item.category !== query.category) return false
  if (query.tag !== undefined && !item.tags.includes(query.tag)) return false
  if (query.active !== undefined && item.active !== query.active) return false
  if (query.status !== undefined && item.health !== query.status) return false
  const text = [item.id, item.name, item.category, ...item.tags, item.owner, item.description].join('\n').toLowerCase()
  return words.every((word) => text.includes(word))
}

function one(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/flows/{id}',
    summary: 'A business process as it is defined',
    tag: TAG,
    params: flowParam,
    status: 200,
    response: flowDetail,
    refusals: [404],
    handle: async ({ tenant, params }) => ({
      body: await detailOf(deps, tenant, await deps.flows.get(tenant, params.id)),
    }),
  })
}

export async function detailOf(deps: FlowRouteDeps, tenant: string, flow: StoredFlow): Promise<FlowDetail> {
  await deps.names.learn(tenant, [flow.updatedBy])
  return {
    ...flow.definition,
    id: flow.id,
    version: flow.version,
    managedBy: flow.managedBy,
    createdAt: flow.createdAt.toISOString(),
    updatedAt: flow.updatedAt.toISOString(),
    updatedBy: deps.names.nameOf(tenant, flow.updatedBy),
  }
}

function create(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/flows',
    summary: 'Define a business process; its id is made of its name',
    tag: TAG,
    body: anyDefinition,
    status: 201,
    response: flowCreated,
    refusals: [409, 413, 415],
    handle: async ({ body, principal }) => ({ body: await createFlow(deps, signedIn(principal), body) }),
  })
}

/** Errors: 400 `flow_invalid`, 409. */
export async function createFlow(deps: FlowRouteDeps, by: Principal, definition: unknown) {
  deps.names.note(by)
  const { id, version } = await translated(deps.flows.create(by.tenant, definition, actorOf(by)))
  await deps.book.refresh()
  return { id, version }
}

/** What an answer has beside the definition: it may be sent back as it came. */
const answered = ['id', 'managedBy', 'createdAt', 'updatedAt', 'updatedBy']

function change(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'put',
    path: '/api/v1/flows/{id}',
    summary: 'Replace the definition of a business process; with `version`, only if that is still the stored one',
    tag: TAG,
    params: flowParam,
    body: anyDefinition,
    status: 200,
    response: flowDetail,
    refusals: [404, 409, 413, 415],
    async handle({ tenant, params, body, principal }) {
      const by = signedIn(principal)
      const { version: given = null, ...rest } = body
      const version = z.number().int().nullable().safeParse(given)
      if (!version.success) throw badParameter('version', 'must be a whole number')
      const definition = Object.fromEntries(Object.entries(rest).filter(([name]) => !answered.includes(name)))
      deps.names.note(by)
      const stored = await translated(deps.flows.update(tenant, params.id, version.data, definition, actorOf(by)))
      await deps.book.refresh()
      return { body: await detailOf(deps, tenant, stored) }
    },
  })
}

function remove(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'delete',
    path: '/api/v1/flows/{id}',
    summary: 'Remove a business process; what its runs found stays as long as other history',
    tag: TAG,
    params: flowParam,
    status: 204,
    response: z.null(),
    refusals: [404],
    async handle({ tenant, params, principal }) {
      const by = signedIn(principal)
      const { definition } = await deps.flows.get(tenant, params.id)
      await deps.flows.remove(tenant, params.id, actorOf(by))
      await cancelOpen(deps, by, params.id)
      // Its figures stay and would make it a process of the estate again.
      const { category, tags, description } = definition
      const settings = { category: category || null, tags, description: description || null, active: false }
      const kept = await deps.processSettings.patch(by, params.id, settings)
      await deps.book.refresh()
      deps.estate.tenant(tenant).applySetting(params.id, kept)
      return { body: null }
    },
  })
}

/** What waits or runs of a process that is gone would fail in a way that nobody understands. */
async function cancelOpen(deps: FlowRouteDeps, by: Principal, flow: string): Promise<void> {
  for (const { id } of await deps.checkQueue.open(by.tenant, flow)) {
    try {
      await deps.checkQueue.cancel(by.tenant, id, actorOf(by))
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'not_found') throw error
    }
  }
}

function clone(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/flows/{id}/clone',
    summary: 'Define a business process like another one; schedules do not run it before somebody says so',
    tag: TAG,
    params: flowParam,
    body: cloneBody,
    status: 201,
    response: flowCreated,
    refusals: [404, 409, 413, 415],
    async handle({ tenant, params, body, principal }) {
      const { definition } = await deps.flows.get(tenant, params.id)
      const active = definition.active && definition.schedules.length === 0
      return { body: await createFlow(deps, signedIn(principal), { ...definition, name: body.name, active }) }
    },
  })
}

/** A name of its own: `Name`, then `Name 2` and so on. Errors: 409 when there are too many. */
export function freeName(deps: FlowRouteDeps, tenant: string, name: string): string {
  const taken = deps.book.of(tenant)
  for (let count = 1; count <= 100; count++) {
    const wish = count === 1 ? name : `${name} ${count}`
    if (!taken.has(flowId(wish))) return wish
  }
  throw new ProblemError(409, 'metadata_conflict', `There are too many business processes named ${name}`)
}
