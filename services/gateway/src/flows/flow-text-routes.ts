import { type FlowDefinition, flowId } from '@driftline/checks/flow-definition'
import { type FlowYamlProblem, readFlowsYaml, readFlowYaml, writeFlowYaml } from '@driftline/checks/flow-yaml'
import { readFlow } from '@driftline/checks/read-flow'
import { actorOf } from '@driftline/platform/access/audit-log'
import { z } from 'zod'
import { ProblemError } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { signedIn } from '../routes/sessions.ts'
import { detailOf, TAG } from './flow-routes.ts'
import {
  flowDetail,
  flowParam,
  flowValidation,
  flowVersionDetail,
  flowVersions,
  importBody,
  imported,
  validateBody,
  versionParam,
} from './flow-schemas.ts'
import { type FlowRouteDeps, translated } from './route-deps.ts'

/** Flows as text, and as they were. */
export function flowTextRoutes(deps: FlowRouteDeps): AnyRoute[] {
  return [validate(), yaml(deps), bringIn(deps), versions(deps), version(deps), restore(deps)]
}

function validate(): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/flows/validate',
    summary: 'Say all that is wrong with a definition, as fields or as YAML, without keeping it',
    tag: TAG,
    body: validateBody,
    status: 200,
    response: flowValidation,
    refusals: [413, 415],
    async handle({ body }) {
      const read = 'yaml' in body ? readFlowYaml(body.yaml) : readFlow(body.definition)
      const { definition, problems } = read.ok
        ? { definition: read.definition, problems: [] }
        : { definition: null, problems: [...read.problems] as FlowYamlProblem[] }
      return { body: { ok: read.ok, problems, definition, yaml: definition && writeFlowYaml(definition) } }
    },
  })
}

function yaml(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/flows/{id}/yaml',
    summary: 'A business process as YAML, to keep or to bring in elsewhere',
    tag: TAG,
    params: flowParam,
    status: 200,
    response: z.string(),
    contentType: 'text/yaml',
    refusals: [404],
    async handle({ tenant, params }) {
      const { definition, id } = await deps.flows.get(tenant, params.id)
      const name = id.replace(/^flow:/, '').replace(/[^A-Za-z0-9._-]/g, '-')
      const bytes = Buffer.from(writeFlowYaml(definition), 'utf8')
      // The body of a route with a content type is bytes, whatever its schema says.
      return {
        body: bytes as unknown as string,
        headers: { 'content-disposition': `attachment; filename="${name}.yaml"` },
      }
    },
  })
}

function bringIn(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/flows/import',
    summary: 'Define what a YAML document has: one business process, or a list under `flows`',
    tag: TAG,
    body: importBody,
    status: 200,
    response: imported,
    refusals: [409, 413, 415],
    async handle({ tenant, body, principal }) {
      const by = actorOf(signedIn(principal))
      const read = readFlowsYaml(body.yaml)
      if (!read.ok) throw refusal(read.problems)
      const known = deps.book.of(tenant)
      refuseTwice(read.definitions)
      const taken = read.definitions.filter(({ name }) => known.has(flowId(name)))
      if (taken.length > 0 && !body.replace) {
        const names = taken.map(({ name }) => name).join(', ')
        throw new ProblemError(409, 'metadata_conflict', `There already: ${names}. Say \`replace\` to change them`)
      }
      const created: string[] = []
      const updated: string[] = []
      try {
        for (const definition of read.definitions) {
          const id = flowId(definition.name)
          if (known.has(id)) {
            await translated(deps.flows.update(tenant, id, null, definition, by))
            updated.push(id)
          } else created.push((await translated(deps.flows.create(tenant, definition, by))).id)
        }
      } finally {
        await deps.book.refresh()
      }
      return { body: { created, updated } }
    },
  })
}

function refusal(problems: readonly FlowYamlProblem[]): ProblemError {
  const errors = problems.map(({ path, message, line }) => ({
    parameter: path || 'yaml',
    reason: line === undefined ? message : `${message} (line ${line})`,
  }))
  const detail = errors.map((each) => `${each.parameter} ${each.reason}`).join('; ')
  return new ProblemError(400, 'flow_invalid', detail.slice(0, 2000), { errors })
}

function refuseTwice(definitions: readonly FlowDefinition[]): void {
  const seen = new Set<string>()
  for (const { name } of definitions) {
    const id = flowId(name)
    if (seen.has(id)) throw new ProblemError(400, 'flow_invalid', `Two of the business processes are named ${name}`)
    seen.add(id)
  }
}

function versions(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/flows/{id}/versions',
    summary: 'Versions of the definition that are kept, newest first',
    tag: TAG,
    params: flowParam,
    status: 200,
    response: flowVersions,
    refusals: [404],
    async handle({ tenant, params }) {
      const kept = await deps.flows.versions(tenant, params.id)
      await deps.names.learn(
        tenant,
        kept.map(({ savedBy }) => savedBy),
      )
      const items = kept.map((each) => versionItem(deps, tenant, each))
      return { body: { items, nextCursor: null } }
    },
  })
}

function versionItem(deps: FlowRouteDeps, tenant: string, kept: { version: number; savedAt: Date; savedBy: string }) {
  const createdBy = deps.names.nameOf(tenant, kept.savedBy)
  return { version: kept.version, createdAt: kept.savedAt.toISOString(), createdBy }
}

function version(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/flows/{id}/versions/{version}',
    summary: 'The definition as it was in a version',
    tag: TAG,
    params: versionParam,
    status: 200,
    response: flowVersionDetail,
    refusals: [404],
    async handle({ tenant, params }) {
      const kept = await deps.flows.versionOf(tenant, params.id, params.version)
      await deps.names.learn(tenant, [kept.savedBy])
      return { body: { ...versionItem(deps, tenant, kept), definition: kept.definition } }
    },
  })
}

function restore(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/flows/{id}/versions/{version}/restore',
    summary: 'Make an earlier definition the newest one',
    tag: TAG,
    params: versionParam,
    status: 200,
    response: flowDetail,
    refusals: [404, 409],
    async handle({ tenant, params, principal }) {
      const by = signedIn(principal)
      deps.names.note(by)
      const stored = await translated(deps.flows.restore(tenant, params.id, params.version, actorOf(by)))
      await deps.book.refresh()
      return { body: await detailOf(deps, tenant, stored) }
    },
  })
}
