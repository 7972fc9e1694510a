import { mqttMapping } from '@driftline/ingest/definitions/mqtt'
import { InvalidSourceError, type StoredSource } from '@driftline/ingest/source-store'
import { actorOf } from '@driftline/platform/access/audit-log'
import type { Principal } from '@driftline/platform/access/permissions'
import { AppError } from '@driftline/platform/errors'
import { z } from 'zod'
import { pageByKey } from '../http/cursors.ts'
import { badParameter, ProblemError } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import type { SourceItem } from '../schemas/sources.ts'
import {
  mappingBody,
  type SourceDetail,
  sourceChange,
  sourceCreate,
  sourceDetail,
  sourceFilter,
  sourceList,
  sourceParam,
  sourcePatch,
} from '../schemas/sources.ts'
import { refuseFilesTo } from '../sources/permissions.ts'
import { refuseWrongDefinition } from '../sources/source-checks.ts'
import { sortKey, unmappedOf } from '../sources/source-items.ts'
import {
  definedDetail,
  knownSource,
  listSources,
  type SourceViewDeps,
  sourceDetailOf,
  statusOfSource,
} from '../sources/source-views.ts'
import { signedIn } from './sessions.ts'

const TAG = 'Sources'
/** Somebody else may save between our reading and our writing; after so many times they may have the word. */
const TRIES = 3

export type SourceRouteDeps = SourceViewDeps

export function sourceRoutes(deps: SourceRouteDeps): AnyRoute[] {
  return [list(deps), one(deps), create(deps), change(deps), activate(deps), remove(deps), map(deps)]
}

function list(deps: SourceRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/sources',
    summary: 'Where data comes from: brokers, logs, what is pushed, agents, and topics that no mapping takes',
    tag: TAG,
    query: sourceFilter,
    status: 200,
    response: sourceList,
    async handle({ tenant, query }) {
      const words = (query.q ?? '').toLowerCase().split(/\s+/).filter(Boolean)
      const found = (await listSources(deps, tenant)).filter((item) => fits(item, query, words))
      return { body: pageByKey(found, sortKey, query) }
    },
  })
}

function fits(item: SourceItem, query: z.infer<typeof sourceFilter>, words: readonly string[]): boolean {
  if (query.kind !== undefined && item.kind !== query.kind) return false
  if (query.status !== undefined && item.status !== query.status) return false
  if (query.active !== undefined && item.active !== query.active) return false
  const text = `${item.source}\n${item.name}\n${item.message}`.toLowerCase()
  return words.every((word) => text.includes(word))
}

function one(deps: SourceRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/sources/{id}',
    summary: 'One source with its definition, and how it is doing at each instance that reads it',
    tag: TAG,
    params: sourceParam,
    status: 200,
    response: sourceDetail,
    refusals: [404],
    handle: async ({ tenant, params }) => ({ body: await sourceDetailOf(deps, tenant, params.id) }),
  })
}

function create(deps: SourceRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/sources',
    summary: 'Add a source; the service that reads its kind takes it up within seconds',
    tag: TAG,
    body: sourceCreate,
    status: 201,
    response: sourceDetail,
    refusals: [409, 413, 415],
    async handle({ tenant, body, principal }) {
      const by = signedIn(principal)
      refuseFilesTo(by, body.kind)
      refuseWrongDefinition(body.kind, body.definition)
      const { secrets, ...draft } = body
      const wish = { ...draft, secrets: withoutNulls(secrets) }
      const stored = await translated(deps.sources.create(tenant, wish, actorOf(by)))
      return { body: await told(deps, by, stored) }
    },
  })
}

function withoutNulls(secrets: Readonly<Record<string, string | null>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(secrets ?? {}).flatMap(([name, value]) => (value ? [[name, value]] : [])))
}

function change(deps: SourceRouteDeps): AnyRoute {
  return route({
    method: 'put',
    path: '/api/v1/sources/{id}',
    summary: 'Change a source; secrets that are left out stay as they are',
    tag: TAG,
    params: sourceParam,
    body: sourceChange,
    status: 200,
    response: sourceDetail,
    refusals: [404, 409, 413, 415],
    async handle({ tenant, params, body, principal }) {
      const by = signedIn(principal)
      const known = await knownSource(deps, tenant, params.id)
      refuseFilesTo(by, known.kind)
      refuseWrongDefinition(known.kind, body.definition)
      const { revision, secrets, ...rest } = body
      const wish = secrets === undefined ? rest : { ...rest, secrets }
      const stored = await translated(deps.sources.update(tenant, params.id, revision, wish, actorOf(by)))
      return { body: await told(deps, by, stored) }
    },
  })
}

function activate(deps: SourceRouteDeps): AnyRoute {
  return route({
    method: 'patch',
    path: '/api/v1/sources/{id}',
    summary: 'Switch a source on or off',
    tag: TAG,
    params: sourceParam,
    body: sourcePatch,
    status: 200,
    response: sourceDetail,
    refusals: [404, 409, 413, 415],
    async handle({ params, body, principal }) {
      const by = signedIn(principal)
      const stored = await changedNewest(deps, by, params.id, () => ({ active: body.active }))
      return { body: await told(deps, by, stored) }
    },
  })
}

/** A change that does not depend on what else was changed: made to the newest revision. */
async function changedNewest(
  deps: SourceRouteDeps,
  by: Principal,
  id: string,
  wish: (source: StoredSource) => { active?: boolean; definition?: unknown },
): Promise<StoredSource> {
  for (let tried = 1; ; tried++) {
    const source = await knownSource(deps, by.tenant, id)
    refuseFilesTo(by, source.kind)
    try {
      return await translated(deps.sources.update(by.tenant, id, source.version, wish(source), actorOf(by)))
    } catch (error) {
      const isLate = error instanceof AppError && error.code === 'metadata_conflict'
      if (!isLate || tried >= TRIES) throw error
    }
  }
}

function remove(deps: SourceRouteDeps): AnyRoute {
  return route({
    method: 'delete',
    path: '/api/v1/sources/{id}',
    summary: 'Remove a source; what it brought stays',
    tag: TAG,
    params: sourceParam,
    status: 204,
    response: z.null(),
    refusals: [404],
    async handle({ tenant, params, principal }) {
      const by = signedIn(principal)
      const source = await knownSource(deps, tenant, params.id)
      refuseFilesTo(by, source.kind)
      await deps.sources.remove(tenant, source.id, actorOf(by))
      return { body: null }
    },
  })
}

function map(deps: SourceRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/sources/{id}/mappings',
    summary: 'Map a topic that was discovered: with what was proposed for it, or with a mapping of your own',
    tag: TAG,
    params: sourceParam,
    body: mappingBody,
    status: 200,
    response: sourceDetail,
    refusals: [404, 409, 413, 415],
    async handle({ tenant, params, body, principal }) {
      const by = signedIn(principal)
      const source = await knownSource(deps, tenant, params.id)
      if (source.kind !== 'mqtt') throw new ProblemError(409, 'no_mappings', 'Only sources of MQTT have mappings')
      const mapping = body.mapping ?? (await proposalFor(deps, tenant, source.id, body.topic))
      const read = mqttMapping.safeParse(mapping)
      if (!read.success) {
        const issue = read.error.issues[0]
        const path = ['mapping', ...(issue?.path ?? [])].map(String).join('.')
        throw badParameter(path, issue?.message ?? 'is no mapping')
      }
      const stored = await changedNewest(deps, by, source.id, ({ definition }) => {
        const before = definition as { readonly mappings?: readonly unknown[] }
        const next = { ...before, mappings: [...(before.mappings ?? []), read.data] }
        refuseWrongDefinition('mqtt', next)
        return { definition: next }
      })
      return { body: await told(deps, by, stored) }
    },
  })
}

/** Errors: 404 for a topic that was not heard; 409 when nothing can be proposed. */
async function proposalFor(deps: SourceRouteDeps, tenant: string, id: string, topic: string): Promise<unknown> {
  const heard = unmappedOf(await statusOfSource(deps, tenant, id)).find((each) => each.topic === topic)
  if (!heard) {
    const advice = 'It may have been mapped, or not have been heard lately; give a mapping of your own'
    throw new ProblemError(404, 'not_found', `No unmapped topic ${JSON.stringify(topic)} is known. ${advice}`)
  }
  if (heard.proposal === null || heard.proposal === undefined) {
    throw new ProblemError(
      409,
      'no_proposal',
      'Nothing can be proposed for what comes there; give a mapping of your own',
    )
  }
  return heard.proposal
}

/** What the store refuses of a draft, as problems of its fields. */
export async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof InvalidSourceError)) throw error
    const errors = error.problems.map(({ path, message }) => ({ parameter: path, reason: message }))
    throw new ProblemError(400, 'bad_request', error.message, { errors })
  }
}

function told(deps: SourceRouteDeps, by: Principal, source: StoredSource): Promise<SourceDetail> {
  deps.names.note(by)
  return definedDetail(deps, by.tenant, source)
}
