import { createGallery, type GalleryExample } from '@driftline/checks/gallery/gallery'
import { checkTypeNames, checkTypes } from '@driftline/checks/types/check-types'
import { processId } from '@driftline/proto'
import { z } from 'zod'
import { notFound } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { signedIn } from '../routes/sessions.ts'
import { createFlow, freeName, TAG } from './flow-routes.ts'
import { checkTypeList, exampleParam, flowCreated, galleryList } from './flow-schemas.ts'
import type { FlowRouteDeps } from './route-deps.ts'

/** What flows can be made of, and examples to begin with. */
export function galleryRoutes(deps: FlowRouteDeps): AnyRoute[] {
  return [types(), list(deps), take(deps)]
}

function types(): AnyRoute {
  const items = checkTypeNames.map((name) => {
    const { title, timeoutSeconds, facts, schema } = checkTypes[name]
    const shape = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>
    return { name, title, timeoutSeconds, facts: [...facts], schema: shape }
  })
  return route({
    method: 'get',
    path: '/api/v1/check-types',
    summary: 'What a step can check, and the shape of its configuration',
    tag: TAG,
    status: 200,
    response: checkTypeList,
    handle: async () => ({ body: { items, nextCursor: null } }),
  })
}

/** As they fit this installation: its own address, and a host that is watched. */
function examplesOf(deps: FlowRouteDeps, tenant: string): readonly GalleryExample[] {
  const { host, port } = deps.address()
  const [watched] = deps.estate.tenant(tenant).hosts.keys()
  const place = { productHost: host, productPort: port, host: watched === undefined ? '' : processId('host', watched) }
  return createGallery(place)
}

function list(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/flow-gallery',
    summary: 'Examples to begin with; those without needs run as they are',
    tag: TAG,
    status: 200,
    response: galleryList,
    async handle({ tenant }) {
      const items = examplesOf(deps, tenant).map(({ id, title, about, needs, definition }) => ({
        id,
        title,
        about,
        needs: [...needs],
        definition: { ...definition } as Record<string, unknown>,
      }))
      return { body: { items, nextCursor: null } }
    },
  })
}

function take(deps: FlowRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/flow-gallery/{example}',
    summary: 'Define a business process by an example, under a name that is free',
    tag: TAG,
    params: exampleParam,
    status: 201,
    response: flowCreated,
    refusals: [404, 409],
    async handle({ tenant, params, principal }) {
      const example = examplesOf(deps, tenant).find(({ id }) => id === params.example)
      if (!example) throw notFound('example', params.example)
      const name = freeName(deps, tenant, example.definition.name)
      return { body: await createFlow(deps, signedIn(principal), { ...example.definition, name }) }
    },
  })
}
